"""Who may call the API, how often, and what its description promises."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from schemathesis import GenerationMode

from almoner import casework
from almoner.casework.api import limits, tokens
from almoner.casework.api.models import Token
from almoner.casework.cases import workflow
from almoner.casework.core import rates
from almoner.casework.models import Case, Referral, Rule
from almoner.errors import AlmonerError
from casework.api_systems import ALL, System, more_referrals, problem
from casework.makers import Outbox
from casework.moves import confirmed
from fuzzing import ask

SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nobody_has_asked_yet() -> None:
    for limit in (*limits.BY_SCOPE.values(), limits.WRONG_TOKENS):
        limit.forget()


@pytest.fixture
def referral(case: Case, worker: User) -> Referral:
    Rule.objects.create(kind="programme", key="monthly_relief", position=1, body={"shows": ["income_recent"]})
    return confirmed(case, worker)


@pytest.fixture
def relief(departments: None) -> System:
    return System("relief")


@pytest.fixture
def labour(departments: None) -> System:
    return System("labour")


CALLS: list[tuple[str, str, str]] = [
    ("POST", "events", tokens.EVENTS),
    ("GET", "referrals", tokens.READ),
    ("GET", "referrals/{}", tokens.READ),
    *(("POST", f"referrals/{{}}/{name}", tokens.ANSWER) for name in workflow.ANSWERS),
]


def call(method: str, path: str, token: str | None, **extra: Any) -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    return Client(raise_request_exception=False).generic(
        method, f"/api/{path}", "{}", content_type="application/json", headers=headers, **extra
    )


def test_every_call_of_the_description_is_in_the_table() -> None:
    described = Client().get("/api/openapi.json").json()["paths"]
    found = {
        (m.upper(), p.replace("{reference}", "{}").removeprefix("/api/"))
        for p, of in described.items()
        for m in of
    }
    table = {(m, "referrals/{}/{answer}" if m == "POST" and "{}" in p else p) for m, p, _scope in CALLS}
    assert found == table


@pytest.mark.parametrize(("method", "path", "scope"), CALLS)
def test_each_call_needs_its_scope(referral: Referral, method: str, path: str, scope: str) -> None:
    path = path.format(referral.reference)
    for token in (None, "", "almoner_wrong", "\udcff", "x" * 5_000):
        answer = call(method, path, token)
        assert problem(answer) == (401, "unknown-token")
        assert answer["WWW-Authenticate"].startswith("Bearer")
    for other in set(ALL) - {scope}:
        assert problem(call(method, path, tokens.issue("relief", other, [other]))) == (403, "scope")
    assert call(method, path, tokens.issue("relief", "own", [scope])).status_code in {200, 422}


def test_a_token_ends_when_it_expires_and_when_it_is_revoked(referral: Referral) -> None:
    token = tokens.issue("relief", "short", [tokens.READ], days=1)
    assert call("GET", "referrals", token).status_code == 200
    found = Token.objects.get(name="short")
    assert found.last_used_on == dt.date.today()
    Token.objects.update(expires_at=dt.datetime.now() - dt.timedelta(seconds=1))
    assert problem(call("GET", "referrals", token)) == (401, "unknown-token")
    Token.objects.update(expires_at=None)
    tokens.revoke("relief", "short")
    assert problem(call("GET", "referrals", token)) == (401, "unknown-token")


def test_a_token_of_before_there_were_scopes_sends_events_only(referral: Referral) -> None:
    token = tokens.issue("relief", "old", [tokens.READ])
    Token.objects.update(scopes=Token._meta.get_field("scopes").get_default())
    assert problem(call("GET", "referrals", token)) == (403, "scope")
    assert call("POST", "events", token).status_code == 422


def test_an_unknown_scope_is_refused(departments: None) -> None:
    for scopes in (["everything"], []):
        with pytest.raises(AlmonerError, match="referrals:read"):
            tokens.issue("relief", "x", scopes)


def test_a_session_of_the_console_is_no_token(referral: Referral, clerk: User, signed_in: SignIn) -> None:
    assert problem(signed_in(clerk).get("/api/referrals")) == (401, "unknown-token")


@pytest.mark.parametrize(
    "path", ["", "nothing", "referrals/", "referrals/a/b/c", "events/x", "openapi.json/x", "%00", "%ff"]
)
def test_what_is_no_address_is_a_problem_too(relief: System, path: str) -> None:
    assert problem(relief.get(path)) == (404, "not-found")


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", "referrals"), ("PUT", "referrals/abc"), ("GET", "referrals/abc/accept"), ("GET", "events")],
)
def test_a_method_that_is_none_is_a_problem_that_names_those_there_are(method: str, path: str) -> None:
    answer = call(method, path, None)
    assert problem(answer) == (405, "method")
    assert answer["Allow"] in {"GET", "POST"}


def test_an_answer_that_is_none_is_refused(referral: Referral, relief: System) -> None:
    for name in ("approve", "take-back", "send"):
        assert problem(
            relief.post(f"referrals/{referral.reference}/{name}", {"version": referral.version})
        ) == (422, "not-valid")


def test_who_asks_too_often_is_told_when_to_come_again(
    referral: Referral, relief: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setitem(limits.BY_SCOPE, tokens.READ, rates.Limit(most=3, clock=lambda: now[0]))
    assert [relief.get("referrals").status_code for _ in range(4)] == [200, 200, 200, 429]
    answer = relief.get("referrals")
    assert problem(answer) == (429, "too-often")
    assert answer["Retry-After"] == "20"
    other = System("relief")
    assert other.get("referrals").status_code == 200, "each token has its own"
    now[0] = 20.0
    assert [relief.get("referrals").status_code for _ in range(2)] == [200, 429]


def test_who_tries_tokens_is_slowed_down(departments: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits.WRONG_TOKENS, "clock", lambda: 0.0)
    answers = [
        call("GET", "referrals", f"almoner_{n}").status_code for n in range(limits.WRONG_TOKENS.most + 2)
    ]
    assert answers[:-2] == [401] * limits.WRONG_TOKENS.most
    assert answers[-2:] == [429, 429]
    assert call("GET", "referrals", "almoner_x", REMOTE_ADDR="192.0.2.7").status_code == 401
    assert System("relief").get("referrals").status_code == 200, "a true token still opens"


def test_a_limit_forgets_whom_it_need_not_know() -> None:
    now = [0.0]
    limit = rates.Limit(most=60, clock=lambda: now[0])
    for who in range(rates.MOST_KNOWN + 1):
        limit.wait(who)
    now[0] = 120.0
    limit.wait("another")
    assert len(limit._free_at) == 1


def test_the_description_tells_problems_scopes_and_examples_that_fit(
    referral: Referral, relief: System
) -> None:
    described = Client().get("/api/openapi.json").json()
    assert "referrals:answer" in described["info"]["description"]
    for path in described["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                (kind,) = response["content"]
                assert kind == ("application/json" if int(status) < 400 else "application/problem+json")
                assert "example" in response["content"][kind]
    from jsonschema import Draft202012Validator

    for path in described["paths"].values():
        for operation in path.values():
            for response in operation["responses"].values():
                for content in response["content"].values():
                    schema = {"components": described["components"], **content["schema"]}
                    Draft202012Validator(schema).validate(content["example"])


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_whatever_is_asked_is_answered_as_the_description_says(
    referral: Referral, relief: System, outbox: Outbox, mode: GenerationMode
) -> None:
    more_referrals(outbox, 3)
    positive = mode is GenerationMode.POSITIVE
    listed = ask("list_referrals", mode, relief.token, 100)
    assert (200 if positive else 422) in listed
    read = ask("read_referral", mode, relief.token, 100, reference=referral.reference)
    assert read >= ({200, 404} if positive else {422})
    answered = ask("answer_referral", mode, relief.token, 150, reference=referral.reference, answer="accept")
    assert answered >= ({404, 409} if positive else {422})
    assert casework.verify_chain().intact
