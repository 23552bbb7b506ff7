"""Compute how urgent a case is and when its next step is due. A case's own clock is set only here."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import chain

from django.db.models import Q, QuerySet

from almoner.casework.cases.rows import CaseRow, ReferralRow, SignalRow
from almoner.casework.models import (
    Authorisation,
    Case,
    CaseSignal,
    CaseState,
    Check,
    Grievance,
    Notice,
    Referral,
    ReferralState,
    Visit,
)
from almoner.casework.models.among import IdSet
from almoner.casework.models.cases import NO_CLOCK
from almoner.casework.models.work import AHEAD, WAITING

BEFORE_DECISION = (CaseState.DETECTED, CaseState.VERIFYING)
DECIDED = (CaseState.CONFIRMED, CaseState.SUPPORTING)
RUNNING = (ReferralState.SENT, ReferralState.ACCEPTED)
NOTIFIED_FIRST = ("pre_notify", "push")  # participation modes in which the household must be notified first


@dataclass
class Around:
    """What else affects a case's status, besides its signals and referrals.

    `asked` is the earliest due time of approvals, grievances, authorisations, and of referrals in a case
    that was joined to this one. `notified`: the household has a notice. `silent_since`: see `Case`.
    """

    asked: dt.datetime = NO_CLOCK
    notified: bool = False
    silent_since: dt.datetime | None = None


NOTHING = Around()


def refresh(
    case: Case | CaseRow,
    signals: Iterable[CaseSignal | SignalRow],
    referrals: Iterable[Referral | ReferralRow],
    around_case: Around = NOTHING,
) -> None:
    """Set level, urgency, severity, due time, and the lists that the case is in.

    Before the decision, the due time comes from the signals. After it, it comes from what departments have
    to answer or have returned. Pending approvals, grievances and authorisations always count. Two kinds of
    cases keep clock and level, because a person still has to decide: those whose signals have all cleared,
    and decided ones with a proposal that was not sent.
    """
    active = [signal for signal in signals if signal.cleared_on is None]
    case.listed, case.unlisted = any(s.watched for s in active), any(not s.watched for s in active)
    if active:
        worst = min(active, key=lambda signal: (signal.urgency_hours, -(signal.severity or 0)))
        case.level, case.urgency_hours, case.severity = worst.level, worst.urgency_hours, worst.severity or 0
    listed = list(referrals)
    proposed = [referral for referral in listed if referral.state == ReferralState.PROPOSED]
    case.untold = not around_case.notified and any(
        referral.participation in NOTIFIED_FIRST for referral in proposed
    )
    case.silent_since = around_case.silent_since
    checks = [referral.check_due_at for referral in proposed if referral.check_due_at]
    if case.state in BEFORE_DECISION:
        due = _before_decision(case, active, listed)
    else:
        counted = (*RUNNING, ReferralState.RETURNED) if case.state in DECIDED else RUNNING
        due = min(_due(listed, counted), around_case.asked)
        if due == NO_CLOCK and proposed and case.state in DECIDED:
            due = case.due_at
    case.due_at = min([due, around_case.asked, *checks])


def _before_decision(
    case: Case | CaseRow, active: list[CaseSignal | SignalRow], referrals: list[Referral | ReferralRow]
) -> dt.datetime:
    if active:
        return min(signal.due_at for signal in active)
    return _due(referrals, RUNNING) if case.due_at == NO_CLOCK else case.due_at


def _due(referrals: Iterable[Referral | ReferralRow], states: Collection[str]) -> dt.datetime:
    return min(
        (referral.due_at for referral in referrals if referral.state in states and referral.due_at),
        default=NO_CLOCK,
    )


def around(cases: Collection[int]) -> dict[int, Around]:
    """`Around` by case id; cases without any of it are missing."""
    found: defaultdict[int, Around] = defaultdict(Around)
    ids = IdSet(cases)
    for case, due in _asked(ids):
        if case is not None and due is not None:
            found[case].asked = min(due, found[case].asked)
    for case in Notice.objects.filter(case__among=ids, ended_at=None).values_list("case_id", flat=True):
        found[case].notified = True
    for case, over in _unanswered(ids):
        found[case].silent_since = min(over, found[case].silent_since or over)
    for case in Visit.objects.filter(AHEAD, case__among=ids).values_list("case_id", flat=True):
        found[case].silent_since = None
    return found


def _asked(ids: IdSet) -> Iterable[tuple[int | None, dt.datetime | None]]:
    return chain(
        Check.objects.filter(WAITING, case__among=ids).values_list("case_id", "due_at"),
        Grievance.objects.filter(case__among=ids, answered_at=None).values_list("case_id", "due_at"),
        Authorisation.objects.filter(case__among=ids, ended_at=None, settled_at=None).values_list(
            "case_id", "due_at"
        ),
        Referral.objects.filter(case__joined_to__among=ids, state__in=RUNNING).values_list(
            "case__joined_to", "due_at"
        ),
    )


def _unanswered(ids: IdSet) -> Iterable[tuple[int, dt.datetime]]:
    """Case ids with the due times of missing answers. A missing answer is not a refusal: somebody visits."""
    return chain(
        Notice.objects.filter(case__among=ids, ended_at=None, answered_at=None).values_list(
            "case_id", "answer_by"
        ),
        Authorisation.objects.filter(case__among=ids, ended_at=None, settled_at=None).values_list(
            "case_id", "due_at"
        ),
    )


def stand(case: Case) -> None:
    """Run `refresh` on the case's stored records. The caller saves the case."""
    found = around([case.pk]).get(case.pk, NOTHING) if case.is_open else NOTHING
    refresh(case, case.signals.all(), case.referrals.all(), found)


def over(now: dt.datetime) -> QuerySet[Referral]:
    """Referrals that are overdue at a department."""
    return running().filter(due_at__lt=now)


def running() -> QuerySet[Referral]:
    """Referrals that departments are working on, of open cases and of cases that another one continues."""
    goes_on = Q(case__ended_at=None) | Q(case__joined_to__isnull=False)
    return Referral.objects.filter(goes_on, state__in=RUNNING)
