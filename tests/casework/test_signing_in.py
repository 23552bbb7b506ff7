"""Signing in: password and second factor, the authority's own provider, sessions and how they end."""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.urls import NoReverseMatch, reverse

from almoner import casework
from almoner.casework.accounts import staff
from almoner.casework.conf import environment
from almoner.casework.models import CaseEvent, Membership
from almoner.errors import HomeError
from casework.conftest import PASSWORD
from casework.provider import CLIENT, SECRET, STRANGE_KEY, Provider, running

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]


@pytest.fixture(autouse=True)
def _no_tries_yet() -> None:
    cache.clear()


@pytest.fixture
def asked(settings: Any, vault_with_mei: None) -> None:
    """Whoever sees personal data must have a second factor."""
    settings.SECOND_FACTOR = "personal"


def by_password(client: Client, username: str, password: str = PASSWORD) -> Any:
    return client.post(reverse("sign-in"), {"username": username, "password": password})


def code_of(secret: str, steps: int = 0) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps))


def enrolled(client: Client, username: str) -> tuple[str, list[str]]:
    """Signs in for the first time and sets up an app; gives its secret and the recovery codes."""
    assert by_password(client, username).status_code == 302
    page = client.get(reverse("queue"))
    assert page.headers["Location"] == reverse("mfa_activate_totp")
    page = client.get(reverse("mfa_activate_totp"))
    text = page.content.decode()
    secret = str(page.context["form"].secret)
    assert secret in text
    assert "<svg" in text
    done = client.post(reverse("mfa_activate_totp"), {"code": code_of(secret)})
    assert done.headers["Location"] == reverse("mfa_view_recovery_codes")
    codes = re.findall(r"<li>(\d{8})</li>", client.get(done.headers["Location"]).content.decode())
    assert len(codes) == 10
    return secret, codes


def test_who_sees_personal_data_sets_up_a_second_factor_before_anything_else(
    asked: None, worker: User, client: Client
) -> None:
    secret, codes = enrolled(client, "worker")
    assert client.get(reverse("queue")).status_code == 200
    assert not re.search(codes[0], client.get(reverse("mfa_view_recovery_codes")).content.decode())
    assert secret not in json.dumps(list(Authenticator.objects.values_list("data", flat=True)))


def test_the_code_is_asked_for_at_each_sign_in_and_works_once(
    asked: None, worker: User, client: Client
) -> None:
    secret, codes = enrolled(client, "worker")
    for right in (code_of(secret, 1), codes[3]):
        again = Client()
        assert by_password(again, "worker").headers["Location"] == reverse("mfa_authenticate")
        assert again.get(reverse("queue")).status_code == 302
        wrong = again.post(reverse("mfa_authenticate"), {"code": "000000"})
        assert "This code is not right." in wrong.content.decode()
        assert again.post(reverse("mfa_authenticate"), {"code": right}).status_code == 302
        assert again.get(reverse("queue")).status_code == 200
        stolen = Client()
        by_password(stolen, "worker")
        assert (
            "This code is not right."
            in stolen.post(reverse("mfa_authenticate"), {"code": right}).content.decode()
        )


def test_new_recovery_codes_end_the_old_ones(asked: None, worker: User, client: Client) -> None:
    _secret, old = enrolled(client, "worker")
    made = client.post(reverse("mfa_generate_recovery_codes"), follow=True).content.decode()
    new = re.findall(r"<li>(\d{8})</li>", made)
    assert len(new) == 10
    assert not set(new) & set(old)
    again = Client()
    by_password(again, "worker")
    assert again.post(reverse("mfa_authenticate"), {"code": old[0]}).status_code == 200
    assert again.post(reverse("mfa_authenticate"), {"code": new[0]}).status_code == 302


def test_guessing_codes_is_stopped(asked: None, worker: User, client: Client) -> None:
    secret, _codes = enrolled(client, "worker")
    again = Client()
    by_password(again, "worker")
    for _ in range(5):
        again.post(reverse("mfa_authenticate"), {"code": "000000"})
    page = again.post(reverse("mfa_authenticate"), {"code": code_of(secret, 1)}).content.decode()
    assert "Too many tries" in page


@pytest.mark.parametrize(
    ("said", "who"),
    [
        ("personal", {"worker", "lead", "department", "administrator"}),
        ("none", set()),
        ("auditor, data", {"auditor", "data"}),
        ("all", {"worker", "lead", "department", "policy", "data", "auditor", "administrator"}),
    ],
)
def test_the_installation_says_who_must_have_a_second_factor(settings: Any, said: str, who: set[str]) -> None:
    from almoner.casework.accounts.signing_in import roles_with_second_factor

    settings.SECOND_FACTOR = said
    assert roles_with_second_factor() == who


