"""How urgent a case is now, from its signals and referrals: the one place where a case's own clock is set."""

from __future__ import annotations

from collections.abc import Iterable

from almoner.casework.models import Case, CaseSignal, CaseState, Referral, ReferralState
from almoner.casework.models.cases import NO_CLOCK
from almoner.casework.rows import CaseRow, ReferralRow, SignalRow

BEFORE_DECISION = (CaseState.DETECTED, CaseState.VERIFYING)
RUNNING = (ReferralState.SENT, ReferralState.ACCEPTED)


def refresh(
    case: Case | CaseRow,
    signals: Iterable[CaseSignal | SignalRow],
    referrals: Iterable[Referral | ReferralRow],
) -> None:
    """Set level, urgency, severity and due time. Before the decision the signals' clocks count, then the
    referrals'.

    A case whose signals have all cleared keeps its clock and level: a person still has to decide.
    """
    running = [referral.due_at for referral in referrals if referral.state in RUNNING and referral.due_at]
    standing = [signal for signal in signals if signal.cleared_on is None]
    if standing:
        worst = min(standing, key=lambda signal: (signal.urgency_hours, -(signal.severity or 0)))
        case.level, case.urgency_hours, case.severity = worst.level, worst.urgency_hours, worst.severity or 0
    if case.state not in BEFORE_DECISION:
        case.due_at = min(running, default=NO_CLOCK)
    elif standing:
        case.due_at = min(signal.due_at for signal in standing)
    elif case.due_at == NO_CLOCK and running:
        case.due_at = min(running)
