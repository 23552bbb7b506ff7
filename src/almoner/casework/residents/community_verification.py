"""Lists that are made from records and confirmed on the spot, line by line, before anything is paid."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from django.db import transaction
from django.http import Http404
from django.utils.translation import gettext as _

from almoner.casework.accounts.access import case_for, lines_of
from almoner.casework.cases.guards import is_mine_or_i_lead
from almoner.casework.cases.participation import LIST, amount_of
from almoner.casework.cases.status import stand
from almoner.casework.core.audit import NewEvent, append
from almoner.casework.core.clocks import installed_clocks
from almoner.casework.core.refusals import Refused, Stale
from almoner.casework.models import Case, LocalCheck, Referral, ReferralState

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def say(by: User, reference: str, version: int, confirmed: bool, note: str) -> None:
    """Confirm a line, or say why not: then a person looks again, and nothing is refused. Raises Http404
    for a stranger, Stale, and Refused."""
    now = dt.datetime.now()
    with transaction.atomic():
        found = lines_of(by).filter(reference=reference).first()
        if found is None:
            raise Http404
        case = Case.objects.select_for_update().get(
            pk=found.case_id
        )  # before the referral, as every move does
        referral = Referral.objects.select_for_update().get(pk=found.pk)
        if referral.version != version:
            raise Stale(
                _("This line has changed since you opened it. Nothing was saved: read it again, then decide.")
            )
        if not confirmed and not note:
            raise Refused(_("Say what is not right."))
        amount = amount_of(referral)
        LocalCheck.objects.create(
            referral=referral, at=now, by=by, confirmed=confirmed, amount=amount, note=note
        )
        referral.check_due_at = None
        referral.version += 1
        referral.save(update_fields=["check_due_at", "version"])
        stand(case)
        case.version += 1
        case.save()
        told = {"key": referral.key, "programme": referral.programme, "amount": amount, "note": note}
        append([NewEvent(case, "list_confirmed" if confirmed else "list_doubted", told, by.pk)], now)


def is_doubted(referral: Referral) -> bool:
    """Whether the last word on it is that it is not right, and nobody has been asked again since."""
    if referral.participation != LIST or referral.check_due_at is not None:
        return False
    last = referral.local_checks.order_by("-pk").first()
    return last is not None and not last.confirmed


def ask_again(by: User, reference: str, version: int, about: str, note: str) -> None:
    """A doubted line is looked at on the spot once more. Raises Http404 for a stranger, Stale, and Refused."""
    now = dt.datetime.now()
    with transaction.atomic():
        case = Case.objects.select_for_update().get(pk=case_for(by, reference).pk)
        if case.version != version:
            raise Stale(
                _("This case has changed since you opened it. Nothing was saved: read it again, then decide.")
            )
        refusal = is_mine_or_i_lead(case, by, {})
        if refusal is not None:
            raise Refused(refusal)
        referral = case.referrals.filter(reference=about, state=ReferralState.PROPOSED).first()
        if referral is None or not case.is_open or not is_doubted(referral):
            raise Refused(_("Nobody on the spot has said that this is not right."))
        if not note:
            raise Refused(_("Say what was cleared up."))
        check = referral.body["local_check"]
        referral.check_due_at = installed_clocks().due(now, check["within"], check["department"])
        referral.version += 1
        referral.save(update_fields=["check_due_at", "version"])
        stand(case)
        case.version += 1
        case.save()
        told = {"key": referral.key, "programme": referral.programme, "note": note}
        append([NewEvent(case, "list_asked_again", told, by.pk)], now)
