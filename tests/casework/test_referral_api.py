"""A department's own system lists, reads and answers its referrals; a stranger finds nothing, and whatever
is sent is answered in form."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from schemathesis import GenerationMode

from almoner import casework
from almoner.casework.api import limits, tokens
from almoner.casework.api.models import AnswerKept, Token
from almoner.casework.cases import workflow
from almoner.casework.cases.history import history, looks
from almoner.casework.models import AccessLog, Case, CaseEvent, Referral, ReferralState, Rule
from almoner.errors import AlmonerError
from casework.conftest import NAME, NUMBER, PASSWORD, PHONE
from casework.makers import Outbox
from casework.moves import confirmed, go
from fuzzing import ask

pytestmark = pytest.mark.django_db
ALL = (tokens.EVENTS, tokens.READ, tokens.ANSWER)
SignIn = Callable[[User], Client]


class System:
    """A department's system, with its token."""

    def __init__(self, department: str, *scopes: str) -> None:
        self.token = tokens.issue(department, "system", scopes or ALL)
        self.client = Client(enforce_csrf_checks=True, raise_request_exception=False)

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(f"/api/{path}", query, headers={"Authorization": f"Bearer {self.token}"})

    def post(self, path: str, body: Any, kind: str = "application/json", key: str | None = None) -> Any:
        data = body if isinstance(body, str | bytes) else json.dumps(body)
        headers = {"Authorization": f"Bearer {self.token}"} | ({"Idempotency-Key": key} if key else {})
        return self.client.post(f"/api/{path}", data, content_type=kind, headers=headers)


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


def problem(answer: Any) -> tuple[int, str]:
    """Status and kind of a problem, in form."""
    assert answer["Content-Type"] == "application/problem+json"
    found = answer.json()
    assert {"type", "title", "status", "detail", "instance"} <= found.keys()
    assert found["status"] == answer.status_code
    return answer.status_code, found["type"].removeprefix("urn:almoner:problem:")


def more_referrals(outbox: Outbox, count: int) -> None:
    """Of other households, sent to the relief office."""
    casework.apply([[outbox.proposal(household) for household in range(2, 2 + count)]])
    Referral.objects.filter(state=ReferralState.PROPOSED).update(
        state=ReferralState.SENT, sent_at=dt.datetime(2026, 11, 9, 8)
    )


# Reading


def test_the_list_tells_of_the_own_referrals_without_personal_data(
    referral: Referral, relief: System, case: Case
) -> None:
    answer = relief.get("referrals")
    assert answer.status_code == 200
    (item,) = answer.json()["items"]
    assert (item["reference"], item["state"], item["amount"]) == (referral.reference, "sent", "1702.50")
    assert dt.datetime.fromisoformat(item["due_at"]).tzinfo is not None
    assert not any(word in answer.content.decode() for word in (NAME, NUMBER, PHONE, case.reference, "812.5"))
    assert not AccessLog.objects.filter(system__isnull=False).exists()


def test_one_referral_brings_what_is_needed_and_the_look_is_recorded(
    referral: Referral, relief: System, case: Case, outbox: Outbox
) -> None:
    found = relief.get(f"referrals/{referral.reference}").json()
    assert found["people"] == [{"number": NUMBER, "name": NAME}]
    assert found["eligible"][0]["values"][0]["value"] == 812.5
    assert found["eligible"][0]["parameters"][0]["legal_reference"] == "Notice 12 of 2026"
    assert [step["value"] for step in found["steps"]] == [567.5, 1702.5]
    assert found["exclusions"] == [
        {"label": {"en": "Receives it already", "zh": "已在享受"}, "holds": False, "facts": []}
    ]
    assert "lost_income" not in json.dumps(found), "nothing of signals"
    (look,) = AccessLog.objects.filter(system__isnull=False)
    assert (look.system, look.user, look.household_id, look.page) == ("relief", None, 1, "referral")
    assert looks(case)[0].who == "System of Relief office"


def test_the_family_and_the_auditor_see_that_the_system_looked(
    referral: Referral, relief: System, labour: System, case: Case, signed_in: SignIn
) -> None:
    relief.get(f"referrals/{referral.reference}")
    auditor = signed_in(casework.create_user("auditor", PASSWORD, role="auditor", areas=[]))

    def found(who: str) -> list[str]:
        page = auditor.get(reverse("oversight"), {"trail": "looks", "who": who})
        return [record.who for _number, record, _told in page.context["rows"]]

    assert found("system:relief") == ["System of Relief office"]
    assert found("system:labour") == found("relief") == []
    assert "System of Relief office" in auditor.get(reverse("oversight"), {"trail": "looks"}).content.decode()


