"""Periods join into runs, what no delivery vouched for is a hole, and the past stays as it was known."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almoner.engines import Engine, open_engine
from almoner.registry import completeness, periods, schema
from almoner.registry.completeness import CompleteDays
from almoner.registry.periods import EVER, Cadence
from feeds import FEEDS

DAYS = st.dates(dt.date(1990, 1, 1), dt.date(2060, 12, 31))
WHOLE: list[Cadence] = ["daily", "weekly", "monthly", "yearly"]
DAY = dt.timedelta(days=1)
AT = dt.datetime(2026, 11, 9)


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


@pytest.fixture
def engine() -> Iterator[Engine]:
    with open_engine() as engine:
        schema.ensure(engine, FEEDS)
        yield engine


@given(DAYS, st.sampled_from(WHOLE))
def test_periods_tile_the_calendar(any_day: dt.date, cadence: Cadence) -> None:
    first, last = periods.start(cadence, any_day), periods.end(cadence, any_day)
    assert first <= any_day <= last
    assert periods.following(cadence, any_day) == last + DAY
    assert periods.previous(cadence, periods.following(cadence, any_day)) == first
    assert {periods.start(cadence, d) for d in (first, last)} == {first}
    assert list(periods.between(cadence, first, last)) == [first]


@given(DAYS, st.integers(0, 800), st.sampled_from(WHOLE))
def test_only_whole_periods_lie_between(since: dt.date, length: int, cadence: Cadence) -> None:
    through = since + dt.timedelta(days=length)
    found = list(periods.between(cadence, since, through))
    assert all(since <= p and periods.end(cadence, p) <= through for p in found)
    assert all(periods.following(cadence, a) == b for a, b in pairwise(found))


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)), min_size=1, max_size=12))
def test_runs_have_the_days_of_their_spans_and_holes_the_others(drawn: list[tuple[int, int]]) -> None:
    base = dt.date(2026, 1, 1)
    spans = [CompleteDays(base + s * DAY, base + (s + n) * DAY) for s, n in drawn]
    runs = completeness.joined(spans)

    def days(listed: tuple[CompleteDays, ...] | list[CompleteDays]) -> set[dt.date]:
        return {s.since + n * DAY for s in listed for n in range((s.through - s.since).days + 1)}

    whole = {runs[0].since + n * DAY for n in range((runs[-1].through - runs[0].since).days + 1)}
    assert days(runs) == days(spans)
    assert days(completeness.holes(runs)) == whole - days(spans)
    assert all(b.since - a.through > DAY for a, b in pairwise(runs))


def test_the_watermark_is_the_end_of_the_last_run_and_since_its_beginning(engine: Engine) -> None:
    for number, (since, through) in enumerate(
        [("2025-10-01", "2026-04-30"), ("2026-06-01", "2026-08-31"), ("2026-09-01", "2026-09-30")], 1
    ):
        span = CompleteDays(day(since), day(through))
        completeness.record(engine, "wages", [(None, span)], delivery_id=number, at=AT + number * DAY)
    assert completeness.watermarks(engine) == {"wages": day("2026-09-30")}
    assert completeness.runs_since(engine) == {"wages": day("2026-06-01")}
    assert completeness.runs_since(engine, AT + DAY) == {"wages": day("2025-10-01")}
    assert completeness.watermarks(engine, AT) == {}
    (runs,) = completeness.runs(engine)["wages"].values()
    assert completeness.holes(runs) == (CompleteDays(day("2026-05-01"), day("2026-05-31")),)


def test_a_part_is_behind_when_it_ends_earlier_or_has_a_hole(engine: Engine) -> None:
    spans = {
        "north": [("2026-01-01", "2026-09-30")],
        "south": [("2026-01-01", "2026-08-31")],
        "east": [("2026-01-01", "2026-05-31"), ("2026-07-01", "2026-09-30")],
    }
    listed = [(part, CompleteDays(day(a), day(b))) for part, each in spans.items() for a, b in each]
    completeness.record(engine, "wages", listed, delivery_id=1, at=AT)
    assert completeness.watermarks(engine) == {"wages": day("2026-09-30")}
    assert completeness.runs_since(engine) == {"wages": day("2026-01-01")}
    assert completeness.parts_behind(engine) == {"wages": {"south", "east"}}


@pytest.mark.parametrize(
    ("reached", "since"),
    [
        (["2026-08-31"], EVER),
        (["2026-07-31", "2026-08-31", "2026-09-30"], EVER),
        (["2026-06-30", "2026-07-31", "2026-09-30"], day("2026-09-01")),
        (["2026-05-31", "2026-07-31", "2026-08-31", "2026-09-30"], day("2026-07-01")),
        (["2026-08-31", "2026-07-31", "2026-08-31"], EVER),
    ],
)
def test_facts_of_an_older_version_get_their_periods_from_the_deliveries(
    engine: Engine, reached: list[str], since: dt.date
) -> None:
    engine.execute(f"DROP TABLE {completeness.TABLE}")
    for number, through in enumerate(reached):
        engine.execute(
            "INSERT INTO registry.delivery (delivery_id, feed, received_at, complete_through)"
            " VALUES ($n, 'wages', $at, $through)",
            {"n": number, "at": AT + number * DAY, "through": day(through)},
        )
    schema.ensure(engine, FEEDS)
    assert completeness.watermarks(engine) == {"wages": day(max(reached))}
    assert completeness.runs_since(engine) == {"wages": since}
    schema.ensure(engine, FEEDS)
    assert completeness.runs_since(engine) == {"wages": since}
