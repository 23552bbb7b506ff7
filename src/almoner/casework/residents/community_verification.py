"""Community verification: lists made from records are confirmed line by line before anything is paid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import Http404
from django.utils.translation import gettext as _

from almoner.casework.accounts.access import lines_of
from almoner.casework.cases.changing import change_case, change_case_of, lock, refuse_stale
from almoner.casework.cases.guards import is_mine_or_i_lead
from almoner.casework.cases.participation import LIST, amount_of
from almoner.casework.core import chains
from almoner.casework.core.clocks import installed_clocks
from almoner.casework.core.event_kinds import EventKind
from almoner.casework.core.events import LineAskedAgain, LineChecked
from almoner.casework.core.refusals import Refused, Stale
from almoner.casework.models import CommunityVerification, Referral, ReferralState

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def say(by: User, reference: str, version: int, confirmed: bool, note: str) -> None:
    """Confirm a line, or say why it is wrong, so that a case worker looks again.

    Raises Http404 for a user without access, Stale, and Refused.
    """
    found = lines_of(by).filter(reference=reference).first()
    if found is None:
        raise Http404
    with change_case_of(found.case_id, by=by) as (case, change):
        referral = lock(case.referrals.all(), pk=found.pk)
        if referral is None:
            raise Stale
        refuse_stale(referral, version)
        if not confirmed and not note:
            raise Refused(_("Say what is not right."))
        amount = amount_of(referral)
        said = CommunityVerification(
            referral=referral, at=change.at, by=by, confirmed=confirmed, amount=amount, note=note
        )
        chains.add([said])
        referral.check_due_at = None
        referral.version += 1
        referral.save(update_fields=["check_due_at", "version"])
        event = LineChecked(
            kind=EventKind.LIST_CONFIRMED if confirmed else EventKind.LIST_DOUBTED,
            key=referral.key,
            programme=referral.programme,
            amount=amount,
            note=note,
        )
        change.record(case, event)


def is_doubted(referral: Referral) -> bool:
    """Whether the latest verification says that the line is wrong, and no other was asked for since."""
    if referral.participation != LIST or referral.check_due_at is not None:
        return False
    last = referral.verifications.order_by("-pk").first()
    return last is not None and not last.confirmed


def ask_again(by: User, reference: str, version: int, about: str, note: str) -> None:
    """Have a doubted line verified again. Raises Http404 for a user without access, Stale, and Refused."""
    with change_case(by, reference, version, is_mine_or_i_lead) as (case, change):
        referral = lock(case.referrals.all(), reference=about, state=ReferralState.PROPOSED)
        if referral is None or not case.is_open or not is_doubted(referral):
            raise Refused(_("Nobody on the spot has said that this is not right."))
        if not note:
            raise Refused(_("Say what was cleared up."))
        check = referral.body["local_check"]
        referral.check_due_at = installed_clocks().due(change.at, check["within"], check["department"])
        referral.version += 1
        referral.save(update_fields=["check_due_at", "version"])
        event = LineAskedAgain(
            kind=EventKind.LIST_ASKED_AGAIN, key=referral.key, programme=referral.programme, note=note
        )
        change.record(case, event)
