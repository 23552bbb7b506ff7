"""What people may do with a case, and what stops them."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from django.contrib.auth.models import User
from django.http import Http404

from almoner import casework
from almoner.casework.cases import workflow
from almoner.casework.cases.lists import condition, listed
from almoner.casework.cases.workflow import MOVES, Refused, Stale
from almoner.casework.models import Case, CaseEvent, CaseState, Referral, ReferralState
from casework.makers import Outbox
from casework.moves import go

pytestmark = pytest.mark.django_db
ROAD = ["take", "start", "confirm", "support", "follow-up", "close"]
TOMORROW = dt.date.today() + dt.timedelta(days=1)


def test_a_case_goes_its_whole_way_by_a_named_person(case: Case, worker: User) -> None:
    Referral.objects.all().delete()
    go(case, worker, *ROAD)
    assert (case.state, case.ended_at is not None, case.clock) == (CaseState.CLOSED, True, None)
    done = CaseEvent.objects.filter(case=case, actor=worker).order_by("number")
    assert [event.kind for event in done] == ROAD


@pytest.mark.parametrize(
    ("before", "names"),
    [
        ([], ["confirm", "support", "follow-up", "close", "send"]),
        (["take", "start"], ["start", "support", "follow-up", "close"]),
        (["take", "start", "confirm"], ["start", "confirm", "dismiss", "close"]),
    ],
)
def test_no_state_can_be_jumped(case: Case, worker: User, before: list[str], names: list[str]) -> None:
    go(case, worker, *before)
    for name in names:
        with pytest.raises(Refused):
            go(case, worker, name, outcome="moved")


def test_a_dismissal_needs_a_structured_reason(case: Case, worker: User) -> None:
    go(case, worker, "take")
    for outcome in ({}, {"outcome": "bad feeling"}):
        with pytest.raises(Refused):
            go(case, worker, "dismiss", **outcome)
    go(case, worker, "dismiss", outcome="already_helped", note="seen at the visit")
    data = json.loads(CaseEvent.objects.get(kind="dismiss").data)
    assert (case.state, case.outcome) == (CaseState.DISMISSED, "already_helped")
    assert (data["outcome"], data["note"]) == ("already_helped", "seen at the visit")


def test_only_who_has_the_case_or_leads_decides_on_it(
    case: Case, worker: User, colleague: User, lead: User
) -> None:
    go(case, worker, "take")
    for name in ("take", "start", "dismiss", "hold"):
        with pytest.raises(Refused):
            go(case, colleague, name, outcome="moved", until=TOMORROW)
    go(case, lead, "take", "start")
    assert case.assignee == lead


def test_a_case_is_held_until_a_coming_date_and_keeps_its_state(case: Case, worker: User) -> None:
    go(case, worker, "take")
    with pytest.raises(Refused):
        go(case, worker, "hold", until=dt.date.today())
    go(case, worker, "hold", until=TOMORROW)
    assert (case.is_held(dt.date.today()), case.is_held(TOMORROW), case.state) == (
        True,
        False,
        CaseState.DETECTED,
    )
    go(case, worker, "release")
    assert case.held_until is None


def test_a_hold_outlives_new_evidence(case: Case, worker: User, outbox: Outbox) -> None:
    go(case, worker, "take")
    go(case, worker, "hold", until=TOMORROW)
    casework.apply([[outbox.signal(1, "changed", level="red", working_days=1)]])
    case.refresh_from_db()
    assert case.held_until == TOMORROW


def test_sending_starts_the_clocks_of_the_referrals(case: Case, worker: User, colleague: User) -> None:
    go(case, worker, "take", "start", "confirm")
    go(case, colleague, "agree")
    referral = Referral.objects.get()
    assert referral.state == ReferralState.SENT
    assert referral.due_at is not None
    assert referral.due_at > dt.datetime.now()
    assert case.due_at == referral.due_at


def test_a_proposal_after_the_decision_waits_for_a_person(
    case: Case, worker: User, colleague: User, outbox: Outbox
) -> None:
    go(case, worker, "take", "start", "confirm")
    go(case, colleague, "agree")
    casework.apply([[outbox.proposal(1, programme="visits")]])
    assert Referral.objects.get(programme="visits").state == ReferralState.PROPOSED
    go(case, worker, "send")
    go(case, colleague, "agree")
    assert Referral.objects.get(programme="visits").state == ReferralState.SENT


def test_of_two_workers_on_one_case_the_second_is_told_and_nothing_is_overwritten(
    case: Case, worker: User, colleague: User
) -> None:
    seen = case.version
    workflow.act(worker, case.reference, "take", seen, {})
    with pytest.raises(Stale):
        workflow.act(colleague, case.reference, "take", seen, {})
    case.refresh_from_db()
    assert case.assignee == worker


def test_who_decides_on_older_evidence_is_told(case: Case, worker: User, outbox: Outbox) -> None:
    go(case, worker, "take", "start")
    seen = case.version
    casework.apply([[outbox.signal(1, "cleared")]])
    with pytest.raises(Stale):
        workflow.act(worker, case.reference, "confirm", seen, {})


def test_a_department_accepts_delivers_and_returns(
    case: Case, worker: User, colleague: User, clerk: User
) -> None:
    go(case, worker, "take", "start", "confirm")
    go(case, colleague, "agree")
    referral = Referral.objects.get()
    workflow.answer(clerk, referral.reference, "accept", referral.version, "")
    case.refresh_from_db()
    assert case.state == CaseState.SUPPORTING
    with pytest.raises(Refused):
        go(case, worker, "follow-up")
    workflow.answer(clerk, referral.reference, "done", referral.version + 1, "")
    go(case, worker, "follow-up", "close")
    assert case.state == CaseState.CLOSED


def test_a_return_needs_a_reason_and_the_second_answer_is_told(
    case: Case, worker: User, colleague: User, clerk: User
) -> None:
    go(case, worker, "take", "start", "confirm")
    go(case, colleague, "agree")
    referral = Referral.objects.get()
    with pytest.raises(Refused):
        workflow.answer(clerk, referral.reference, "return", referral.version, "")
    workflow.answer(clerk, referral.reference, "return", referral.version, "not our area")
    case.refresh_from_db()
    assert case.due_at == referral.due_at  # the worker has to look at it by then
    returned = condition(worker.pk, "returned", dt.datetime.now())
    assert listed(worker).filter(returned).get() == case
    with pytest.raises(Stale):
        workflow.answer(clerk, referral.reference, "accept", referral.version, "")


@pytest.mark.parametrize("name", MOVES)
def test_no_stranger_can_make_a_move(case: Case, strangers: list[User], clerk: User, name: str) -> None:
    for stranger in (*strangers, clerk):
        with pytest.raises(Http404):
            workflow.act(
                stranger, case.reference, name, case.version, {"outcome": "moved", "until": TOMORROW}
            )
