"""A worker counts the past months that signals of areas compare with while nothing else waits, and then
sweeps."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from almoner.assessment import months
from almoner.policy.model.pack import Pack
from almoner.registry import dirty
from almoner.stream import state
from almoner.stream.scheduled import COUNTED, MONTHS
from county import AS_OF, KNOWN_AT, deliveries, draw, number, taken_in
from lesser import with_signals
from stream.taking import Clock, Stream, event, working


@pytest.fixture(scope="module")
def few(base: Pack) -> Pack:
    return with_signals(base, "income_shock", "elder_unsupported")


@pytest.fixture
def swept(base: Pack, few: Pack, tmp_path: Path) -> Iterator[Stream]:
    """Everybody was assessed and every month counted; then the counts were lost, and a day passed."""
    with taken_in(base, deliveries(tmp_path, draw(3, households=40))) as engine:
        stream = Stream(tmp_path / "home", few, engine=engine)
        with working(stream, Clock(KNOWN_AT), day=AS_OF) as worker:
            worker.drain()
        assert len(counted(stream)) > 12
        assert sweeps(stream) == 1
        engine.execute("DELETE FROM assessment.area_month")
        state.set_mark(engine, MONTHS, "due")
        yield stream
        stream.close_files()


def counted(stream: Stream) -> list[tuple[Any, ...]]:
    return stream.engine.rows(
        "SELECT month, list(row(item, area, started, at_risk) ORDER BY ALL) FROM assessment.area_month GROUP"
        " BY month ORDER BY month"
    )


def sweeps(stream: Stream) -> int:
    return int(stream.engine.value("SELECT count(*) FROM assessment.cycle WHERE scope = 'everybody'"))


def test_months_wait_for_what_comes_and_the_sweep_for_the_months(
    swept: Stream, few: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event that comes while the first month is counted is taken in after it, before the second."""
    evaluate, evaluated = months._evaluate, list[int]()

    def evaluating(*asked: Any) -> None:
        evaluated.append(1)
        if len(evaluated) == 2:
            swept.put(
                event(
                    "elderly_meters",
                    1,
                    resident_no=number(1, dt.date(1950, 1, 1)),
                    day="2026-11-08",
                    litres=3,
                )
            )
        evaluate(*asked)

    monkeypatch.setattr(months, "_evaluate", evaluating)
    with working(swept, Clock(KNOWN_AT), day=AS_OF) as worker:
        assert worker.step()
        assert len(counted(swept)) == 1
        assert swept.inbox.backlog()
        assert worker.step()
        assert len(counted(swept)) == 1
        assert not swept.inbox.backlog()
        assert sweeps(swept) == 1
        worker.drain()
    assert sweeps(swept) == 2
    found = counted(swept)
    swept.engine.execute("DELETE FROM assessment.area_month")
    months.count(swept.engine, few, AS_OF, KNOWN_AT)
    assert counted(swept) == found


def test_a_worker_that_was_killed_between_the_months_and_the_sweep_sweeps(swept: Stream, few: Pack) -> None:
    months.count(swept.engine, few, AS_OF, KNOWN_AT)
    state.set_mark(swept.engine, MONTHS, COUNTED)
    with working(swept, Clock(KNOWN_AT), day=AS_OF) as worker:
        worker.drain()
    assert sweeps(swept) == 2
    with working(swept, Clock(KNOWN_AT), day=AS_OF) as worker:
        worker.drain()
    assert sweeps(swept) == 2


def test_no_sweep_follows_where_no_month_was_counted(swept: Stream, few: Pack) -> None:
    months.count(swept.engine, few, AS_OF, KNOWN_AT)
    with working(swept, Clock(KNOWN_AT), day=AS_OF) as worker:
        worker.drain()
    assert sweeps(swept) == 1
    assert not state.mark(swept.engine, MONTHS)


def test_where_events_always_wait_months_delay_them_only_once(
    swept: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After ten minutes without a quiet moment one month is counted; the next step assesses the dirty
    households."""
    evaluate, clock, numbers = months._evaluate, Clock(KNOWN_AT), count(1)

    def came() -> None:
        n = next(numbers)
        swept.put(
            event(
                "elderly_meters", n, resident_no=number(1, dt.date(1950, 1, 1)), day=f"2026-11-0{n}", litres=3
            )
        )

    def evaluating(*asked: Any) -> None:
        came()
        evaluate(*asked)

    monkeypatch.setattr(months, "_evaluate", evaluating)
    with working(swept, clock, day=AS_OF) as worker:
        came()
        worker.step()
        clock.forward(minutes=11)
        came()
        swept.engine.execute("INSERT INTO registry.touched VALUES (1, false)")
        worker.step()
        assert len(counted(swept)) == 1
        assert swept.inbox.backlog()
        worker.step()
        assert len(counted(swept)) == 1
        assert dirty.dirty_households(swept.engine, 9) == []
