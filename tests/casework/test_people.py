"""Users, kept by an administrator: each change is in the trail, and nobody gives themselves more rights."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from almoner import casework
from almoner.casework.models import AccountChange, Area, CaseEvent, Membership
from casework.conftest import PASSWORD

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
AUDITOR = {"full_name": "", "role": "auditor", "areas": "", "department": "", "outside_name": ""}


def recorded() -> list[tuple[str, Any]]:
    return [(e.kind, e.actor_id) for e in CaseEvent.objects.filter(case=None).order_by("number")]


def test_an_administrator_adds_somebody_who_begins_by_a_link(administrator: User, signed_in: SignIn) -> None:
    client = signed_in(administrator)
    given = AUDITOR | {
        "username": "anna",
        "role": "policy",
        "areas": "5201, 5202",
        "full_name": "Anna Fictional",
    }
    page = client.post(reverse("person-new"), given, follow=True)
    assert "anna was added" in page.content.decode()
    anna = User.objects.get(username="anna")
    assert (anna.membership.role, anna.membership.areas) == ("policy", ["5201", "5202"])
    assert not anna.has_usable_password()
    shown = client.post(reverse("person-action", args=[anna.pk, "link"])).content.decode()
    assert "http://testserver/begin/" in shown
    assert recorded()[-2:] == [("user_made", administrator.pk), ("user_link", administrator.pk)]
    assert casework.verify_chain().intact


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"username": "worker"}, "There is a user of this name already"),
        ({"username": "a b"}, "valid username"),
        ({"role": "department"}, "Choose the department"),
        ({"department": "relief"}, "Only the role of a department"),
        ({"role": "worker", "areas": "99"}, "begins with 99"),
        ({"role": "emperor"}, "Select a valid choice"),
        ({"outside_name": "wang"}, "Somebody else has this name there"),
    ],
)
def test_what_does_not_fit_is_told_and_nobody_is_made(
    worker: User, administrator: User, signed_in: SignIn, given: dict[str, str], said: str
) -> None:
    Area.objects.create(code="520101")
    Membership.objects.filter(user=worker).update(outside_name="wang")
    before = User.objects.count()
    page = signed_in(administrator).post(reverse("person-new"), AUDITOR | {"username": "new"} | given)
    assert said in page.content.decode()
    assert User.objects.count() == before


def test_other_rights_end_the_sessions_and_are_in_the_trail(
    worker: User, administrator: User, signed_in: SignIn
) -> None:
    theirs, mine = signed_in(worker), signed_in(administrator)
    assert theirs.get(reverse("queue")).status_code == 200
    renamed = {
        "full_name": "Wang W.",
        "role": "worker",
        "areas": "5201",
        "department": "",
        "outside_name": "",
    }
    mine.post(reverse("person", args=[worker.pk]), renamed)
    assert theirs.get(reverse("queue")).status_code == 200
    mine.post(reverse("person", args=[worker.pk]), AUDITOR)
    assert theirs.get(reverse("queue")).status_code == 302
    again = signed_in(worker)
    assert again.get(reverse("queue")).status_code == 404
    assert again.get(reverse("oversight")).status_code == 200
    data = json.loads(CaseEvent.objects.filter(kind="user_changed").latest("number").data)
    assert (data["username"], data["before"]["role"], data["after"]["role"]) == (
        "worker",
        "worker",
        "auditor",
    )
    assert "Name or rights of user worker were changed." in again.get(reverse("oversight")).content.decode()


def agreed(client: Client, user: User) -> Any:
    """A second administrator agrees to what waits for this person."""
    waits = AccountChange.objects.get(user=user, agreed=None)
    return client.post(reverse("person-action", args=[user.pk, "agree"]), {"change": waits.pk})


def test_who_is_switched_off_is_out_at_once_and_may_come_back(
    worker: User, administrator: User, second_administrator: User, signed_in: SignIn
) -> None:
    theirs, mine = signed_in(worker), signed_in(administrator)
    mine.post(reverse("person-action", args=[worker.pk, "off"]))
    assert theirs.get(reverse("queue")).status_code == 302
    sign_in = {"username": "worker", "password": PASSWORD}
    assert Client().post(reverse("sign-in"), sign_in).status_code == 200
    mine.post(reverse("person-action", args=[worker.pk, "on"]))
    assert Client().post(reverse("sign-in"), sign_in).status_code == 200
    agreed(signed_in(second_administrator), worker)
    assert theirs.get(reverse("queue")).status_code == 302
    assert Client().post(reverse("sign-in"), sign_in).status_code == 302
    assert recorded()[-4:] == [
        ("user_off", administrator.pk),
        ("user_change_asked", administrator.pk),
        ("user_change_agreed", second_administrator.pk),
        ("user_on", second_administrator.pk),
    ]


def test_a_second_factor_is_taken_away_with_its_codes(
    worker: User, administrator: User, second_administrator: User, signed_in: SignIn
) -> None:
    for kind in ("totp", "recovery_codes"):
        Authenticator.objects.create(user=worker, type=kind, data={})
    theirs = signed_in(worker)
    signed_in(administrator).post(reverse("person-action", args=[worker.pk, "second-factor"]))
    assert Authenticator.objects.count() == 2
    agreed(signed_in(second_administrator), worker)
    assert not Authenticator.objects.exists()
    assert theirs.get(reverse("queue")).status_code == 302
    assert recorded()[-1] == ("user_second_factor_reset", second_administrator.pk)


@pytest.mark.parametrize("role", ["worker", "lead", "auditor"])
def test_an_administrator_cannot_give_themselves_rights(
    administrator: User, signed_in: SignIn, role: str
) -> None:
    client, own = signed_in(administrator), reverse("person", args=[administrator.pk])
    before = recorded()
    page = client.post(own, AUDITOR | {"role": role, "areas": "*"})
    assert "Nobody changes their own rights" in page.content.decode()
    for action in ("off", "second-factor", "link"):
        client.post(reverse("person-action", args=[administrator.pk, action]))
    administrator.refresh_from_db()
    assert (administrator.membership.role, administrator.is_active, recorded()) == (
        "administrator",
        True,
        before,
    )
    assert administrator.check_password(PASSWORD)
    client.post(
        own,
        {"full_name": "Ada", "role": "administrator", "areas": "", "department": "", "outside_name": "me"},
    )
    administrator.membership.refresh_from_db()
    assert (User.objects.get(pk=administrator.pk).first_name, administrator.membership.outside_name) == (
        "Ada",
        "",
    )


def test_the_list_makes_no_query_for_each_person(administrator: User, signed_in: SignIn) -> None:
    client = signed_in(administrator)

    def queries() -> int:
        client.get(reverse("people"))
        with CaptureQueriesContext(connection) as captured:
            assert "administrator" in client.get(reverse("people")).content.decode()
        return len(captured)

    few = queries()
    for number in range(30):
        casework.create_user(f"u{number}", None, role="auditor", areas=[])
    assert queries() == few


def test_the_command_line_shares_the_code_and_the_trail(departments: None) -> None:
    address = casework.link_for("ada", "administrator", [], None)
    ada = User.objects.get(username="ada")
    Authenticator.objects.create(user=ada, type="totp", data={})
    assert Client().get(address, follow=True).status_code == 200
    assert casework.link_for("ada", "worker", ["*"], None) != address
    assert (ada.membership.role, Authenticator.objects.count()) == ("administrator", 0)
    assert recorded() == [
        ("user_made", None),
        ("user_link", None),
        ("user_second_factor_reset", None),
        ("user_link", None),
    ]
