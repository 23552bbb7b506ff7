"""Money needs two people, and no administrator alone can be both of them: by a new account, more rights, a
link, another name at the authority's sign-in, or an account that is switched on again."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from almoner import casework
from almoner.casework.accounts import staff, two_administrators
from almoner.casework.core.refusals import Refused
from almoner.casework.models import AccountChange, CaseEvent, Membership
from casework.conftest import PASSWORD

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
NOBODY = {"full_name": "", "role": "auditor", "areas": "", "department": "", "outside_name": ""}
WORKER = NOBODY | {"role": "worker", "areas": "5201", "full_name": "Wang Worker"}


def act(client: Client, user: User, action: str, **given: Any) -> Any:
    return client.post(reverse("person-action", args=[user.pk, action]), given, follow=True)


def save(client: Client, user: User, given: dict[str, str]) -> str:
    page = client.post(reverse("person", args=[user.pk]), given, follow=True)
    return str(page.content.decode())


def waits(user: User) -> AccountChange:
    return AccountChange.objects.get(user=user, agreed=None)


def agree(client: Client, user: User) -> str:
    return str(act(client, user, "agree", change=waits(user).pk).content.decode())


def may_sign_in(username: str) -> bool:
    given = {"username": username, "password": PASSWORD}
    return bool(Client().post(reverse("sign-in"), given).status_code == 302)


@pytest.mark.parametrize("role", ["worker", "lead", "administrator"])
def test_a_new_account_with_such_rights_waits_and_its_link_goes_to_the_second_administrator(
    administrator: User, second_administrator: User, signed_in: SignIn, role: str
) -> None:
    mine, second = signed_in(administrator), signed_in(second_administrator)
    page = mine.post(reverse("person-new"), NOBODY | {"username": "anna", "role": role}, follow=True)
    assert "Another administrator must agree" in page.content.decode()
    anna = User.objects.get(username="anna")
    assert not anna.is_active
    for action in ("on", "link"):
        assert "Another change of this person waits" in act(mine, anna, action).content.decode()
    assert "You asked for this yourself" in agree(mine, anna)
    assert "/begin/" not in page.content.decode()
    assert "anna" in second.get(reverse("people")).content.decode()
    shown = agree(second, anna)
    anna.refresh_from_db()
    assert anna.is_active
    link = re.search(r"http://testserver(/begin/[^<]+)", shown)
    assert link is not None
    new = Client().get(link[1], follow=True)
    assert new.status_code == 200
    assert casework.verify_chain().intact


@pytest.mark.parametrize("action", ["on", "link", "second-factor"])
def test_nobody_alone_opens_an_account_that_works_with_cases(
    worker: User, administrator: User, second_administrator: User, signed_in: SignIn, action: str
) -> None:
    mine = signed_in(administrator)
    Authenticator.objects.create(user=worker, type="totp", data={})
    if action == "on":
        staff.switch(worker, administrator, False)
    before = (User.objects.values("password", "is_active").get(pk=worker.pk), Authenticator.objects.count())
    page = act(mine, worker, action).content.decode()
    assert "Another administrator must agree." in page
    assert "/begin/" not in page
    after = (User.objects.values("password", "is_active").get(pk=worker.pk), Authenticator.objects.count())
    assert after == before
    shown = agree(signed_in(second_administrator), worker)
    assert ("/begin/" in shown) == (action == "link")
    now = (User.objects.values("password", "is_active").get(pk=worker.pk), Authenticator.objects.count())
    assert now != before


def test_who_gains_such_rights_begins_anew_so_that_nobody_who_knew_the_account_has_them(
    administrator: User, second_administrator: User, signed_in: SignIn
) -> None:
    """An administrator alone made the account of an auditor, and knows its password."""
    mine, second = signed_in(administrator), signed_in(second_administrator)
    auditor = casework.create_user("puppet", PASSWORD, role="auditor", areas=[])
    Authenticator.objects.create(user=auditor, type="totp", data={})
    assert "Another administrator must agree" in save(mine, auditor, WORKER)
    assert Membership.objects.get(user=auditor).role == "auditor"
    page = second.get(reverse("person", args=[auditor.pk])).content.decode()
    assert "Case worker" in page
    assert "/begin/" in agree(second, auditor)
    assert Membership.objects.get(user=auditor).role == "worker"
    assert not may_sign_in("puppet")
    assert not Authenticator.objects.exists()


def test_another_name_at_the_authoritys_sign_in_waits_and_fewer_rights_do_not(
    worker: User, administrator: User, second_administrator: User, signed_in: SignIn
) -> None:
    mine = signed_in(administrator)
    save(mine, worker, WORKER | {"outside_name": "somebody"})
    assert Membership.objects.get(user=worker).outside_name == ""
    assert "Another change of this person waits" in save(mine, worker, WORKER | {"areas": "52"})
    act(mine, worker, "decline", change=waits(worker).pk)
    assert "Saved." in save(mine, worker, WORKER | {"areas": "52"})
    save(mine, worker, NOBODY)
    assert Membership.objects.get(user=worker).role == "auditor"
    kinds = CaseEvent.objects.filter(kind__startswith="user_change_").order_by("number")
    assert list(kinds.values_list("kind", "actor__username")) == [
        ("user_change_asked", "administrator"),
        ("user_change_declined", "administrator"),
    ]
    auditor = casework.create_user("auditor", PASSWORD, role="auditor", areas=[])
    trail = signed_in(auditor).get(reverse("oversight")).content.decode()
    assert "A second administrator was asked, for user worker: Change name or rights (Case worker)." in trail


def test_what_is_agreed_to_is_what_was_seen_and_nobody_decides_about_themselves(
    worker: User, administrator: User, second_administrator: User, signed_in: SignIn
) -> None:
    mine, second = signed_in(administrator), signed_in(second_administrator)
    act(mine, worker, "link")
    first = waits(worker)
    act(mine, worker, "decline", change=first.pk)
    act(mine, worker, "second-factor")
    late = act(second, worker, "agree", change=first.pk).content.decode()
    assert "This has been decided already." in late
    assert waits(worker).action == "second-factor"
    act(mine, second_administrator, "link")
    assert "Nobody changes their own rights" in agree(second, second_administrator)
    with pytest.raises(Refused, match="asked for this yourself"):
        two_administrators.decide(waits(worker).pk, administrator, True)
    with pytest.raises(IntegrityError), transaction.atomic():
        AccountChange.objects.filter(user=worker).update(agreed=True, decided_by=administrator)


@pytest.mark.parametrize("decided", [True, False])
def test_the_person_is_told_at_the_next_sign_in_and_on_their_own_page(
    worker: User, administrator: User, second_administrator: User, signed_in: SignIn, decided: bool
) -> None:
    mine, second = signed_in(administrator), signed_in(second_administrator)
    act(mine, worker, "second-factor")
    act(second, worker, "agree" if decided else "decline", change=waits(worker).pk)
    client = Client()
    client.post(reverse("sign-in"), {"username": "worker", "password": PASSWORD})
    assert ("Remove the second factor" in client.get(reverse("queue")).content.decode()) is decided
    page = " ".join(client.get(reverse("account")).content.decode().split())
    assert ("Remove the second factor (administrator, second)" in page) is decided


def test_the_only_administrator_is_told_what_to_do(
    worker: User, administrator: User, signed_in: SignIn
) -> None:
    mine = signed_in(administrator)
    page = act(mine, worker, "link").content.decode()
    assert "Whoever runs the server can add one" in page
    casework.link_for("worker", "worker", ["*"], None)
    assert AccountChange.objects.filter(user=worker, asked_by=None, agreed=True).count() == 1
