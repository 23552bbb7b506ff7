"""Figures of the cases that somebody may see, over time and by how late they are. Counted by the database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.db.models import Count, Q, QuerySet, Value
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from almoner.casework import charts, words
from almoner.casework.access import cases_of
from almoner.casework.charts import Chart
from almoner.casework.models.cases import NO_CLOCK

if TYPE_CHECKING:
    from almoner.casework.access import Someone
    from almoner.casework.models import Case

WEEKS = 12
LATENESS = {  # by name: what it is called, and whether its time is over
    "over_long": (gettext_lazy("Over by more than 14 days"), True),
    "over_weeks": (gettext_lazy("Over by 8 to 14 days"), True),
    "over_days": (gettext_lazy("Over by up to 7 days"), True),
    "due_week": (gettext_lazy("Due in the next 7 days"), False),
    "due_later": (gettext_lazy("Due later"), False),
    "no_clock": (gettext_lazy("No clock runs"), False),
}
COUNTED = ("over_weeks", "over_days", "due_week", "no_clock")


def lateness(now: dt.datetime) -> dict[str, Q]:
    """A condition on open cases for each of `LATENESS`; each case is in one of them."""
    week = dt.timedelta(days=7)
    return {
        "over_long": Q(due_at__lt=now - 2 * week),
        "over_weeks": Q(due_at__gte=now - 2 * week, due_at__lt=now - week),
        "over_days": Q(due_at__gte=now - week, due_at__lt=now),
        "due_week": Q(due_at__gte=now, due_at__lt=now + week),
        "due_later": Q(due_at__gte=now + week, due_at__lt=NO_CLOCK),
        "no_clock": Q(due_at=NO_CLOCK),
    }


def larger(found: Mapping[str, int], every: int, late: int) -> dict[str, int]:
    """Those of `LATENESS` that are not in `COUNTED`: what is left of all open cases, of which `late` are over their time."""
    return {
        "over_long": late - found["over_weeks"] - found["over_days"],
        "due_later": every - late - found["due_week"] - found["no_clock"],
    }


def waiting(counted: Mapping[str, int]) -> Chart:
    """What waits, by how late it is; of counts by the names of `LATENESS`."""
    rows = [(str(label), counted[name], over) for name, (label, over) in LATENESS.items()]
    late = sum(count for _name, count, over in rows if over)
    label = _("What waits, by how late it is: %(late)s of %(all)s cases are over their time.") % {
        "late": f"{late:,}",
        "all": f"{sum(count for _name, count, _over in rows):,}",
    }
    return charts.bars(label, _("Time left"), _("Cases"), rows)


def by_week(user: Someone, today: dt.date) -> Chart:
    """Cases opened and ended in each of the last weeks, the present one included; weeks begin on Monday."""
    monday = today - dt.timedelta(days=today.weekday())
    mondays = [monday - dt.timedelta(weeks=back) for back in reversed(range(WEEKS))]
    found = _counted(user, mondays)
    rows = [
        (words.short_day(day), (found.get((day, "opened"), 0), found.get((day, "ended"), 0)))
        for day in mondays
    ]
    opened, ended = (sum(counts[place] for _day, counts in rows) for place in (0, 1))
    label = _("Cases by week: %(opened)s opened and %(ended)s ended in the last %(weeks)s weeks.") % {
        "opened": f"{opened:,}", "ended": f"{ended:,}", "weeks": WEEKS,
    }  # fmt: skip
    return charts.columns(label, _("Week from"), [_("Opened"), _("Ended")], rows, _("Cases"))


def counted(asked: Mapping[str, QuerySet[Case]]) -> dict[str, int]:
    """How many cases each of the conditions leaves, in one query; those that leave none are missing.

    Each is a range of an index: together several times faster than one pass that tries all conditions on each case.
    """
    parts = [
        cases.annotate(part=Value(name)).values("part").annotate(count=Count("*")) for name, cases in asked.items()
    ]
    return {row["part"]: row["count"] for row in parts[0].union(*parts[1:], all=True)}


def _counted(user: Someone, mondays: list[dt.date]) -> dict[tuple[dt.date, str], int]:
    own, asked = cases_of(user).order_by(), {}
    for day in mondays:
        first = dt.datetime.combine(day, dt.time())
        for kind in ("opened", "ended"):
            within = {f"{kind}_at__gte": first, f"{kind}_at__lt": first + dt.timedelta(weeks=1)}
            asked[f"{day.isoformat()} {kind}"] = own.filter(**within)
    found = counted(asked).items()
    return {(dt.date.fromisoformat(part[:10]), part[11:]): count for part, count in found}
