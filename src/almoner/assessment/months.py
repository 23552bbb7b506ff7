"""Count by month and area how many households newly came under each signal, for area alerts to compare.

A household *started* in a month when the signal holds for it, or for one of its members, at the end of the
month and did not hold at the end of the month before. *At risk* are all households for which it did not hold
then. Both days are seen with what is known now, so a count changes later only through corrections.

A month is counted when the feeds that the signal reads are complete for it. A late feed thus leaves a missing
month, not a fall with a jump behind it. Counts have two clocks, and a hash of the rule: when the rule
changes, months are counted again.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from time import perf_counter

import pyarrow as pa

from almoner.assessment.context import AssessmentContext
from almoner.assessment.expressions import bind
from almoner.assessment.feature_table import feature_table, holds
from almoner.assessment.opening import open_context
from almoner.assessment.values import values_at
from almoner.engines import Engine, quote
from almoner.policy.model.feeds import Feed
from almoner.policy.model.pack import Pack, Signal
from almoner.policy.model.terms import Condition
from almoner.registry.completeness import watermarks

TABLE = "assessment.area_month"  # one of the ledger's
_STATE, _BEFORE, _COUNTS = "month_state", "month_before", "month_counts"
_YEAR = dt.timedelta(days=366)


@dataclass(frozen=True)
class CountedMonths:
    """The months that were counted, for how many signals together, and the seconds it took."""

    months: tuple[dt.date, ...]
    signals: int
    seconds: float


def are_kept(engine: Engine) -> bool:
    """Whether the table of counts exists. It is missing in older databases that were only opened
    for reading.
    """
    sql = """
        SELECT count(*)
        FROM information_schema.tables
        WHERE table_schema = 'assessment' AND table_name = 'area_month'
        """
    return bool(engine.value(sql))


def month_end(day: dt.date) -> dt.date:
    """The last day of the latest month that has ended by `day`, which may itself be that day."""
    after = day + dt.timedelta(days=1)
    return after.replace(day=1) - dt.timedelta(days=1)


def months_before(last: dt.date, count: int) -> list[dt.date]:
    """The end of month `last` and of the `count` months before it, oldest first."""
    ends = [last]
    for _ in range(count):
        ends.append(ends[-1].replace(day=1) - dt.timedelta(days=1))
    return ends[::-1]


def rule_of(pack: Pack, signal: Signal) -> str:
    """A hash of the signal's rule. Values of parameters are left out, because they are dated."""
    texts = [signal.subject, signal.when.sql, *(pack.indicators[i].sql for i in _indicators(pack, signal))]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def _indicators(pack: Pack, signal: Signal) -> list[str]:
    return sorted({pack.column(name)[0].id for name in signal.when.columns})


def feeds_of(pack: Pack, signal: Signal) -> list[Feed]:
    """The feeds whose events decide whether the signal holds."""
    read = {feed for name in signal.when.columns for feed, _ in pack.column(name)[1].reads}
    feeds = [pack.feeds[feed] for feed in sorted(read)]
    return [f for f in feeds if not f.shared and not f.membership]


def last_month(
    pack: Pack, signal: Signal, through: Mapping[str, dt.date | None], as_of: dt.date
) -> dt.date | None:
    """The end of the latest month that all feeds of the signal are complete for; None when none was
    delivered.

    Feeds that were never delivered are left out. A yearly feed counts as complete for the year that follows.
    """
    ends = [
        done + _YEAR if feed.cadence == "yearly" else done
        for feed in feeds_of(pack, signal)
        if (done := through.get(feed.id)) is not None
    ]
    return month_end(min([*ends, as_of])) if ends else None


def threshold(engine: Engine, pack: Pack, condition: Condition, as_of: dt.date) -> float | None:
    """The value of a threshold of the area alarm on `as_of`; None when one of its parameters has ended."""
    value = engine.value(f"SELECT ({bind(condition.sql, values_at(pack, as_of).plain)})::DOUBLE")
    return None if value is None else float(value)


def count(
    engine: Engine,
    pack: Pack,
    as_of: dt.date,
    known_at: dt.datetime,
    months: int | None = None,
) -> CountedMonths:
    """Count the complete months that are not counted yet, as far back as area alerts compare.

    With `months`, that many months are counted again, with corrections of the past; 0 counts none.
    """
    started = perf_counter()
    months_due = due(engine, pack, as_of, known_at, months)
    count_due(engine, pack, months_due, known_at)
    signals = {signal for listed in months_due.values() for signal in listed}
    return CountedMonths(tuple(sorted(months_due)), len(signals), perf_counter() - started)


def due(
    engine: Engine, pack: Pack, as_of: dt.date, known_at: dt.datetime, months: int | None = None
) -> dict[dt.date, list[str]]:
    """By month, the signals to be counted; for `months` see `count`."""
    layer = pack.watch.areas if pack.watch else None
    if layer is None or layer.alarm is None or months == 0:
        return {}
    through = watermarks(engine, known_at)
    back = int(threshold(engine, pack, layer.alarm.months, as_of) or 0) if months is None else months - 1
    done = set() if months is not None else _done(engine)
    months_due: dict[dt.date, list[str]] = {}
    for signal in pack.signals.values():
        last = last_month(pack, signal, through, as_of)
        rule = rule_of(pack, signal)
        for month in months_before(last, back) if last else ():
            if (signal.id, rule, month) not in done:
                months_due.setdefault(month, []).append(signal.id)
    return months_due


