"""The worker assesses dirty households and those due by time, and loses nothing in trouble."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from almoner.policy.model.pack import Pack
from almoner.stream import state
from almoner.stream.rounds import Pace
from almoner.stream.status import read
from county import number
from policy.small_pack import compiled
from policy.support_pack import FILES
from stream.small_events import OTHER, WHO, person, scopes, settled, standing, wage
from stream.taking import Clock, Stream, event, working


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return compiled(tmp_path_factory.mktemp("pack"), FILES)


@pytest.fixture
def place(small: Pack, tmp_path: Path) -> Any:
    stream = Stream(tmp_path / "home", small)
    yield stream
    stream.close()


def test_an_event_is_assessed_in_the_step_that_takes_it_in(place: Stream) -> None:
    clock = Clock()
    settled(place, clock)
    clock.forward(seconds=1)
    with working(place, clock) as worker:
        place.put(wage("5", WHO, 300))
        assert worker.step()
        assert "signal:poor:household:1" in standing(place)
        worker.casework.wait()
        assert worker._progress.last_cycle == place.engine.value("SELECT max(cycle_id) FROM assessment.cycle")
    assert scopes(place)[-1] == "households"


def test_a_corrected_and_a_withdrawn_record_clear_what_rested_on_them(place: Stream) -> None:
    clock = Clock()
    settled(place, clock)
    clinic = {"resident_no": WHO, "day": "2026-10-01"}
    with working(place, clock) as worker:
        place.put(
            event("clinic", 5, cost=5000, **clinic),
            event("clinic", 6, resident_no=WHO, day="2026-10-02", cost=10),
            wage("7", WHO, 300),
        )
        clock.forward(seconds=1)
        worker.drain()
        assert {"signal:ill:person:1", "signal:poor:household:1"} <= set(standing(place))
        place.put(event("clinic", 8, withdrawn=True, **clinic), wage("9", WHO, 9000))
        clock.forward(seconds=1)
        worker.drain()
    assert not {"signal:ill:person:1", "signal:poor:household:1"} & set(standing(place))


def test_an_event_that_comes_late_counts_where_it_belongs(place: Stream) -> None:
    clock = Clock(dt.datetime(2026, 11, 9, 8))
    settled(place, clock)
    with working(place, clock) as worker:
        place.put(wage("5", WHO, 0, "2020-01-01"), wage("6", OTHER, 7, "2026-10-15"))
        worker.drain()
    assert standing(place) == []
    assert len(place.rows("wages", "month")) == 4


def test_households_due_by_time_delay_no_event_and_are_assessed_beside_events(
    place: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day concerns hundreds of thousands among millions: they go in small cycles, and some with each
    cycle for others."""
    monkeypatch.setattr("almoner.stream.worker.DUE_AT_ONCE", 1)
    monkeypatch.setattr("almoner.stream.worker.DUE_BESIDE", 1)
    clock, people = Clock(), [number(n, dt.date(1990, 1, 1)) for n in range(4)]
    place.put(
        *(person(str(n), who, f"H{n}") for n, who in enumerate(people)),
        *(wage(f"w{n}", who, 9000) for n, who in enumerate(people)),
    )
    with working(place, clock) as worker:
        worker.drain()
        before = len(scopes(place))
        state.note_date_due(place.engine, [1, 2, 3, 4])
        worker._looked_at_time = float("-inf")  # it looked less than a second ago
        assert worker.step()
        assert state.date_due(place.engine, 9) == [2, 3, 4]
        place.put(wage("5", people[3], 300))
        clock.forward(seconds=1)
        assert worker.step()
        assert "signal:poor:household:4" in standing(place)
        assert state.date_due(place.engine, 9) == [3]
        worker.status.write(place.engine, clock())
        assert (read(place.folder) or {})["to_assess"] == 1
        worker.drain()
        assert state.date_due(place.engine, 9) == []
        assert len(scopes(place)) == before + 3


def test_a_feed_that_stops_raises_no_alarm(base: Pack, tmp_path: Path) -> None:
    """The silence of a meter counts up to the watermark of the feed: without one, the signal is unknown."""
    from county import draw
    from stream.installation import events_of

    stream, clock = Stream(tmp_path / "home", base), Clock(dt.datetime(2026, 11, 9, 8))
    stream.put(*events_of(draw(3, 8)))
    with working(stream, clock) as worker:
        worker.drain()
        before = [k for k in standing(stream) if "elder" in k]
        clock.forward(days=5)
        worker.drain()
        assert [k for k in standing(stream) if "elder_meter" in k and k not in before] == []
    stream.close()


def test_dirty_households_of_a_process_that_died_are_assessed_by_the_next(place: Stream) -> None:
    clock = Clock()
    settled(place, clock)
    place.put(wage("5", WHO, 300))
    clock.forward(seconds=1)
    place.rounds.take(clock())  # committed; the process dies before the cycle
    with working(place, clock) as worker:
        worker.drain()
    assert "signal:poor:household:1" in standing(place)


def test_a_burst_of_bulk_is_assessed_in_bounded_cycles(place: Stream) -> None:
    clock = Clock()
    people = [number(n, dt.date(1990, 1, 1)) for n in range(30)]
    place.put(*(person(str(n), who, f"H{n}") for n, who in enumerate(people)))
    with working(place, clock, most_households=7) as worker:
        worker.drain()
        clock.forward(seconds=1)
        place.put(*(wage(f"w{n}", who, 300) for n, who in enumerate(people)))
        worker.drain()
    assert scopes(place)[-5:] == ["households"] * 5  # 30 in sevens
    assert len([k for k in standing(place) if "poor" in k]) == 30


def test_a_new_pack_makes_everybody_be_assessed(place: Stream) -> None:
    clock = Clock()
    settled(place, clock)
    swept = scopes(place).count("everybody")
    place.pack = replace(place.pack, hash="another")
    with working(place, clock) as worker:
        worker.drain()
    assert scopes(place).count("everybody") == swept + 1


def test_the_status_says_how_it_goes_without_a_name(place: Stream) -> None:
    clock = Clock()
    settled(place, clock)
    text = (place.folder / "worker.json").read_text(encoding="utf-8")
    found = json.loads(text)
    assert found["counts"]["events"] == 4
    assert found["idle"] is True
    assert sum(found["waited"]) == 4
    assert WHO not in text


def test_an_urgent_event_does_not_wait_for_a_months_feed_that_came_at_once(
    base: Pack, tmp_path: Path
) -> None:
    """The worker rested for a day, a month's wages wait; what is urgent goes in with the next round, and
    no round is larger than allowed."""
    stream, clock = Stream(tmp_path / "home", base, Pace(50, 50, 200, urgent_seconds=0)), Clock()
    wages = [
        event(
            "insured_wages",
            f"w{n}",
            resident_no=WHO,
            month=f"{1950 + n // 12}-{n % 12 + 1:02d}",
            employer_code="E1",
            wage=900,
        )
        for n in range(600)
    ]
    with working(stream, clock) as worker:
        worker.drain()
        stream.put(*wages)
        clock.forward(days=1)
        worker.step()
        worker.step()
        stream.put(event("elderly_meters", 1, resident_no=OTHER, day="2026-11-09", litres=3))
        taken = worker.status.counts["events"]
        worker.step()
        assert stream.rows("elderly_meters", "litres") == [(3,)]
        assert stream.inbox.backlog().keys() == {"insured_wages"}
        assert worker.status.counts["events"] - taken <= 200
        assert worker._rounds.pace.size == 100  # half of what it had grown to
        worker.drain()
    assert len(stream.rows("insured_wages", "month")) == 600
    stream.close()
