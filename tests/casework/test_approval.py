"""Money, and the end of a case of the most urgent level, take two people."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from almoner import casework
from almoner.casework.cases import workflow
from almoner.casework.cases.workflow import Refused
from almoner.casework.models import Case, CaseEvent, CaseState, Check, Referral, ReferralState
from casework.makers import Outbox
from casework.moves import go

pytestmark = pytest.mark.django_db


@pytest.fixture
def red(case: Case, outbox: Outbox) -> Case:
    casework.apply([[outbox.signal(1, "changed", level="red", working_days=1)]])
    case.refresh_from_db()
    return case


def test_money_waits_for_a_second_person_and_has_a_clock(case: Case, worker: User) -> None:
    go(case, worker, "take", "start", "confirm")
    check = Check.objects.get()
    assert (check.what, check.asked_by, check.agreed) == ("send", worker, None)
    assert Referral.objects.get().state == ReferralState.PROPOSED
    assert case.due_at == check.due_at > dt.datetime.now()


def test_what_costs_no_money_goes_out_at_once(case: Case, worker: User, outbox: Outbox) -> None:
    Referral.objects.update(unit="visit")
    go(case, worker, "take", "start", "confirm")
    assert Referral.objects.get().state == ReferralState.SENT
    assert not Check.objects.exists()


def test_nobody_agrees_to_what_they_asked_for(case: Case, worker: User, lead: User) -> None:
    go(case, lead, "take", "start", "confirm")
    assert "agree" not in workflow.possible(case, lead)
    with pytest.raises(Refused, match="Another person"):
        go(case, lead, "agree")
    go(case, worker, "agree")
    assert Referral.objects.get().state == ReferralState.SENT


def test_the_database_itself_refuses_one_person_as_two(case: Case, worker: User) -> None:
    go(case, worker, "take", "start", "confirm")
    with pytest.raises(IntegrityError), transaction.atomic():
        Check.objects.update(agreed=True, decided_by=worker, decided_at=dt.datetime.now())


def test_an_amount_that_changed_in_between_is_not_agreed_to(
    case: Case, worker: User, colleague: User, outbox: Outbox
) -> None:
    go(case, worker, "take", "start", "confirm")
    casework.apply([[outbox.proposal(1, "changed", amount=2_000.0)]])
    with pytest.raises(Refused, match="amounts have changed"):
        go(case, colleague, "agree")
    go(case, colleague, "disagree", note="the amount is another one")
    go(case, worker, "send")
    go(case, colleague, "agree")
    assert (Referral.objects.get().state, Referral.objects.get().amount) == (ReferralState.SENT, 2_000)


def test_a_refusal_needs_a_reason_and_sends_nothing(case: Case, worker: User, colleague: User) -> None:
    go(case, worker, "take", "start", "confirm")
    with pytest.raises(Refused):
        go(case, colleague, "disagree")
    go(case, colleague, "disagree", note="visit again first")
    assert Referral.objects.get().state == ReferralState.PROPOSED
    check = Check.objects.get()
    assert (check.agreed, check.note) == (False, "visit again first")
    assert case.due_at == check.due_at  # what is proposed and not sent is not forgotten


def test_while_something_waits_nothing_else_is_decided(case: Case, worker: User) -> None:
    go(case, worker, "take", "start", "confirm")
    for name in ("send", "support"):
        with pytest.raises(Refused, match="second person"):
            go(case, worker, name)
    assert Check.objects.count() == 1


def test_a_red_case_is_dismissed_by_two(red: Case, worker: User, colleague: User) -> None:
    go(red, worker, "take", "dismiss", outcome="moved")
    assert (red.state, red.ended_at) == (CaseState.DETECTED, None)
    go(red, colleague, "agree")
    assert (red.state, red.outcome) == (CaseState.DISMISSED, "moved")
    recorded = [
        (e.kind, e.actor, json.loads(e.data)["to"])
        for e in CaseEvent.objects.filter(case=red).order_by("-number")[:2]
    ]
    assert recorded == [("agree_dismiss", colleague, "dismissed"), ("ask_dismiss", worker, "detected")]


def test_a_red_case_is_closed_by_two_and_another_one_by_one(red: Case, worker: User, colleague: User) -> None:
    Referral.objects.all().delete()
    go(red, worker, "take", "start", "confirm", "support", "follow-up", "close")
    assert red.state == CaseState.FOLLOW_UP
    go(red, worker, "disagree", note="taken back")
    go(red, worker, "close")
    go(red, colleague, "agree")
    assert red.state == CaseState.CLOSED


@pytest.mark.parametrize("level", ["red", "urgent"])
@pytest.mark.parametrize("move", ["dismiss", "close"])
def test_a_case_of_a_level_that_cannot_wait_is_ended_by_two(
    case: Case, worker: User, colleague: User, outbox: Outbox, level: str, move: str
) -> None:
    """`urgent` is a level like `red`; which levels these are is the rule in `second_person`."""
    at_level(case, outbox, level)
    if move == "close":
        Referral.objects.all().delete()
        go(case, worker, "take", "start", "confirm", "support", "follow-up")
    else:
        go(case, worker, "take")
    before = case.state
    go(case, worker, move, outcome="moved")
    assert (case.state, case.ended_at, Check.objects.get().asked_by) == (before, None, worker)
    assert "agree" not in workflow.possible(case, worker)
    go(case, colleague, "agree")
    assert (case.is_open, Check.objects.get().decided_by) == (False, colleague)


@pytest.mark.parametrize("level", ["orange", "yellow"])
def test_a_case_of_another_level_is_ended_by_one(
    case: Case, worker: User, outbox: Outbox, level: str
) -> None:
    at_level(case, outbox, level)
    go(case, worker, "take", "dismiss", outcome="moved")
    assert (case.state, Check.objects.exists()) == (CaseState.DISMISSED, False)


def at_level(case: Case, outbox: Outbox, level: str) -> None:
    casework.apply([[outbox.signal(1, "changed", level=level, working_days=1)]])
    case.refresh_from_db()
    assert case.level == level


def test_evidence_never_takes_the_place_of_the_second_person(red: Case, worker: User, outbox: Outbox) -> None:
    go(red, worker, "take", "dismiss", outcome="moved")
    casework.apply([[outbox.signal(1, "cleared")]])
    red.refresh_from_db()
    assert (red.state, Check.objects.get().agreed) == (CaseState.DETECTED, None)
