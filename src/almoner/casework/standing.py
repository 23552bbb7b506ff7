"""How urgent a case is now, and when the next thing in it is due: the one place where a case's own clock is set."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from itertools import chain

from almoner.casework.models import (
    Authorisation,
    Case,
    CaseSignal,
    CaseState,
    Check,
    Concern,
    Referral,
    ReferralState,
)
from almoner.casework.models.cases import NO_CLOCK
from almoner.casework.rows import CaseRow, ReferralRow, SignalRow

BEFORE_DECISION = (CaseState.DETECTED, CaseState.VERIFYING)
DECIDED = (CaseState.CONFIRMED, CaseState.SUPPORTING)
RUNNING = (ReferralState.SENT, ReferralState.ACCEPTED)


def refresh(
    case: Case | CaseRow,
    signals: Iterable[CaseSignal | SignalRow],
    referrals: Iterable[Referral | ReferralRow],
    asked: dt.datetime = NO_CLOCK,
) -> None:
    """Set level, urgency, severity and due time, the nearest thing that somebody must do; and whether it is on the watch list, or outside.

    Before the decision that is what the signals allow; after it, what departments have to answer or have returned. What is `asked` of
    somebody (see `waits`) counts always. A case whose signals have all cleared keeps its clock and level, and so does a decided one
    with a proposal that was not sent: a person still has to decide.
    """
    standing = [signal for signal in signals if signal.cleared_on is None]
    case.listed, case.unlisted = any(s.watched for s in standing), any(not s.watched for s in standing)
    if standing:
        worst = min(standing, key=lambda signal: (signal.urgency_hours, -(signal.severity or 0)))
        case.level, case.urgency_hours, case.severity = worst.level, worst.urgency_hours, worst.severity or 0
    listed = list(referrals)
    proposed = [referral for referral in listed if referral.state == ReferralState.PROPOSED]
    checks = [referral.check_due_at for referral in proposed if referral.check_due_at]
    if case.state in BEFORE_DECISION:
        due = _before_decision(case, standing, listed)
    else:
        counted = (*RUNNING, ReferralState.RETURNED) if case.state in DECIDED else RUNNING
        due = min(_due(listed, counted), asked)
        if due == NO_CLOCK and proposed and case.state in DECIDED:
            due = case.due_at
    case.due_at = min([due, asked, *checks])


def _before_decision(
    case: Case | CaseRow, standing: list[CaseSignal | SignalRow], referrals: list[Referral | ReferralRow]
) -> dt.datetime:
    if standing:
        return min(signal.due_at for signal in standing)
    return _due(referrals, RUNNING) if case.due_at == NO_CLOCK else case.due_at


def _due(referrals: Iterable[Referral | ReferralRow], states: Collection[str]) -> dt.datetime:
    return min(
        (referral.due_at for referral in referrals if referral.state in states and referral.due_at),
        default=NO_CLOCK,
    )


def waits(cases: Collection[int]) -> dict[int, dt.datetime]:
    """By case the earliest time by which somebody has to answer: a second person, who was asked for something, a family's authorisation,
    or a department in a case that was joined to this one."""
    rows = chain(
        Check.objects.filter(case__in=cases, decided_at=None).values_list("case_id", "due_at"),
        Concern.objects.filter(case__in=cases, answered_at=None).values_list("case_id", "due_at"),
        Authorisation.objects.filter(case__in=cases, ended_at=None, settled_at=None).values_list("case_id", "due_at"),
        Referral.objects.filter(case__joined_to__in=cases, state__in=RUNNING).values_list("case__joined_to", "due_at"),
    )  # fmt: skip
    found: dict[int, dt.datetime] = {}
    for case, due in rows:
        if case is not None and due is not None:
            found[case] = min(due, found.get(case, due))
    return found


def stand(case: Case) -> None:
    """`refresh` on what is stored of the case now. The caller saves it."""
    asked = waits([case.pk]).get(case.pk, NO_CLOCK) if case.is_open else NO_CLOCK
    refresh(case, case.signals.all(), case.referrals.all(), asked)
