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

from almoner import casework
from almoner.casework.api import limits
from almoner.casework.api.models import AnswerKept
from almoner.casework.cases import workflow
from almoner.casework.cases.history import history, looks
from almoner.casework.models import AccessLog, Case, CaseEvent, Referral, ReferralState, Rule
from casework.api_systems import System, more_referrals, problem
from casework.conftest import NAME, NUMBER, PASSWORD, PHONE
from casework.makers import Outbox
from casework.moves import confirmed, go

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]


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
        return [record.who for _number, record, _shown in page.context["rows"]]

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
    [kept] = AnswerKept.objects.all()
    assert kept.at.date() == dt.date.today()


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
        ('{"version": 1, "note": "\\ud800"}', "application/json", (422, "not-json")),
        ('{"version": 1, "version": 2}', "application/json", (422, "not-json")),
        ('{"version": 1, "note": ' + "[" * 40 + "]" * 40 + "}", "application/json", (422, "not-json")),
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


# How often


# Against its own description
