"""New signals month by month against the truth, beside a count by hand."""

from __future__ import annotations

import datetime as dt
import random
from statistics import median

import pyarrow as pa
import pytest

from almoner.engines import open_engine
from almoner.lab.monthly_quality import (
    DAYS_AFTER,
    RAISED,
    NeedsFound,
    NewSignals,
    Proportion,
    days_of,
    judge,
)

NAMED = {"fall": ("income",), "care": ("illness", "expenses")}
DAYS = [dt.date(2026, month, 9) for month in range(6, 12)]
Raise = tuple[int, str, int, int | None]  # number of the day, signal, household, person
Need = tuple[str, int, int | None, dt.date, dt.date | None]


def judged(raised: list[Raise], needs: list[Need]) -> object:
    with open_engine(None) as engine:
        columns = {
            "number": pa.array([r[0] for r in raised], pa.int64()),
            "item": pa.array([r[1] for r in raised], pa.string()),
            "subject_id": pa.array([r[3] or r[2] for r in raised], pa.int64()),
            "household_id": pa.array([r[2] for r in raised], pa.int64()),
            "person_id": pa.array([r[3] for r in raised], pa.int64()),
        }
        truth = {
            "need": pa.array([n[0] for n in needs], pa.string()),
            "household_id": pa.array([n[1] for n in needs], pa.int64()),
            "person_id": pa.array([n[2] for n in needs], pa.int64()),
            "started_on": pa.array([n[3] for n in needs], pa.date32()),
            "ended_on": pa.array([n[4] for n in needs], pa.date32()),
        }
        with engine.register(RAISED, pa.table(columns)), engine.register("whole_truth", pa.table(truth)):
            return judge(engine, NAMED, DAYS)


def by_hand(raised: list[Raise], needs: list[Need]) -> object:
    back, ever = dt.timedelta(days=31), dt.date(2100, 1, 1)
    held = set(raised)
    new = [r for r in raised if r[0] > 0 and (r[0] - 1, *r[1:]) not in held]

    def same(r: Raise, n: Need) -> bool:
        return r[2] == n[1] and (r[3] is None or n[2] is None or r[3] == n[2])

    def right(r: Raise) -> tuple[bool, bool, bool]:
        day = DAYS[r[0]]
        near = [
            n
            for n in needs
            if n[1] == r[2] and n[3] <= day + dt.timedelta(days=DAYS_AFTER) and (n[4] or ever) >= day - back
        ]
        named = [n for n in near if n[0] in NAMED[r[1]]]
        own = [n for n in named if n[3] <= day and same(r, n)]
        return bool(own), bool(named), any(n[0] != "recovery" for n in near)

    def counted(of: list[Raise]) -> NewSignals:
        own, own_90, any_90 = (sum(found) for found in zip(*map(right, of), strict=True)) if of else (0, 0, 0)
        return NewSignals(raised=len(of), own=own, own_90=own_90, any_90=any_90)

    recall: dict[str, list[int | None]] = {}
    for n in needs:
        if DAYS[0] < n[3] <= DAYS[-1]:
            days = [
                DAYS[r[0]]
                for r in raised
                if n[0] in NAMED[r[1]] and same(r, n) and n[3] <= DAYS[r[0]] <= (n[4] or ever) + back
            ]
            recall.setdefault(n[0], []).append((min(days) - n[3]).days if days else None)
    return (
        {day: counted([r for r in new if r[0] == number]) for number, day in enumerate(DAYS) if number},
        {signal: counted([r for r in new if r[1] == signal]) for signal in NAMED},
        {
            need: NeedsFound(
                began=len(found),
                found=len(days := [d for d in found if d is not None]),
                days=float(median(days)) if days else None,
            )
            for need, found in sorted(recall.items())
        },
    )


@pytest.mark.parametrize("seed", range(12))
def test_any_signals_and_needs_are_counted_as_by_hand(seed: int) -> None:
    chance = random.Random(seed)
    days = [dt.date(2026, 3, 1) + dt.timedelta(days=n) for n in range(360)]
    raised = {
        (chance.randrange(6), chance.choice(list(NAMED)), home, chance.choice([None, 10 * home + 1]))
        for home in (chance.randrange(1, 9) for _ in range(60))
    }
    needs = {
        (
            chance.choice(["income", "illness", "expenses", "child", "recovery"]),
            home,
            chance.choice([None, 10 * home + 1, 10 * home + 2]),
            *chance.choice([sorted(chance.sample(days, 2)), [chance.choice(days), None]]),
        )
        for home in (chance.randrange(1, 9) for _ in range(15))
    }
    assert judged(sorted(raised, key=str), sorted(needs, key=str)) == by_hand(list(raised), list(needs))


def test_intervals_are_wilsons() -> None:
    """Values of Wilson's formula as tables of it give them; at the ends they stay between 0 and 1."""
    assert Proportion(10, 100).interval == pytest.approx((0.0552, 0.1744), abs=1e-4)
    assert Proportion(0, 20).interval == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert Proportion(20, 20).interval == pytest.approx((0.8389, 1.0), abs=1e-4)
    assert (Proportion(0, 0).share, Proportion(0, 0).interval) == (None, None)


def test_days_are_the_same_day_of_each_month() -> None:
    assert days_of(dt.date(2026, 2, 9), 3) == [
        dt.date(2025, 11, 9),
        dt.date(2025, 12, 9),
        dt.date(2026, 1, 9),
        dt.date(2026, 2, 9),
    ]
    assert days_of(dt.date(2026, 3, 31), 1) == [dt.date(2026, 2, 28), dt.date(2026, 3, 31)]
