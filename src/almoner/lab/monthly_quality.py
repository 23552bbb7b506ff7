"""Measure month by month what workers would see: new signals, how often they are right, and how late.

On the same day of each month the pack is applied to what was known then. A signal is *new* when it did not
hold a month before; only new signals cost a visit. It is right by one of three definitions:

- `own`: the same person or household is in a need that the signal's file names, within the last 31 days;
- `own_90`: somebody at home is in such a need at some time from 31 days before to 90 days after;
- `any_90`: somebody at home is in any need in that time, so that a visit finds something to act on.

A need is found when a signal that names it holds for the same subject, on a day from the need's first day to
31 days after its last. Intervals are Wilson's, at 95 %.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from almoner import cycle
from almoner.engines import Engine
from almoner.lab import evaluation
from almoner.policy.model.pack import Pack
from almoner.registry.vault import Vault

DAYS_AFTER = 90
RAISED, _NEW, _JUDGED = "monthly_raised", "monthly_new", "monthly_judged"
_MOST_MONTHS = 36


@dataclass(frozen=True)
class Proportion:
    """`part` of `whole`. `share` and `interval` are None of nothing."""

    part: int
    whole: int

    @property
    def share(self) -> float | None:
        return self.part / self.whole if self.whole else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's interval of the share, at 95 %."""
        if not self.whole:
            return None
        from statsmodels.stats.proportion import proportion_confint  # takes long to load

        low, high = proportion_confint(self.part, self.whole, alpha=0.05, method="wilson")
        return float(low), float(high)


@dataclass(frozen=True, kw_only=True)
class NewSignals:
    """How many new signals there were, and how many were right by each definition."""

    raised: int
    own: int
    own_90: int
    any_90: int


@dataclass(frozen=True, kw_only=True)
class NeedsFound:
    """Needs of one kind that began in the time, how many were found, and the median of days until then."""

    began: int
    found: int
    days: float | None


@dataclass(frozen=True, kw_only=True)
class MonthlyQuality:
    """`by_day` begins with the second day: what holds on the first one is not new."""

    days: tuple[dt.date, ...]
    persons: int
    by_day: dict[dt.date, NewSignals]
    by_signal: dict[str, NewSignals]
    needs: dict[str, NeedsFound]