def test_another_departments_system_finds_nothing(referral: Referral, labour: System) -> None:
    assert labour.get("referrals").json() == {"items": [], "next": None}
    assert problem(labour.get(f"referrals/{referral.reference}")) == (404, "not-found")
    answer = labour.post(f"referrals/{referral.reference}/accept", {"version": referral.version})
    assert problem(answer) == (404, "not-found")
    assert not AccessLog.objects.filter(system__isnull=False).exists()
    assert Referral.objects.get().state == ReferralState.SENT


def test_what_was_not_sent_or_was_taken_back_does_not_exist(
    case: Case, worker: User, relief: System, referral: Referral
) -> None:
    go(case, worker, "take-back", referral=referral.reference, note="moved")
    assert problem(relief.get(f"referrals/{referral.reference}")) == (404, "not-found")
    assert relief.get("referrals").json()["items"] == []


def test_pages_follow_each_other_and_hold_each_referral_once(
    referral: Referral, relief: System, outbox: Outbox
) -> None:
    more_referrals(outbox, 7)
    seen, cursor = list[str](), None
    for _ in range(4):
        page = relief.get("referrals", limit=3, **({"cursor": cursor} if cursor else {})).json()
        seen += [item["reference"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
        more_referrals(outbox, 0)
    assert seen == list(Referral.objects.order_by("pk").values_list("reference", flat=True))
    assert len(seen) == 8


def test_the_list_is_filtered_by_state_and_by_when(
    referral: Referral, relief: System, outbox: Outbox, clerk: User
) -> None:
    more_referrals(outbox, 2)
    workflow.answer(clerk, referral.reference, "accept", referral.version, "")

    def found(**query: Any) -> int:
        return len(relief.get("referrals", **query).json()["items"])

    assert (found(state="accepted"), found(state="sent"), found(state=["sent", "accepted"])) == (1, 2, 3)
    assert found(since="2026-11-10T00:00:00") == 1
    assert found(since=dt.datetime(2026, 11, 9, 7, 59).astimezone().isoformat()) == 3
    answered = Referral.objects.get(pk=referral.pk).answered_at
    assert answered is not None
    assert found(since=(answered - dt.timedelta(seconds=1)).isoformat()) == 1


@pytest.mark.parametrize(
    "query",
    [
        {"state": "proposed"},
        {"state": "taken_back"},
        {"since": "yesterday"},
        {"since": "0001-01-01T00:00:00+14:00"},
        {"limit": 0},
        {"limit": 201},
        {"cursor": "x"},
        {"cursor": "../"},
        {"cursor": "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk"},
        {"cursor": "LTE"},
        {"cursor": "0"},
    ],
)
def test_a_question_that_cannot_be_is_told_where_it_is_wrong(relief: System, query: dict[str, Any]) -> None:
    answer = relief.get("referrals", **query)
    assert problem(answer) == (422, "not-valid")
    assert next(iter(query)) in answer.json()["errors"][0]["pointer"]


# Answering


def test_a_system_accepts_and_finishes_in_its_own_name(
    referral: Referral, relief: System, case: Case
) -> None:
    path = f"referrals/{referral.reference}"
    accepted = relief.post(f"{path}/accept", {"version": referral.version})
    assert (accepted.status_code, accepted.json()["state"]) == (200, "accepted")
    done = relief.post(f"{path}/done", {"version": accepted.json()["version"]})
    assert done.json()["state"] == "done"
    first, second = history(case)[:2]
    assert (first.who, first.text) == ("System of Relief office", "Department has delivered: Monthly relief.")
    assert second.who == "System of Relief office"
    event = CaseEvent.objects.get(kind="referral_done")
    assert (event.actor, event.system) == (None, "relief")
    assert casework.verify_chain().intact
    case.refresh_from_db()
    assert case.state == "supporting"


def test_who_acted_is_part_of_the_chain(referral: Referral, relief: System) -> None:
    from django.db import connection

    relief.post(f"referrals/{referral.reference}/accept", {"version": referral.version})
    on = " ON casework_caseevent" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER casework_caseevent_no_update{on}")
        cursor.execute("UPDATE casework_caseevent SET system = 'labour' WHERE system = 'relief'")
    assert not casework.verify_chain().intact


def test_a_return_needs_its_reason(referral: Referral, relief: System) -> None:
    path = f"referrals/{referral.reference}/return"
    for note in ("", "  "):
        answer = relief.post(path, {"version": referral.version, "note": note})
        assert problem(answer) == (422, "not-valid")
        assert answer.json()["errors"] == [{"pointer": "#/note", "detail": "It must not be empty."}]
    assert relief.post(path, {"version": referral.version, "note": "no account of theirs"}).status_code == 200
    assert Referral.objects.get().note == "no account of theirs"


def test_an_answer_to_what_has_changed_since_is_a_conflict(
    referral: Referral, relief: System, clerk: User
) -> None:
    path = f"referrals/{referral.reference}"
    workflow.answer(clerk, referral.reference, "accept", referral.version, "")
    assert problem(relief.post(f"{path}/accept", {"version": referral.version})) == (409, "stale")
    assert problem(relief.post(f"{path}/accept", {"version": referral.version + 1})) == (409, "not-now")
    assert Referral.objects.get().version == referral.version + 1


def test_the_same_answer_twice_is_done_once(referral: Referral, relief: System) -> None:
    path, body = f"referrals/{referral.reference}/accept", {"version": referral.version}
    first, second = (relief.post(path, body, key="7f3a") for _ in range(2))
    assert first.json() == second.json()
    assert (first.status_code, second.status_code) == (200, 200)
    assert CaseEvent.objects.filter(kind="referral_accept").count() == 1
    assert problem(relief.post(path, body)) == (409, "stale"), "without the key it is another request"


def test_a_key_is_of_one_request_and_one_department(
    referral: Referral, relief: System, labour: System
) -> None:
    path = f"referrals/{referral.reference}"
    relief.post(f"{path}/accept", {"version": referral.version}, key="k")
    assert problem(relief.post(f"{path}/done", {"version": referral.version + 1}, key="k")) == (
        422,
        "key-used",
    )
    assert problem(labour.post(f"{path}/accept", {"version": referral.version}, key="k")) == (
        404,
        "not-found",
    )


def test_a_refused_answer_keeps_no_key(referral: Referral, relief: System) -> None:
    path = f"referrals/{referral.reference}/done"
    assert problem(relief.post(path, {"version": referral.version}, key="k")) == (409, "not-now")
    assert not AnswerKept.objects.exists()
    assert (
        relief.post(
            f"referrals/{referral.reference}/accept", {"version": referral.version}, key="k"
        ).status_code
        == 200
    )


def test_keys_are_forgotten_after_two_days(referral: Referral, relief: System) -> None:
    AnswerKept.objects.create(
        department="relief",
        key="old",
        fingerprint="x",
        answer={},
        at=dt.datetime.now() - dt.timedelta(days=3),
    )
    relief.post(f"referrals/{referral.reference}/accept", {"version": referral.version}, key="new")
    assert [row.key for row in AnswerKept.objects.all()] == ["new"]


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        ("{", "application/json", (422, "not-json")),
        (b"\xff", "application/json", (422, "not-json")),
        ("[" * 5_000, "application/json", (422, "not-json")),
        ("null", "application/json", (422, "not-valid")),
        ({"version": "1"}, "application/json", (422, "not-valid")),
        ({"version": 0}, "application/json", (422, "not-valid")),
        ({"version": 10**30}, "application/json", (422, "not-valid")),
        ({"version": 1, "note": 5}, "application/json", (422, "not-valid")),
        ({"version": 1, "note": "x" * 401}, "application/json", (422, "not-valid")),
        ({"version": 1, "more": 1}, "application/json", (422, "not-valid")),
        ({"version": 1, "note": "\x00"}, "application/json", (422, "not-valid")),
        ('{"version": 1, "note": "\\ud800"}', "application/json", (422, "not-valid")),
        ({"version": 1}, "text/plain", (415, "content-type")),
        ({"version": 1}, "application/x-www-form-urlencoded", (415, "content-type")),
        (" " * 17_000, "application/json", (413, "too-large")),
    ],
)
def test_a_body_that_is_no_answer_is_refused(
    referral: Referral, relief: System, body: Any, kind: str, expected: tuple[int, str]
) -> None:
    assert problem(relief.post(f"referrals/{referral.reference}/accept", body, kind)) == expected
    assert Referral.objects.get().state == ReferralState.SENT


# Who may


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


# How often


def test_who_asks_too_often_is_told_when_to_come_again(
    referral: Referral, relief: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setitem(limits.BY_SCOPE, tokens.READ, limits.Limit(3, clock=lambda: now[0]))
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
        call("GET", "referrals", f"almoner_{n}").status_code for n in range(limits.WRONG_TOKENS.a_minute + 2)
    ]
    assert answers[:-2] == [401] * limits.WRONG_TOKENS.a_minute
    assert answers[-2:] == [429, 429]
    assert call("GET", "referrals", "almoner_x", REMOTE_ADDR="192.0.2.7").status_code == 401
    assert System("relief").get("referrals").status_code == 200, "a true token still opens"


def test_a_limit_forgets_whom_it_need_not_know() -> None:
    now = [0.0]
    limit = limits.Limit(60, clock=lambda: now[0])
    for who in range(limits.MOST_KNOWN + 1):
        limit.wait(who)
    now[0] = 120.0
    limit.wait("another")
    assert len(limit._free_at) == 1


# Against its own description


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