def test_wrong_passwords_lock_the_name_for_a_while(worker: User, client: Client) -> None:
    for _ in range(5):
        answer = by_password(client, "worker", "wrong")
    assert answer.status_code == 429
    assert by_password(client, "worker").status_code == 429


def test_what_allauth_could_do_beyond_this_has_no_address() -> None:
    client = Client()
    for path in (
        "signup/",
        "login/",
        "accounts/signup/",
        "account/signup/",
        "account/email/",
        "password/reset/",
        "accounts/3rdparty/",
    ):
        assert client.get(f"/{path}").status_code == 404, path
    for name in (
        "account_signup",
        "account_reset_password",
        "account_email",
        "socialaccount_signup",
        "mfa_add_webauthn",
    ):
        with pytest.raises(NoReverseMatch):
            reverse(name)


def test_a_session_ends_when_idle_and_in_any_case_after_some_hours(
    worker: User, signed_in: SignIn, settings: Any
) -> None:
    for key, seconds, status in (
        ("seen", settings.IDLE_SECONDS - 60, 200),
        ("seen", settings.IDLE_SECONDS + 60, 302),
        ("began", settings.SESSION_COOKIE_AGE - 60, 200),
        ("began", settings.SESSION_COOKIE_AGE + 60, 302),
    ):
        client = signed_in(worker)
        session = client.session
        session[key] = int(time.time()) - seconds
        session.save()
        assert client.get(reverse("queue")).status_code == status, (key, seconds)
    assert "You were signed out" in client.get(reverse("sign-in")).content.decode()


def test_signing_out_ends_the_session_on_the_server(worker: User, signed_in: SignIn) -> None:
    client = signed_in(worker)
    cookie = client.cookies["sessionid"].value
    client.post(reverse("sign-out"))
    client.cookies["sessionid"] = cookie
    assert client.get(reverse("queue")).status_code == 302


def test_a_new_password_ends_other_sessions_and_not_this_one(
    worker: User, client: Client, signed_in: SignIn
) -> None:
    other = signed_in(worker)
    by_password(client, "worker")
    new = "another long fictional password"
    given = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert client.post(reverse("password"), given | {"new_password2": "x"}).status_code == 200
    assert client.post(reverse("password"), given).status_code == 302
    assert (client.get(reverse("queue")).status_code, other.get(reverse("queue")).status_code) == (200, 302)
    assert CaseEvent.objects.latest("number").kind == "user_password"


@pytest.mark.parametrize("page", ["account", "password", "mfa_activate_totp"])
def test_pages_of_ones_own_account_open_for_each_role_in_both_languages(
    page: str, worker: User, signed_in: SignIn, vault_with_mei: None
) -> None:
    client = signed_in(worker)
    assert client.get(reverse(page)).status_code == 200
    client.post(reverse("set_language"), {"language": "zh-hans"})
    text = client.get(reverse(page)).content.decode()
    heading = re.search(r"<h1[^>]*>([^<]+)<", text)
    assert heading is not None
    assert re.search("[\u4e00-\u9fff]", heading[1])
    assert Client().get(reverse(page)).status_code == 302


def test_guessing_the_password_again_is_stopped_on_a_page_of_ours(worker: User, client: Client) -> None:
    by_password(client, "worker")
    for _ in range(11):
        response = client.post(reverse("account_reauthenticate"), {"password": "wrong"})
    assert response.status_code == 429
    assert "Wait a minute" in response.content.decode()


def test_what_is_delicate_asks_for_the_password_again_after_a_while(
    asked: None, worker: User, client: Client
) -> None:
    enrolled(client, "worker")
    end = reverse("mfa_deactivate_totp")
    assert client.get(end).status_code == 200
    session = client.session
    session["began"] = int(time.time()) - 600
    session.save()
    again = client.get(end).headers["Location"]
    assert again.startswith(reverse("account_reauthenticate"))
    assert "This password is not right." in client.post(again, {"password": "wrong"}).content.decode()
    assert client.post(again, {"password": PASSWORD, "next": end}).headers["Location"] == end
    assert client.post(end).status_code == 302
    assert not Authenticator.objects.exists()
    assert client.get(reverse("queue")).headers["Location"] == reverse("mfa_activate_totp")


# The authority's own sign-in.


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    with running() as found:
        said = environment.read(
            {
                "ALMONER_OIDC_ISSUER": found.issuer,
                "ALMONER_OIDC_CLIENT": CLIENT,
                "ALMONER_OIDC_SECRET": SECRET,
                "ALMONER_OIDC_NAME": "the county",
            }
        )
        settings.PROVIDER = said.provider
        settings.SOCIALACCOUNT_PROVIDERS = environment.providers_of(said.provider)
        yield found


