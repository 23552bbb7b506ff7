"""Decisions that two people make: money that is asked of a department, and the end of a case of the most
urgent level.

One person asks, which is recorded and gets a clock; another one agrees, and only then it is done, or
declines with a reason.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from almoner.casework.core import words
from almoner.casework.core.clocks import installed_clocks
from almoner.casework.models import Case, Check, Checked, Referral, ReferralState
from almoner.casework.models.work import WAITING

if TYPE_CHECKING:
    from django.contrib.auth.models import User

CHECKED_LEVELS = frozenset({"red", "urgent"})  # of the levels that have words here, those that cannot wait
WITHIN = {"amount": 1, "unit": "working_days"}


def is_money(referral: Referral) -> bool:
    return referral.amount is not None and words.is_money(referral.unit)


def ends_by_two(case: Case) -> bool:
    return case.level in CHECKED_LEVELS


def waiting(case: Case) -> Check | None:
    """What waits for a second person in this case."""
    return case.checks.filter(WAITING).select_related("asked_by").first()


def asked_amounts(referrals: Iterable[Referral]) -> dict[str, str]:
    return {referral.reference: f"{referral.amount} {referral.unit}" for referral in referrals}


def asked_referrals(case: Case, check: Check) -> list[Referral]:
    """Of those that were asked for, the ones that are still proposed."""
    found = case.referrals.filter(reference__in=list(check.about), state=ReferralState.PROPOSED)
    return list(found.order_by("id"))


def what_is_asked(case: Case, check: Check) -> dict[str, Any]:
    """What `check.about` would be if it were asked for now."""
    if check.what != Checked.SEND:
        about: dict[str, Any] = check.about
        return about
    return asked_amounts(asked_referrals(case, check))


def ask(case: Case, what: str, by: User, about: dict[str, Any], now: dt.datetime) -> Check:
    due = installed_clocks().due(now, WITHIN, "")
    return Check.objects.create(case=case, what=what, about=about, asked_by=by, asked_at=now, due_at=due)


def decide(check: Check, by: User, agreed: bool, note: str, now: dt.datetime) -> None:
    check.decided_by, check.decided_at, check.agreed, check.note = by, now, agreed, note
    check.save()
