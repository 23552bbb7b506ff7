"""Remind departments of referrals that are nearly due, and escalate overdue ones, once for each due time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Literal

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from almoner.casework.cases.changing import change_case_of, lock
from almoner.casework.cases.outgoing import queue_messages
from almoner.casework.cases.status import RUNNING, over, running
from almoner.casework.core.event_kinds import EventKind
from almoner.casework.core.events import ReferralDue
from almoner.casework.core.legal_terms import installed_terms
from almoner.casework.models import DueNotice, Referral

AT_ONCE = 200
DueKind = Literal[EventKind.REFERRAL_REMINDED, EventKind.REFERRAL_ESCALATED]
KINDS: Mapping[str, DueKind] = {
    "reminded": EventKind.REFERRAL_REMINDED,
    "escalated": EventKind.REFERRAL_ESCALATED,
}


def look(now: dt.datetime) -> int:
    """Queue reminders and escalations for departments. Returns how many were queued.

    At most `AT_ONCE` of each are queued in one call; the rest waits for the next one.
    """
    lead = _lead(now.date())
    soon = Q(due_at__gte=now, due_at__lt=now + lead, sent_at__lt=F("due_at") - lead)
    reminded = [
        _queue_once(pk, "reminded", now) for pk in _without_message(running().filter(soon), "reminded")
    ]
    escalated = [_queue_once(pk, "escalated", now) for pk in _without_message(over(now), "escalated")]
    return sum(reminded) + sum(escalated)


def _lead(day: dt.date) -> dt.timedelta:
    """How long before the due time departments are reminded. Shorter referrals get no reminder."""
    within = installed_terms().time("reminder", day)
    return dt.timedelta(**{within.unit: within.amount})


def _without_message(referrals: QuerySet[Referral], what: str) -> list[int]:
    reminded = DueNotice.objects.filter(referral=OuterRef("pk"), what=what, due_at=OuterRef("due_at"))
    return list(
        referrals.filter(~Exists(reminded)).order_by("due_at", "id").values_list("pk", flat=True)[:AT_ONCE]
    )


def _queue_once(pk: int, what: str, now: dt.datetime) -> bool:
    """Queue one message; returns False when the referral was answered or the message queued meanwhile."""
    found = Referral.objects.values_list("case_id", flat=True).get(pk=pk)
    with change_case_of(found, touch=False) as (case, change):
        referral = lock(case.referrals.all(), pk=pk, state__in=RUNNING, due_at__isnull=False)
        if referral is None or referral.due_at is None:
            return False
        _notice, new = DueNotice.objects.get_or_create(
            referral=referral, what=what, due_at=referral.due_at, defaults={"at": now}
        )
        if not new:
            return False
        event = ReferralDue(
            kind=KINDS[what],
            key=referral.key,
            programme=referral.programme,
            due_at=referral.due_at.isoformat(),
        )
        change.record(change.goes_on_in(case) or case, event)
        queue_messages([referral], what, now, f"{referral.due_at:%Y%m%dT%H%M}")
    return True