def by_provider(client: Client) -> Any:
    """To the provider and back, as a browser goes; gives our answer to what it brings back."""
    there = urlsplit(client.get(reverse("outside")).headers["Location"])
    connection = http.client.HTTPConnection(there.netloc)
    connection.request("GET", f"{there.path}?{there.query}")
    answer = connection.getresponse()
    answer.read()
    connection.close()
    back = urlsplit(answer.headers["Location"])
    return client.get(f"{back.path}?{back.query}")


def test_the_provider_signs_in_whom_an_administrator_named(
    provider: Provider, worker: User, client: Client
) -> None:
    assert "the county" in client.get(reverse("sign-in")).content.decode()
    Membership.objects.filter(user=worker).update(outside_name="wang")
    assert by_provider(client).status_code == 302
    assert client.get(reverse("queue")).status_code == 200
    provider.person = {"sub": "1000", "preferred_username": "renamed"}
    again = Client()
    by_provider(again)
    assert again.get(reverse("queue")).status_code == 200
    assert SocialAccount.objects.get().user == worker


def test_nobody_signs_up_by_the_provider(provider: Provider, worker: User, client: Client) -> None:
    before = User.objects.count()
    refused = by_provider(client)
    assert refused.status_code == 403
    assert "an administrator makes each account" in refused.content.decode()
    Membership.objects.filter(user=worker).update(outside_name="wang")
    by_provider(Client())
    provider.person = {"sub": "2000", "preferred_username": "wang"}
    assert by_provider(Client()).status_code == 403
    User.objects.filter(pk=worker.pk).update(is_active=False)
    provider.person = {"sub": "1000", "preferred_username": "wang"}
    assert by_provider(Client()).status_code == 403
    assert User.objects.count() == before
    assert client.get(reverse("queue")).status_code == 302


@pytest.mark.parametrize("what", ["signature", "audience", "state", "code"])
def test_a_token_or_an_answer_that_is_not_the_providers_is_refused(
    provider: Provider, worker: User, client: Client, what: str
) -> None:
    Membership.objects.filter(user=worker).update(outside_name="wang")
    if what == "signature":
        provider.sign_with = STRANGE_KEY
    if what == "audience":
        provider.audience = "somebody-else"
    if what in {"signature", "audience"}:
        assert by_provider(client).status_code == 403
    else:
        client.get(reverse("outside"))
        back = reverse("openid_connect_callback", args=["authority"])
        assert client.get(back, {"code": "x", "state": "x"}).status_code == 403
    assert client.get(reverse("queue")).status_code == 302


def test_who_comes_by_the_provider_needs_our_second_factor_unless_the_provider_asks_for_one(
    asked: None, provider: Provider, worker: User, client: Client, settings: Any
) -> None:
    from dataclasses import replace

    Membership.objects.filter(user=worker).update(outside_name="wang")
    by_provider(client)
    assert client.get(reverse("queue")).headers["Location"] == reverse("mfa_activate_totp")
    settings.PROVIDER = replace(settings.PROVIDER, asks_second_factor=True)
    trusted = Client()
    by_provider(trusted)
    assert trusted.get(reverse("queue")).status_code == 200
    password = Client()
    by_password(password, "worker")
    assert password.get(reverse("queue")).headers["Location"] == reverse("mfa_activate_totp")


def test_without_a_provider_its_addresses_are_404(client: Client) -> None:
    assert client.get(reverse("outside")).status_code == 404
    assert client.get(reverse("openid_connect_callback", args=["authority"])).status_code == 404


@pytest.mark.parametrize(
    "said",
    [
        {"ALMONER_OIDC_ISSUER": "https://id.example"},
        {"ALMONER_IDLE_MINUTES": "soon"},
        {"ALMONER_HTTPS": "yes"},
        {"ALMONER_OIDC_ISSUER": "http://id.example", "ALMONER_OIDC_CLIENT": "a", "ALMONER_OIDC_SECRET": "b"},
    ],
)
def test_an_environment_that_means_nothing_is_refused(said: dict[str, str]) -> None:
    with pytest.raises(HomeError, match="ALMONER_"):
        environment.read(said)


def test_a_link_sets_a_first_password_once(administrator: User, client: Client) -> None:
    made = staff.create_user("new", None, "auditor", [], None, "", by=administrator)
    assert not made.has_usable_password()
    address = reverse("begin", args=staff.link_for(made, administrator).split("/"))
    page = client.get(address, follow=True)
    short = {"new_password1": "short", "new_password2": "short"}
    assert client.post(page.redirect_chain[-1][0], short).status_code == 200
    good = {"new_password1": PASSWORD, "new_password2": PASSWORD}
    assert client.post(page.redirect_chain[-1][0], good).headers["Location"] == reverse("sign-in")
    assert by_password(client, "new").status_code == 302
    assert client.get(reverse("oversight")).status_code == 200
    assert "does not work any more" in Client().get(address, follow=True).content.decode()
    assert casework.verify_chain().intact