def days_of(as_of: dt.date, months: int) -> list[dt.date]:
    """The same day of each of the last `months` months and of the one before them, the earliest first."""
    months = max(1, min(months, _MOST_MONTHS))
    first = as_of.year * 12 + as_of.month - 1 - months
    return [
        dt.date(month // 12, month % 12 + 1, min(as_of.day, 28)) for month in range(first, first + months)
    ] + [as_of]


def monthly_quality(
    engine: Engine, vault: Vault, pack: Pack, place: Path, days: Sequence[dt.date]
) -> MonthlyQuality:
    """Assess everybody on each of `days`, ascending, as the facts were known at its end, and judge the
    findings by the truth of `place`. Nothing is written to the installation."""
    evaluation.whole_truth(engine, vault, place)
    persons = 0
    for number, day in enumerate(days):
        known_at = dt.datetime.combine(day, dt.time(23, 59, 59))
        with cycle.rehearse(engine, pack, day, known_at) as (_, outcome):
            persons = outcome.persons
            _keep(engine, number)
    by_day, by_signal, needs = judge(
        engine, {s.id: s.needs or (s.theme,) for s in pack.signals.values()}, days
    )
    return MonthlyQuality(days=tuple(days), persons=persons, by_day=by_day, by_signal=by_signal, needs=needs)


Judged = tuple[dict[dt.date, NewSignals], dict[str, NewSignals], dict[str, NeedsFound]]


def judge(engine: Engine, named: Mapping[str, Sequence[str]], days: Sequence[dt.date]) -> Judged:
    """Judge the table `monthly_raised` (number of the day from 0, item, subject_id, household_id, person_id)
    by the table `whole_truth`. `named` has the needs that each signal's file names. Gives new signals by day
    and by signal, and the needs."""
    pairs = [{"item": signal, "need": need} for signal, needs in named.items() for need in needs]
    with (
        engine.register("signal_need", pa.Table.from_pylist(pairs)),
        engine.register("day_of", pa.table({"number": range(len(days)), "day": list(days)})),
    ):
        _judge(engine)
        by_day = _counts(engine, "number", range(1, len(days)))
        by_signal = _counts(engine, "item", list(named))
        return (
            dict(zip(days[1:], by_day, strict=True)),
            dict(zip(named, by_signal, strict=True)),
            _needs(engine),
        )


def _keep(engine: Engine, number: int) -> None:
    found = f"""
        SELECT {number} AS number, item, subject_id, household_id, person_id
        FROM {cycle.findings()["signal"]}
        """
    if number:
        engine.append_rows(RAISED, found)
    else:
        engine.materialize(RAISED, found)


def _judge(engine: Engine) -> None:
    engine.materialize(
        _NEW,
        f"""
        SELECT r.*
        FROM {RAISED} AS r
        LEFT JOIN {RAISED} AS b
          ON b.item = r.item AND b.subject_id = r.subject_id AND b.number = r.number - 1
        WHERE b.item IS NULL AND r.number > 0
        """,
    )
    there = "n.ended_on IS NULL OR n.ended_on >= d.day - $back"
    engine.materialize(
        _JUDGED,
        f"""
        WITH met AS (
          SELECT
            r.number,
            r.item,
            r.subject_id,
            s.item IS NOT NULL AS named,
            s.item IS NOT NULL
            AND n.started_on <= d.day
            AND (r.person_id IS NULL OR n.person_id IS NULL OR n.person_id = r.person_id) AS own,
            n.need <> '{evaluation.RECOVERY}' AS need
          FROM {_NEW} AS r
          JOIN day_of AS d USING (number)
          JOIN whole_truth AS n
            ON n.household_id = r.household_id AND n.started_on <= d.day + $after AND ({there})
          LEFT JOIN signal_need AS s ON s.item = r.item AND s.need = n.need
        ), right_ones AS (
          SELECT
            number,
            item,
            subject_id,
            bool_or(own) AS own,
            bool_or(named) AS own_90,
            bool_or(need) AS any_90
          FROM met
          GROUP BY number, item, subject_id
        )
        SELECT
          n.number,
          n.item,
          coalesce(j.own, false) AS own,
          coalesce(j.own_90, false) AS own_90,
          coalesce(j.any_90, false) AS any_90
        FROM {_NEW} AS n
        LEFT JOIN right_ones AS j USING (number, item, subject_id)
        """,
        {"back": evaluation.DAYS_BACK, "after": DAYS_AFTER},
    )


def _counts(engine: Engine, by: str, keys: Sequence[int] | Sequence[str]) -> list[NewSignals]:
    """Counts by one column, in the order of `keys`."""
    rows = engine.rows(
        f"""
        SELECT {by}, count(*), count_if(own), count_if(own_90), count_if(any_90)
        FROM {_JUDGED}
        GROUP BY {by}
        """
    )
    found = {key: NewSignals(raised=n, own=a, own_90=b, any_90=c) for key, n, a, b, c in rows}
    return [found.get(key, NewSignals(raised=0, own=0, own_90=0, any_90=0)) for key in keys]


def _needs(engine: Engine) -> dict[str, NeedsFound]:
    """Recall by need, of all needs that began after the first day; also of people in no register."""
    rows = engine.rows(
        f"""
        WITH began AS (
          SELECT row_number() OVER () AS id, *
          FROM whole_truth
          WHERE started_on > (SELECT min(day) FROM day_of) AND started_on <= (SELECT max(day) FROM day_of)
        ), found AS (
          SELECT b.id, min(d.day) AS day
          FROM began AS b
          JOIN signal_need AS s USING (need)
          JOIN {RAISED} AS r
            ON r.item = s.item
            AND r.household_id = b.household_id
            AND (r.person_id IS NULL OR b.person_id IS NULL OR r.person_id = b.person_id)
          JOIN day_of AS d
            ON d.number = r.number AND d.day >= b.started_on AND d.day <= coalesce(b.ended_on + $back, d.day)
          GROUP BY b.id
        )
        SELECT need, count(*), count(day), median(day - started_on)::DOUBLE
        FROM began
        LEFT JOIN found USING (id)
        GROUP BY need
        ORDER BY need
        """,
        {"back": evaluation.DAYS_BACK},
    )
    return {need: NeedsFound(began=n, found=found, days=days) for need, n, found, days in rows}
