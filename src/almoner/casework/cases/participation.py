"""How families take part: what must happen before a proposal is sent to its department.

Nothing is refused here. Guards say what is missing, and the proposal waits for a person.
"""

from __future__ import annotations

import datetime as dt

from django.db.models import prefetch_related_objects
from django.utils.translation import gettext as _

from almoner.casework.cases import authorisations
from almoner.casework.core import words
from almoner.casework.core.clocks import installed_clocks
from almoner.casework.models import NoticeAnswer, Referral, VisitFinding

HIDDEN, LIST, AHEAD_OF_TIME, ONE, VISIT = "hidden", "list", "pre_notify", "one_authorisation", "visit"


def missing(referral: Referral) -> str | None:
    """What must happen before the proposal is sent, in a sentence; None when it can be sent."""
    if referral.body.get("proposes", "support") != "support":
        return None
    declined = _declined(referral)
    if declined:
        return declined
    asked = {LIST: _not_confirmed, AHEAD_OF_TIME: _not_notified, ONE: _not_authorised, VISIT: _not_visited}
    look = asked.get(referral.participation)
    return look(referral) if look else None


def _declined(referral: Referral) -> str | None:
    prefetch_related_objects([referral.case], "notices")  # one query for each case
    stand = [notice for notice in referral.case.notices.all() if notice.ended_at is None]
    if referral.participation == HIDDEN or not any(
        notice.answer == NoticeAnswer.DECLINED for notice in stand
    ):
        return None
    return _("The household does not want this. Talk with it; it can change its answer.")


def _not_confirmed(referral: Referral) -> str | None:
    last = referral.verifications.order_by("-pk").first()
    if last is None or last.amount != amount_of(referral):
        return _("It has not been confirmed on the spot yet.")
    return None if last.confirmed else _("It was not confirmed on the spot: %(note)s") % {"note": last.note}


def amount_of(referral: Referral) -> str:
    """The amount that is confirmed, as text. A proposal with another amount must be confirmed again."""
    return f"{referral.amount} {referral.unit}" if referral.amount is not None else ""


def _not_notified(referral: Referral) -> str | None:
    notice = referral.case.notices.filter(made_at__gte=referral.case.opened_at).order_by("made_at").first()
    if notice is None:
        return _("The household has to be told first. Make a notice.")
    if (
        _visited(referral, notice.made_at.date())
        or referral.case.notices.filter(answer=NoticeAnswer.ACCEPTED).exists()
    ):
        return None
    over = installed_clocks().due(notice.made_at, referral.body["notice"], referral.department)
    if over <= dt.datetime.now():
        return None
    return _("The household has been told. It goes out when it accepts, after a visit, or on %(date)s.") % {
        "date": words.day(over.date())
    }


def _not_visited(referral: Referral) -> str | None:
    if referral.body.get("pays_first") or _visited(referral, referral.case.opened_as_of):
        return None
    return _("Somebody has to visit first and help to apply.")


def _visited(referral: Referral, since: dt.date) -> bool:
    return referral.case.visits.filter(made_on__gte=since, found=VisitFinding.NEED).exists()


def _not_authorised(referral: Referral) -> str | None:
    active = authorisations.active(referral)
    if active is None:
        return _("All adults of the household have to authorise the check first.")
    return None if authorisations.is_complete(active) else _("Not all adults have authorised the check yet.")
