"""What area signals count: who newly came under a signal in a month, the same whenever it is counted, and
only of complete months."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from almoner.assessment import months, signals
from almoner.assessment.opening import open_context
from almoner.engines import Engine
from almoner.policy.model.pack import Pack
from county import AREA, AS_OF, KNOWN_AT, copy_opened
from lesser import with_signals

BACK = 3


@pytest.fixture(scope="module")
def few(base: Pack) -> Pack:
    """Two signals of households and two of persons are enough to count."""
    return with_signals(base, "income_shock", "illness_cost", "elder_unsupported", "student_disengaging")


@pytest.fixture
def engine(hundred: Path, tmp_path: Path) -> Iterator[Engine]:
    with copy_opened(hundred, tmp_path) as opened:
        yield opened


def kept(engine: Engine) -> dict[tuple[str, dt.date], tuple[int, int]]:
    rows = engine.rows("""SELECT item, month, area, started, at_risk FROM assessment.area_month
           WHERE known_to = 'infinity'::TIMESTAMP ORDER BY ALL""")
    assert {row[2] for row in rows} == {AREA}
    return {(item, month): (started, at_risk) for item, month, _, started, at_risk in rows}


def test_counting_by_hand_comes_to_the_same(engine: Engine, few: Pack) -> None:
    """Who holds at the end of each month, signal by signal, from an assessment of its own, compared as
    sets."""
    months.count(engine, few, AS_OF, KNOWN_AT, BACK)
    counted = kept(engine)
    assert {item for item, _ in counted} == set(few.signals)
    assert any(started for started, _ in counted.values())
    for (item, month), (started, at_risk) in counted.items():
        before = month.replace(day=1) - dt.timedelta(days=1)
        everybody, then = holding(engine, few, item, before)
        _, now = holding(engine, few, item, month)
        assert (started, at_risk) == (len(now - then), len(everybody - then)), (item, month)


def holding(engine: Engine, pack: Pack, signal: str, day: dt.date) -> tuple[set[int], set[int]]:
    with open_context(engine, pack, day, KNOWN_AT, closed=True) as context:
        signals.find(context)
        everybody = {home for (home,) in engine.rows("SELECT household_id FROM wide_household")}
        found = engine.rows(
            f"SELECT household_id FROM {signals.FINDINGS} WHERE item = $item", {"item": signal}
        )
    return everybody, {home for (home,) in found}


def test_counting_again_changes_nothing(engine: Engine, few: Pack) -> None:
    first = months.count(engine, few, AS_OF, KNOWN_AT)
    counted = kept(engine)
    again = months.count(engine, few, AS_OF, KNOWN_AT)
    later = months.count(engine, few, AS_OF + dt.timedelta(days=8), KNOWN_AT + dt.timedelta(days=8))
    assert len(first.months) > 12
    assert again.months == later.months == ()
    assert kept(engine) == counted


def test_the_day_of_the_count_does_not_matter(engine: Engine, few: Pack) -> None:
    """A month counted soon after its end and one counted long after have the same numbers, on the same
    facts."""
    months.count(engine, few, AS_OF, KNOWN_AT, BACK)
    soon = kept(engine)
    months.count(engine, few, AS_OF + dt.timedelta(days=20), KNOWN_AT + dt.timedelta(days=20), BACK)
    assert kept(engine) == soon


def test_a_month_counts_only_when_the_feeds_of_the_signal_are_complete_for_it(
    engine: Engine, few: Pack
) -> None:
    engine.execute(
        "UPDATE registry.complete_period SET through = DATE '2026-09-15' WHERE feed = 'insured_wages'"
    )
    months.count(engine, few, AS_OF, KNOWN_AT, BACK)
    last = {item: max(month for of, month in kept(engine) if of == item) for item in few.signals}
    assert last["income_shock"] == dt.date(2026, 8, 31)
    assert last["elder_unsupported"] == dt.date(2026, 10, 31)
    engine.execute(
        "UPDATE registry.complete_period SET through = DATE '2026-10-31' WHERE feed = 'insured_wages'"
    )
    caught_up = months.count(engine, few, AS_OF, KNOWN_AT)
    assert ("income_shock", dt.date(2026, 10, 31)) in kept(engine)
    assert dt.date(2026, 10, 31) in caught_up.months


def test_nothing_that_came_after_the_month_is_in_view(engine: Engine, few: Pack) -> None:
    day = dt.date(2026, 8, 31)
    with open_context(engine, few, day, KNOWN_AT, closed=True):
        assert engine.value("SELECT max(month) FROM insured_wages") <= day
        assert engine.value("SELECT max(complete_through) FROM feed") <= day
        people = engine.value("SELECT count(*) FROM member")
    with open_context(engine, few, AS_OF, KNOWN_AT):
        assert engine.value("SELECT count(*) FROM member") == people


def test_another_rule_is_counted_anew_and_the_old_count_is_kept(engine: Engine, few: Pack) -> None:
    months.count(engine, few, AS_OF, KNOWN_AT)
    old = few.signals["income_shock"]
    stricter = replace(old, when=replace(old.when, sql=f"({old.when.sql}) AND income_usual > 1"))
    changed = replace(few, signals={**few.signals, old.id: stricter})
    later = KNOWN_AT + dt.timedelta(days=1)
    assert months.count(engine, changed, AS_OF, later).signals == 1
    rules = engine.rows(
        "SELECT rule, count(DISTINCT known_to) FROM assessment.area_month WHERE item = 'income_shock' GROUP"
        " BY rule"
    )
    assert len(rules) == 2


def test_no_months_are_counted_where_the_pack_watches_no_areas(engine: Engine, few: Pack) -> None:
    assert months.count(engine, replace(few, watch=None), AS_OF, KNOWN_AT).months == ()
    assert months.count(engine, few, AS_OF, KNOWN_AT, 0).months == ()


def test_ends_of_months() -> None:
    assert months.month_end(dt.date(2026, 11, 9)) == dt.date(2026, 10, 31)
    assert months.month_end(dt.date(2026, 10, 31)) == dt.date(2026, 10, 31)
    assert months.months_before(dt.date(2026, 3, 31), 2) == [
        dt.date(2026, 1, 31),
        dt.date(2026, 2, 28),
        dt.date(2026, 3, 31),
    ]
