"""Figures of the cases that a user may see: over time, and by how late they are. The database counts them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Count, Q, QuerySet, Sum, Value
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from almoner.casework.accounts.access import cases_of, tallies_of
from almoner.casework.core import words
from almoner.casework.figures import charts
from almoner.casework.figures.charts import Chart
from almoner.casework.models import Case, Tallied, WeekTally
from almoner.casework.models.cases import NO_CLOCK

if TYPE_CHECKING:
    from almoner.casework.accounts.access import Someone

WEEKS, WEEK = 12, dt.timedelta(weeks=1)
KINDS = ("opened", "ended")
KEPT = "weeks"  # the row of `Tallied` that says when the weekly counts were stored
LATENESS = {  # by name: label, and whether these cases are overdue
    "over_long": (gettext_lazy("Over by more than 14 days"), True),
    "over_weeks": (gettext_lazy("Over by 8 to 14 days"), True),
    "over_days": (gettext_lazy("Over by up to 7 days"), True),
    "due_week": (gettext_lazy("Due in the next 7 days"), False),
    "due_later": (gettext_lazy("Due later"), False),
    "no_clock": (gettext_lazy("No clock runs"), False),
}
COUNTED = ("over_weeks", "over_days", "due_week", "no_clock")


def lateness(now: dt.datetime) -> dict[str, Q]:
    """A filter on open cases for each name in `LATENESS`; together they cover every case once."""
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
    """The counts of `LATENESS` that are not in `COUNTED`, computed as the remainder of all open cases.

    `every` is the number of open cases, `late` the number of overdue ones.
    """
    return {
        "over_long": late - found["over_weeks"] - found["over_days"],
        "due_later": every - late - found["due_week"] - found["no_clock"],
    }


def waiting(counted: Mapping[str, int]) -> Chart:
    """A chart of open cases by how late they are; `counted` has a count for each name in `LATENESS`."""
    rows = [(str(label), counted[name], over) for name, (label, over) in LATENESS.items()]
    late = sum(count for _name, count, over in rows if over)
    label = _("Open cases by how late they are: %(late)s of %(all)s are overdue.") % {
        "late": f"{late:,}",
        "all": f"{sum(count for _name, count, _over in rows):,}",
    }
    return charts.bars(label, _("Time left"), _("Cases"), rows)


def by_week(user: Someone, today: dt.date) -> Chart:
    """A chart of cases opened and ended in each of the last weeks, this week included. Weeks begin on
    Monday."""
    mondays = _mondays(today)
    found = _weeks(user, mondays)
    rows = [(words.short_day(day), found.get(day, (0, 0))) for day in mondays]
    opened, ended = (sum(counts[place] for _day, counts in rows) for place in (0, 1))
    label = _("Cases by week: %(opened)s opened and %(ended)s ended in the last %(weeks)s weeks.") % {
        "opened": f"{opened:,}",
        "ended": f"{ended:,}",
        "weeks": WEEKS,
    }
    return charts.columns(label, _("Week from"), [_("Opened"), _("Ended")], rows, _("Cases"))


def keep_weeks(now: dt.datetime) -> None:
    """Store the cases opened and ended in past weeks, by area, so that `by_week` does not count them for
    each page.

    A case that moves to another area is counted there from the next run on.
    """
    over = _mondays(now.date())[:-1]
    kept: dict[tuple[dt.date, str], list[int]] = {}
    for place, kind in enumerate(KINDS):
        for day in over:
            cases = Case.objects.filter(**_within(kind, day)).order_by().values_list("area")
            for area, count in cases.annotate(count=Count("*")):
                kept.setdefault((day, area), [0, 0])[place] = count
    with transaction.atomic():
        WeekTally.objects.all().delete()
        WeekTally.objects.bulk_create(
            (WeekTally(week=day, area=area, opened=o, ended=e) for (day, area), (o, e) in kept.items()),
            batch_size=1_000,
        )
        Tallied.objects.update_or_create(by=KEPT, defaults={"at": now, "groups": []})


def counted(queries: Mapping[str, QuerySet[Case]]) -> dict[str, int]:
    """How many cases each query has, by its name, counted in one query. Names without cases are missing.

    Each part uses a range of an index. This is several times faster than one pass that tests all conditions.
    """
    parts = [
        cases.annotate(part=Value(name)).values("part").annotate(count=Count("*"))
        for name, cases in queries.items()
    ]
    return {row["part"]: row["count"] for row in parts[0].union(*parts[1:], all=True)}


def _weeks(user: Someone, mondays: Sequence[dt.date]) -> dict[dt.date, tuple[int, int]]:
    """Cases opened and ended by Monday: stored counts where there are some, else counted now."""
    kept = Tallied.objects.filter(by=KEPT).first()
    known = [day for day in mondays if kept and day + WEEK <= kept.at.date()]
    sums = (
        tallies_of(user)
        .filter(week__in=known)
        .order_by()
        .values_list("week")
        .annotate(Sum("opened"), Sum("ended"))
    )
    found = {day: (opened, ended) for day, opened, ended in sums}
    own = cases_of(user).order_by()
    queries = {
        f"{day.isoformat()} {kind}": own.filter(**_within(kind, day))
        for day in mondays
        if day not in known
        for kind in KINDS
    }
    now = counted(queries)
    for day in mondays:
        if day not in known:
            opened, ended = (now.get(f"{day.isoformat()} {kind}", 0) for kind in KINDS)
            found[day] = (opened, ended)
    return found


def _within(kind: str, monday: dt.date) -> dict[str, dt.datetime]:
    first = dt.datetime.combine(monday, dt.time())
    return {f"{kind}_at__gte": first, f"{kind}_at__lt": first + WEEK}


def _mondays(today: dt.date) -> list[dt.date]:
    """The Mondays of the last weeks, this week included, the oldest first."""
    monday = today - dt.timedelta(days=today.weekday())
    return [monday - back * WEEK for back in reversed(range(WEEKS))]
