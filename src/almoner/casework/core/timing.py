"""Due times for people to read: the date, and how much time is left or overdue."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from almoner.casework.models import Case, Referral

SOON = dt.timedelta(days=2)


@dataclass(frozen=True)
class ClockView:
    """A due time with its text. `tone` is over, soon, calm, held or none and sets the colour; the text says
    the same."""

    due: dt.datetime | None
    text: str
    tone: str


def clock(record: Case | Referral, now: dt.datetime) -> ClockView:
    """The clock of a case or referral at `now`."""
    if isinstance(record, Case) and not record.is_open:
        return ClockView(None, _("Ended"), "none")
    if isinstance(record, Case) and record.is_held(now.date()):
        return ClockView(record.clock, _("On hold"), "held")
    return clock_of(record.clock if isinstance(record, Case) else record.due_at, now)


def clock_of(due: dt.datetime | None, now: dt.datetime) -> ClockView:
    """The clock of a due time (None: no clock runs)."""
    if due is None:
        return ClockView(None, _("No clock runs"), "none")
    if due < now:
        return ClockView(due, _over(now, due), "over")
    return ClockView(due, _left(now, due), "soon" if due - now < SOON else "calm")


def _left(now: dt.datetime, due: dt.datetime) -> str:
    days = (due.date() - now.date()).days
    if days == 0:
        hours = int((due - now).total_seconds() // 3600)
        return ngettext("%(count)s hour left", "%(count)s hours left", hours) % {"count": hours}
    return ngettext("%(count)s day left", "%(count)s days left", days) % {"count": days}


def _over(now: dt.datetime, due: dt.datetime) -> str:
    days = (now.date() - due.date()).days
    if days == 0:
        hours = int((now - due).total_seconds() // 3600)
        return ngettext("%(count)s hour over", "%(count)s hours over", hours) % {"count": hours}
    return ngettext("%(count)s day over", "%(count)s days over", days) % {"count": days}
