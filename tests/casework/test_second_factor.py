"""A second factor counts when it was used in a session, not when its person merely has one; and sessions are
kept so that a copy of the database opens none."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.conf import settings as console
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from casework.conftest import PASSWORD

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]


@pytest.fixture(autouse=True)
def _asked(settings: object, vault_with_mei: None) -> None:
    settings.SECOND_FACTOR = "personal"  # type: ignore[attr-defined]
    cache.clear()


def by_password() -> Client:
    client = Client()
    client.post(reverse("sign-in"), {"username": "worker", "password": PASSWORD})
    return client


def code_of(secret: str, steps: int = 0) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps))


def enrol(client: Client) -> str:
    secret = str(client.get(reverse("mfa_activate_totp")).context["form"].secret)
    assert client.post(reverse("mfa_activate_totp"), {"code": code_of(secret)}).status_code == 302
    return secret


def test_who_only_knows_the_password_gains_nothing_when_the_person_enrols(worker: User) -> None:
    thief, person = by_password(), by_password()
    secret = enrol(person)
    assert person.get(reverse("queue")).status_code == 200
    for page in ("queue", "password", "mfa_activate_totp", "account"):
        assert thief.get(reverse(page)).headers["Location"].startswith(reverse("sign-in")), page
    again = by_password()
    again.post(reverse("mfa_authenticate"), {"code": code_of(secret, 1)})
    assert again.get(reverse("queue")).status_code == 200


def test_a_session_that_never_used_the_second_factor_ends_even_without_a_trace_of_enrolling(
    worker: User, signed_in: SignIn
) -> None:
    session = signed_in(worker)
    Authenticator.objects.bulk_create([Authenticator(user=worker, type="totp", data={})])  # no signal is sent
    assert session.get(reverse("queue")).headers["Location"] == reverse("sign-in")
    assert "_auth_user_id" not in session.session


@pytest.mark.parametrize("change", ["mfa_deactivate_totp", "mfa_generate_recovery_codes"])
def test_taking_the_app_away_or_renewing_codes_ends_the_other_sessions_only(
    worker: User, change: str
) -> None:
    here = by_password()
    secret = enrol(here)
    there = by_password()
    there.post(reverse("mfa_authenticate"), {"code": code_of(secret, 1)})
    assert there.get(reverse("queue")).status_code == 200
    assert here.post(reverse(change)).status_code == 302
    assert there.get(reverse("queue")).headers["Location"].startswith(reverse("sign-in"))
    assert here.get(reverse("account")).status_code == (200 if "codes" in change else 302)
    assert "_auth_user_id" in here.session


def test_a_copy_of_the_database_opens_no_session(worker: User, signed_in: SignIn) -> None:
    client = signed_in(worker)
    key = client.session.session_key
    stored = list(Session.objects.values_list("session_key", flat=True))
    assert key not in str(stored)
    assert all(re.fullmatch(r"[\w-]{40}", one) for one in stored)
    thief = Client()
    for one in stored:
        thief.cookies[console.SESSION_COOKIE_NAME] = one
        assert thief.get(reverse("account")).status_code == 302
    assert client.get(reverse("account")).status_code in {200, 302}
    assert client.session["_auth_user_id"] == str(worker.pk)
    client.post(reverse("sign-out"))
    assert not Session.objects.filter(session_key__in=stored).exists()
    call_command("clearsessions")


def test_what_a_session_holds_is_sealed_and_the_secret_of_a_second_factor_is_in_it(worker: User) -> None:
    client = by_password()
    secret = str(client.get(reverse("mfa_activate_totp")).context["form"].secret)
    assert secret in str(dict(client.session))
    stored = Session.objects.latest("expire_date").session_data
    assert DatabaseStore().decode(stored) == {}
    console.SECRET_KEY, kept = "x" * 50, console.SECRET_KEY
    try:
        assert client.get(reverse("account")).status_code == 302, "another key opens nothing"
    finally:
        console.SECRET_KEY = kept