def count_due(
    engine: Engine,
    pack: Pack,
    months_due: Mapping[dt.date, list[str]],
    known_at: dt.datetime,
    until: Callable[[], bool] = lambda: False,
) -> int:
    """Count what `due` gave, oldest month first, each in a transaction of its own. Gives the number of
    months.

    Counting stops between two months when `until` is true. The state at the end of a month is computed once
    and serves the month after it.
    """
    before: dt.date | None = None
    counted = 0
    for month in sorted(months_due):
        if counted and until():
            break
        previous = month.replace(day=1) - dt.timedelta(days=1)
        if before != previous:
            _evaluate(engine, pack, _signals_on(months_due, previous, month), previous, known_at)
        engine.materialize(_BEFORE, f"SELECT * FROM {quote(_STATE)}")
        following = (month + dt.timedelta(days=32)).replace(day=1) - dt.timedelta(days=1)
        _evaluate(engine, pack, _signals_on(months_due, month, following), month, known_at)
        with engine.transaction():
            _store(engine, pack, months_due[month], month, known_at)
        before = month
        counted += 1
    engine.drop(_STATE, _BEFORE, _COUNTS)
    return counted


def _done(engine: Engine) -> set[tuple[str, str, dt.date]]:
    counted = engine.rows(
        f"SELECT DISTINCT item, rule, month FROM {TABLE} WHERE known_to = 'infinity'::TIMESTAMP"
    )
    return {(item, rule, month) for item, rule, month in counted}


def _signals_on(due: Mapping[dt.date, list[str]], *months: dt.date) -> list[str]:
    return sorted({signal for month in months for signal in due.get(month, ())})


def _evaluate(
    engine: Engine, pack: Pack, signals: Iterable[str], day: dt.date, known_at: dt.datetime
) -> None:
    """Materialize, for each household, which of the signals hold on `day`."""
    lesser = _with_only(pack, [pack.signals[name] for name in signals])
    with open_context(engine, lesser, day, known_at, closed=True) as context:
        engine.materialize(_STATE, _state(context))


def _with_only(pack: Pack, signals: list[Signal]) -> Pack:
    """The pack reduced to what these signals need."""
    needed = {name for signal in signals for name in _indicators(pack, signal)}
    bare = {s.id: replace(s, severity=None, levels=(replace(s.levels[-1], when=None),)) for s in signals}
    indicators = {name: i for name, i in pack.indicators.items() if name in needed}
    return replace(pack, signals=bare, indicators=indicators, programmes={}, categories={}, watch=None)


def _state(context: AssessmentContext) -> str:
    of_household = [s for s in context.pack.signals.values() if s.subject == "household"]
    of_person = [s for s in context.pack.signals.values() if s.subject == "person"]
    columns = [f"coalesce({quote(holds(s.id))}, false) AS {quote(s.id)}" for s in of_household]
    columns += [f"coalesce(p.{quote(s.id)}, false) AS {quote(s.id)}" for s in of_person]
    listed = "".join(f", {column}" for column in columns)
    if not of_person:
        return f"SELECT household_id, area{listed} FROM {feature_table('household')}"
    held = ", ".join(f"bool_or({quote(holds(s.id))}) AS {quote(s.id)}" for s in of_person)
    return f"""
        SELECT h.household_id, h.area{listed}
        FROM {feature_table("household")} AS h
        LEFT JOIN (
          SELECT household_id, {held} FROM {feature_table("person")} GROUP BY household_id
        ) AS p USING (household_id)
        """


def _store(engine: Engine, pack: Pack, signals: list[str], month: dt.date, known_at: dt.datetime) -> None:
    engine.materialize(_COUNTS, " UNION ALL ".join(_counts(name) for name in signals))
    rules = pa.table(
        {"item": pa.array(signals), "rule": pa.array([rule_of(pack, pack.signals[name]) for name in signals])}
    )
    parameters = {"month": month, "at": known_at}
    with engine.register("counted_rule", rules):
        engine.execute(
            f"""
            UPDATE {TABLE}
            SET known_to = $at
            WHERE month = $month
              AND known_to = 'infinity'::TIMESTAMP
              AND item IN (SELECT item FROM counted_rule)
            """,
            parameters,
        )
        engine.execute(
            f"""
            INSERT INTO {TABLE}
            SELECT c.item, r.rule, $month, c.area, c.started, c.at_risk, $at, 'infinity'::TIMESTAMP
            FROM {quote(_COUNTS)} AS c
            JOIN counted_rule AS r ON r.item = c.item
            ORDER BY c.item, c.area
            """,
            parameters,
        )


def _counts(signal: str) -> str:
    free = f"NOT coalesce(b.{quote(signal)}, false)"
    return f"""
        SELECT
          '{signal}' AS item,
          s.area,
          count(*) FILTER (s.{quote(signal)} AND {free}) AS started,
          count(*) FILTER ({free}) AS at_risk
        FROM {quote(_STATE)} AS s
        LEFT JOIN {quote(_BEFORE)} AS b USING (household_id)
        WHERE s.area IS NOT NULL
        GROUP BY s.area
        """
