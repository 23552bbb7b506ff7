"""Decisions that need two people: spending money, and ending a case of an urgent level.

The pack's terms say from which amount and for which levels. One person asks, which is recorded and starts a
clock. Another person agrees, and only then it is carried out, or declines with a reason.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from almoner.casework.core import words
from almoner.casework.core.clocks import installed_clocks
from almoner.casework.core.legal_terms import installed_terms
from almoner.casework.models import Case, Check, Checked, Referral, ReferralState
from almoner.casework.models.work import WAITING

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def needing_approval(referrals: Iterable[Referral], day: dt.date) -> list[Referral]:
    """The referrals that a second person must approve: money at or above the threshold in force on `day`."""
    proposed = list(referrals)
    money = [one for one in proposed if one.amount is not None and words.is_money(one.unit)]
    least = installed_terms().approval_amount(day) if money else 0
    return [one for one in money if one.amount is not None and one.amount >= least]


def ends_by_two(case: Case, day: dt.date) -> bool:
    """Whether a second person must approve the end of the case, by what is in force on `day`."""
    return case.level in installed_terms().approval_levels(day)


def waiting(case: Case) -> Check | None:
    """The check of this case that waits for a second person."""
    return case.checks.filter(WAITING).select_related("asked_by").first()


def asked_amounts(referrals: Iterable[Referral]) -> dict[str, str]:
    return {referral.reference: f"{referral.amount} {referral.unit}" for referral in referrals}


def asked_referrals(case: Case, check: Check) -> list[Referral]:
    """Those of the check's referrals that are still proposed."""
    found = case.referrals.filter(reference__in=list(check.about), state=ReferralState.PROPOSED)
    return list(found.order_by("id"))


def what_is_asked(case: Case, check: Check) -> dict[str, Any]:
    """The value that `check.about` would have if it were asked for now."""
    if check.what != Checked.SEND:
        about: dict[str, Any] = check.about
        return about
    return asked_amounts(asked_referrals(case, check))


def ask(case: Case, what: str, by: User, about: dict[str, Any], now: dt.datetime) -> Check:
    due = installed_clocks().due_by_term(now, "approval")
    return Check.objects.create(case=case, what=what, about=about, asked_by=by, asked_at=now, due_at=due)


def decide(check: Check, by: User, agreed: bool, note: str, now: dt.datetime) -> None:
    check.decided_by, check.decided_at, check.agreed, check.note = by, now, agreed, note
    check.save()
