"""What became of cases, by signal and by group: visited, decided, confirmed, false alarms, and how long it
took.

Shares have Wilson's interval (Journal of the American Statistical Association 22, 1927). Small numbers are
not shown by group: see `suppress_small_groups`.
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
SMALLEST = 10  # cases that a share, or a group's figures, must rest on
DAY = dt.timedelta(days=1)
FRESH = dt.timedelta(hours=36)  # a nightly sweep that is late by half a day


class DaysBetween(Func):
    """Whole calendar days from the second time to the first; none where one is missing."""

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
    """A share with its interval, from 0 to 1."""

    share: float
    low: float
    high: float


@lru_cache(maxsize=4096)  # a page asks for each share several times, and figures change once a day
def wilson(hits: int, of: int) -> Interval:
    """The share `hits` / `of` (at least one) with its 95 % interval."""
    from statsmodels.stats.proportion import proportion_confint  # takes a second to load

    low, high = proportion_confint(hits, of, alpha=0.05, method="wilson")
    return Interval(hits / of, low, high)


@dataclass(kw_only=True)
class Tally:
    """What became of some cases. `days` counts decisions by the calendar days that they took."""

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
        """Confirmed of decided; none of too few."""
        return wilson(self.confirmed, self.decided) if self.decided >= SMALLEST else None

    @property
    def median(self) -> float | None:
        """Days from opening to decision; none of too few."""
        return median(self.days) if self.decided >= SMALLEST else None

    @property
    def late(self) -> Interval | None:
        """Over their time, of those that are open."""
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
    """Of values counted; the mean of the two in the middle where there are two."""
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
    """Count now and keep it for the pages: a year of a large county takes seconds. A sweep does so when it
    ends."""
    for by, count in BY.items():
        groups = [[key, _as_stored(tally)] for key, tally in count(now).items()]
        Tallied.objects.update_or_create(by=by, defaults={"at": now, "groups": groups})


def is_of_today(now: dt.datetime) -> bool:
    """Whether it was counted and kept within a day."""
    return Tallied.objects.filter(at__gt=now - DAY).exists()


def kept(by: str, now: dt.datetime) -> tuple[dt.datetime, dict[Any, Tally]]:
    """The tallies of one kind of group, and of when they are; counted now where none were kept within a
    day and a half."""
    held = Tallied.objects.filter(by=by, at__gt=now - FRESH).first()
    if held is None:
        return now, BY[by](now)
    return held.at, {key: _from_stored(stored) for key, stored in held.groups}


def _as_stored(tally: Tally) -> dict[str, Any]:
    return {name: getattr(tally, name) for name in COUNTS} | {"days": sorted(tally.days.items())}


def _from_stored(stored: Mapping[str, Any]) -> Tally:
    return Tally(**{name: stored[name] for name in COUNTS}, days=Counter(dict(stored["days"])))


def by_signal(now: dt.datetime) -> dict[str, Tally]:
    """Cases that were opened in the last year, by each signal of theirs; one in which several members have
    it counts once."""
    once = CaseSignal.objects.values("case_id", "signal").annotate(first=Min("pk")).values("first")
    rows = _fates(CaseSignal.objects.filter(pk__in=once), now, "signal", "case__", "case_id")
    return _tallies(rows, lambda row: str(row["signal"]))


def by_area(now: dt.datetime) -> dict[str, Tally]:
    """The same by area under the whole (a county's townships); by the case's own area where it is in none
    of them."""
    areas = Areas()
    tops = set(areas.tops())

    def top(row: Mapping[str, Any]) -> str:
        return next((code for code in areas.above(row["area"]) if code in tops), row["area"])

    return _groups(now, top, "area")


def by_list(now: dt.datetime) -> dict[bool, Tally]:
    """The same by whether a signal of the case is of somebody on the watch list."""
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
    """Records of cases (reached by `of`) counted by `by`, what became of the case, and days until then."""
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
    whole = Tally()
    for tally in tallies:
        for name in COUNTS:
            setattr(whole, name, getattr(whole, name) + getattr(tally, name))
        whole.days.update(tally.days)
    return whole


def suppress_small_groups(tallies: Mapping[Any, Tally]) -> dict[Any, Tally | None]:
    """Groups with fewer than `SMALLEST` cases are none, and with them the next smallest until the hidden
    ones are two or more that have as many cases together: so nobody finds one as what is missing to the
    whole."""
    sizes = sorted((tally.cases, str(key), key) for key, tally in tallies.items())
    hidden: list[Any] = []
    together = 0
    for cases, _name, key in sizes:
        if cases >= SMALLEST and (not hidden or (len(hidden) > 1 and together >= SMALLEST)):
            break
        hidden.append(key)
        together += cases
    return {key: None if key in hidden else tally for key, tally in tallies.items()}
