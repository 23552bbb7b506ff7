"""Outcomes of cases by signal and by group: visited, decided, confirmed, false alarms, and how long it took.

Shares have Wilson's interval (Journal of the American Statistical Association 22, 1927). Small groups are
hidden: see `suppress_small_groups`.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, ClassVar

from django.db.models import Count, Exists, F, Func, IntegerField, Min, OuterRef, Q, QuerySet

from almoner.casework.figures.areas import Areas
from almoner.casework.models import Case, CaseSignal, CaseState, DismissalReason, Tallied, Visit
from almoner.casework.models.cases import OPEN

BACK = dt.timedelta(days=365)
SMALLEST = 10  # the least number of cases for a share or a group's figures
DAY = dt.timedelta(days=1)
FRESH = dt.timedelta(hours=36)  # a nightly sweep may be half a day late


class DaysBetween(Func):
    """Whole calendar days from the second time to the first; NULL when one is missing."""

    output_field: ClassVar = IntegerField()
    arity = 2
    arg_joiner = "::date - "
    template = "(%(expressions)s::date)"

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, Any]:
        template = "CAST(julianday(date(%(expressions)s)) AS INTEGER)"
        return self.as_sql(
            compiler, connection, template=template, arg_joiner=")) - julianday(date(", **context
        )


@dataclass(frozen=True)
class Interval:
    """A share with its confidence interval, from 0 to 1."""

    share: float
    low: float
    high: float


@lru_cache(maxsize=4096)  # a page asks for each share several times, and figures change once a day
def wilson(hits: int, of: int) -> Interval:
    """The share `hits` / `of` with its 95 % Wilson interval; `of` must be at least 1."""
    from statsmodels.stats.proportion import proportion_confint  # takes a second to load

    low, high = proportion_confint(hits, of, alpha=0.05, method="wilson")
    return Interval(hits / of, low, high)


@dataclass(kw_only=True)
class Tally:
    """The outcomes of some cases. `days` counts decisions by the calendar days that they took."""

    cases: int = 0
    visited: int = 0
    confirmed: int = 0
    false_alarms: int = 0
    other: int = 0  # dismissed for another reason
    waiting: int = 0  # open now
    overdue: int = 0  # of these
    days: Counter[int] = field(default_factory=Counter)

    @property
    def decided(self) -> int:
        return self.confirmed + self.false_alarms + self.other

    @property
    def share(self) -> Interval | None:
        """Confirmed cases among decided ones; None when there are fewer than `SMALLEST`."""
        return wilson(self.confirmed, self.decided) if self.decided >= SMALLEST else None

    @property
    def median(self) -> float | None:
        """The median number of days from opening to decision; None when there are too few decisions."""
        return median(self.days) if self.decided >= SMALLEST else None

    @property
    def late(self) -> Interval | None:
        """Overdue cases among open ones; None when there are too few."""
        return wilson(self.overdue, self.waiting) if self.waiting >= SMALLEST else None

    def add(self, row: Mapping[str, Any]) -> None:
        count = row["count"]
        self.cases += count
        self.visited += count * row["visited"]
        if row["days"] is None:
            return
        self.days[row["days"]] += count
        if row["state"] != CaseState.DISMISSED:
            self.confirmed += count
        elif row["outcome"] == DismissalReason.FALSE_ALARM:
            self.false_alarms += count
        else:
            self.other += count


def median(counted: Mapping[int, int]) -> float | None:
    """The median of counted values (value to count); the mean of the middle two for an even number."""
    values, below, total = sorted(counted), 0, sum(counted.values())
    middle: list[int] = []
    for value in values:
        middle += [
            value for place in ((total - 1) // 2, total // 2) if below <= place < below + counted[value]
        ]
        below += counted[value]
    return sum(middle) / 2 if middle else None


COUNTS = ("cases", "visited", "confirmed", "false_alarms", "other", "waiting", "overdue")


def keep(now: dt.datetime) -> None:
    """Count the outcomes now and store them for the pages, because a year of a large county takes seconds. A
    sweep calls this when it ends."""
    for by, count in BY.items():
        groups = [[key, _as_stored(tally)] for key, tally in count(now).items()]
        Tallied.objects.update_or_create(by=by, defaults={"at": now, "groups": groups})


def is_of_today(now: dt.datetime) -> bool:
    """Whether stored counts are less than a day old."""
    return Tallied.objects.filter(at__gt=now - DAY).exists()


def kept(by: str, now: dt.datetime) -> tuple[dt.datetime, dict[Any, Tally]]:
    """The tallies for one kind of group (`by`), and when they were counted.

    They are counted now when the stored ones are older than `FRESH`.
    """
    held = Tallied.objects.filter(by=by, at__gt=now - FRESH).first()
    if held is None:
        return now, BY[by](now)
    return held.at, {key: _from_stored(stored) for key, stored in held.groups}


def _as_stored(tally: Tally) -> dict[str, Any]:
    return {name: getattr(tally, name) for name in COUNTS} | {"days": sorted(tally.days.items())}


def _from_stored(stored: Mapping[str, Any]) -> Tally:
    return Tally(**{name: stored[name] for name in COUNTS}, days=Counter(dict(stored["days"])))


def by_signal(now: dt.datetime) -> dict[str, Tally]:
    """Tallies of the cases opened in the last year, by signal. A case counts once for each of its signals,
    even if several members have it."""
    once = CaseSignal.objects.values("case_id", "signal").annotate(first=Min("pk")).values("first")
    rows = _fates(CaseSignal.objects.filter(pk__in=once), now, "signal", "case__", "case_id")
    return _tallies(rows, lambda row: str(row["signal"]))


def by_area(now: dt.datetime) -> dict[str, Tally]:
    """The same tallies by area directly below the root (a county's townships), else by the case's own
    area."""
    areas = Areas()
    tops = set(areas.tops())

    def top(row: Mapping[str, Any]) -> str:
        return next((code for code in areas.above(row["area"]) if code in tops), row["area"])

    return _groups(now, top, "area")


def by_list(now: dt.datetime) -> dict[bool, Tally]:
    """The same tallies by whether a signal of the case concerns somebody on the watch list."""
    listed = CaseSignal.objects.filter(case=OuterRef("pk"), watched__gt="")
    return _groups(now, lambda row: bool(row["was_listed"]), "was_listed", was_listed=Exists(listed))


BY: Mapping[str, Callable[[dt.datetime], dict[Any, Tally]]] = {
    "signal": by_signal,
    "area": by_area,
    "list": by_list,
}


def _groups(
    now: dt.datetime, group: Callable[[Mapping[str, Any]], Any], by: str, **more: Any
) -> dict[Any, Tally]:
    cases = Case.objects.annotate(**more).order_by()
    found = _tallies(_fates(cases, now, by, "", "pk"), group)
    open_now = cases.filter(OPEN).values(by)
    for row in open_now.annotate(waiting=Count("pk"), overdue=Count("pk", filter=Q(due_at__lt=now))):
        tally = found[group(row)]
        tally.waiting, tally.overdue = tally.waiting + row["waiting"], tally.overdue + row["overdue"]
    return dict(found)


def _fates(records: QuerySet[Any], now: dt.datetime, by: str, of: str, key: str) -> Iterable[dict[str, Any]]:
    """Records of cases counted by `by`, outcome, and days until the decision; `of` is the path to the
    case."""
    visits = Visit.objects.filter(case_id=OuterRef(key), made_on__isnull=False)
    counted = (
        records.filter(**{f"{of}opened_at__gte": now - BACK}).order_by().annotate(visited=Exists(visits))
    )
    days = DaysBetween(F(f"{of}decided_at"), F(f"{of}opened_at"))
    fate = {name: F(f"{of}{name}") for name in ("state", "outcome") if of}
    rows = counted.annotate(days=days, **fate).values(by, "visited", "days", "state", "outcome")
    counts: QuerySet[Any, dict[str, Any]] = rows.annotate(count=Count("pk"))
    return counts


def _tallies(
    rows: Iterable[dict[str, Any]], group: Callable[[Mapping[str, Any]], Any]
) -> defaultdict[Any, Tally]:
    found: defaultdict[Any, Tally] = defaultdict(Tally)
    for row in rows:
        found[group(row)].add(row)
    return found


def together(tallies: Iterable[Tally]) -> Tally:
    """The sum of several tallies."""
    whole = Tally()
    for tally in tallies:
        for name in COUNTS:
            setattr(whole, name, getattr(whole, name) + getattr(tally, name))
        whole.days.update(tally.days)
    return whole


def suppress_small_groups(tallies: Mapping[Any, Tally]) -> dict[Any, Tally | None]:
    """Replace groups with fewer than `SMALLEST` cases by None.

    The next smallest groups are hidden too, until at least two are hidden that have `SMALLEST` cases
    together. Otherwise a hidden group could be computed from the total.
    """
    sizes = sorted((tally.cases, str(key), key) for key, tally in tallies.items())
    hidden: list[Any] = []
    together = 0
    for cases, _name, key in sizes:
        if cases >= SMALLEST and (not hidden or (len(hidden) > 1 and together >= SMALLEST)):
            break
        hidden.append(key)
        together += cases
    return {key: None if key in hidden else tally for key, tally in tallies.items()}
