"""The worker: who is touched is assessed, time alone makes some due, and trouble around it loses nothing."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event as Flag
from typing import Any

import pytest

from almoner.errors import EngineError
from almoner.intake.json_lines import Objects
from almoner.policy.model.pack import Pack
from almoner.registry.quarantine import entries
from almoner.stream import state, ticks
from almoner.stream.events import Event
from almoner.stream.rounds import Pace
from almoner.stream.status import Status, read
from almoner.stream.supervising import Supervisor
from almoner.stream.worker import Worker
from county import number
from policy.small_pack import compiled
from policy.support_pack import FILES
from stream.taking import Clock, Stream, event, working

WHO, OTHER = (number(n, dt.date(1990, 1, 1)) for n in (1, 2))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return compiled(tmp_path_factory.mktemp("pack"), FILES)


@pytest.fixture
def place(small: Pack, tmp_path: Path) -> Any:
    stream = Stream(tmp_path / "home", small)
    yield stream
    stream.close()


def person(n: str, who: str, home: str) -> Event:
    return event(
        "people",
        n,
        resident_no=who,
        name="N",
        household_no=home,
        birth_date="1990-01-01",
        area_code="5201",
        updated_on="2026-01-01",
    )


def wage(n: str, who: str, amount: float, month: str = "2026-11-01") -> Event:
    return event("wages", n, resident_no=who, month=month, wage=amount)


def standing(stream: Stream) -> list[str]:
    return [key for (key,) in stream.engine.rows("SELECT key FROM assessment.standing ORDER BY key")]


def scopes(stream: Stream) -> list[str]:
    return [scope for (scope,) in stream.engine.rows("SELECT scope FROM assessment.cycle ORDER BY cycle_id")]


def settled(stream: Stream, clock: Clock) -> None:
    """Two households are known and everybody was looked at once."""
    stream.put(person("1", WHO, "A"), person("2", OTHER, "B"), wage("3", WHO, 9000), wage("4", OTHER, 9000))
    with working(stream, clock) as worker:
        worker.drain()


def test_an_event_is_assessed_in_the_step_that_takes_it_in(place: Stream) -> None:
    clock = Clock()
    settled(place, clock)
    clock.forward(seconds=1)
    with working(place, clock) as worker:
        place.put(wage("5", WHO, 300))
        assert worker.step()
        assert "signal:poor:household:1" in standing(place)
        worker.casework.wait()
        assert worker._told == place.engine.value("SELECT max(cycle_id) FROM assessment.cycle")
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


def test_time_alone_raises_and_clears_without_any_event(place: Stream) -> None:
    clock = Clock(dt.datetime(2026, 11, 9, 8))
    stream = place
    settled(stream, clock)
    stream.put(wage("5", WHO, 300, "2026-11-05"))  # with the other month enough; alone, later, too little
    with working(stream, clock) as worker:
        worker.drain()
        assert standing(stream) == []
        before = scopes(stream)
        clock.now = dt.datetime(2027, 1, 2, 8)  # the larger wage leaves the window of 60 days
        worker.drain()
        assert "signal:poor:household:1" in standing(stream)
        assert not any("household:2" in key for key in standing(stream))
        assert scopes(stream)[len(before) :] == ["households"]  # nobody was swept
        assert state.mark(stream.engine, "tick") == "2027-01-02"
        assert not worker.step()


def test_a_tick_works_out_only_what_the_day_can_change(base: Pack, small: Pack) -> None:
    day, next_day = dt.date(2026, 11, 9), dt.date(2026, 11, 10)
    assert ticks.changed_by_time(small, day, next_day) == {"poor"}
    assert ticks.changed_by_time(small, None, next_day) >= {"poor"}
    assert "disability_new" not in ticks.changed_by_time(base, day, next_day)
    assert ticks.changed_by_watermarks(base, ["elderly_meters"]) == {
        "elder_meter_runaway",
        "elder_unsupported",
    }
    late = replace(
        small.parameters["line"],
        areas={
            None: (
                *small.parameters["line"].areas[None],
                replace(small.parameters["line"].areas[None][-1], since=next_day),
            )
        },
    )
    turned = replace(small, parameters={**small.parameters, "line": late}, indicators=small.indicators)
    assert ticks.changed_by_time(turned, day, next_day) >= {"poor"}


def test_whom_time_concerns_holds_no_event_up_and_is_looked_at_beside_events(
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


def test_only_those_who_can_be_due_are_looked_at(place: Stream) -> None:
    clock = Clock()
    settled(place, clock)
    assert ticks.due(place.engine, place.pack, {"poor"}, clock().date(), clock()) == []
    place.put(wage("5", WHO, 300))
    with working(place, clock) as worker:
        clock.forward(seconds=1)
        worker.drain()
    assert ticks.due(place.engine, place.pack, set(), clock().date(), clock()) == [1]


def test_a_feed_that_stops_raises_no_alarm(base: Pack, tmp_path: Path) -> None:
    """A meter's silence is counted up to the day that the feed is complete for: without one, nothing is
    known and nothing is said."""
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


def test_touched_households_of_a_process_that_died_are_assessed_by_the_next(place: Stream) -> None:
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


def test_a_new_pack_makes_everybody_be_looked_at(place: Stream) -> None:
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


def test_one_record_that_breaks_the_intake_is_found_and_set_aside(
    place: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a record does to us: it alone goes to quarantine, and all others go in."""
    clock, stop, real = Clock(), Flag(), Objects.read
    settled(place, clock)
    place.put(*(wage(f"n{n}", WHO, n, f"{2000 + n}-01-01") for n in range(20)))

    def read(self: Objects, number: int, raw: str) -> Any:
        if "2013-01-01" in raw:
            raise ValueError(raw)
        return real(self, number, raw)

    @contextmanager
    def opened(pace: Pace, status: Status) -> Iterator[Worker]:
        del pace, status
        with working(place, clock) as worker:
            monkeypatch.setattr(worker, "step", ending(worker, stop))
            yield worker

    monkeypatch.setattr(Objects, "read", read)
    Supervisor(
        opened=opened,
        status=Status(home=place.folder, started_at=clock()),
        pace=place.rounds.pace,
        clock=clock,
    ).run(stop)
    assert len(place.rows("wages", "month")) == 2 + 19
    assert [e.faults[0].rule for e in entries(place.engine)] == ["engine"]


def ending(worker: Worker, stop: Flag) -> Any:
    step = worker.step

    def stepped() -> bool:
        busy = step()
        if not busy:
            stop.set()
        return busy

    return stepped


def test_trouble_around_it_is_waited_out_and_told_without_values(
    place: Stream, caplog: pytest.LogCaptureFixture
) -> None:
    clock, stop, tries = Clock(), Flag(), []
    settled(place, clock)

    @contextmanager
    def opened(pace: Pace, status: Status) -> Iterator[Worker]:
        del pace, status
        tries.append(1)
        with working(place, clock) as worker:
            worker.step = ending(worker, stop) if len(tries) > 3 else failing  # type: ignore[method-assign]
            yield worker

    def failing() -> bool:
        raise EngineError(f"IO Error: No space left for {WHO}", "INSERT")

    with caplog.at_level("INFO", "almoner.stream"):
        Supervisor(
            opened=opened,
            status=Status(home=place.folder, started_at=clock()),
            clock=clock,
            first_seconds=0.01,
        ).run(stop)
    assert len(tries) == 4
    assert caplog.text.count('"error": "EngineError", "about": "IO Error"') == 3
    assert WHO not in caplog.text


def test_a_worker_that_has_nobody_to_practise_on_does_not_look_again_in_each_quiet_moment(
    place: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    settled(place, clock)
    assert standing(place) == []
    with working(place, clock) as worker:
        worker.warm_up(Flag())
        monkeypatch.setattr(worker.engine, "rows", None)
        worker.warm_up(Flag())


def test_a_worker_that_had_to_sweep_first_practises_when_it_is_quiet(
    place: Stream, caplog: pytest.LogCaptureFixture
) -> None:
    clock, stop, steps = Clock(), Flag(), list[bool]()
    place.put(person("1", WHO, "A"), wage("3", WHO, 300))

    @contextmanager
    def opened(pace: Pace, status: Status) -> Iterator[Worker]:
        del pace, status
        with working(place, clock) as worker:
            warm_up = worker.warm_up

            def practised(stop: Flag) -> None:
                warm_up(stop)
                if '"event": "practised"' in caplog.text or len(steps) > 9:
                    stop.set()

            steps_of = worker.step
            worker.step = lambda: steps.append(steps_of()) or steps[-1]  # type: ignore[method-assign, func-returns-value]
            worker.warm_up = practised  # type: ignore[method-assign]
            yield worker

    with caplog.at_level("INFO", "almoner.stream"):
        Supervisor(opened=opened, status=Status(home=place.folder, started_at=clock()), clock=clock).run(stop)
    assert steps[0]  # a sweep
    assert '"event": "practised"' in caplog.text


def test_a_worker_practises_before_it_works_and_says_nothing_of_it(
    place: Stream, caplog: pytest.LogCaptureFixture
) -> None:
    clock, stop = Clock(), Flag()
    settled(place, clock)
    place.engine.execute(
        f"""INSERT INTO assessment.standing VALUES ('signal:work_lost:person:1', 'signal', 'work_lost', 'person', 1, 1, 1, '520101',
            'yellow', 0, 'as it was', '{clock().date()}', '{clock().date()}')"""
    )
    before = everything(place)

    @contextmanager
    def opened(pace: Pace, status: Status) -> Iterator[Worker]:
        del pace, status
        with working(place, clock) as worker:
            worker.step = stepped  # type: ignore[method-assign]
            yield worker

    def stepped() -> bool:
        assert '"event": "practised"' in caplog.text
        stop.set()
        return False

    with caplog.at_level("INFO", "almoner.stream"):
        Supervisor(opened=opened, status=Status(home=place.folder, started_at=clock()), clock=clock).run(stop)
    assert everything(place) == before
    assert before["registry.delivery"]


def everything(place: Stream) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables of the facts."""
    tables = place.engine.rows(
        "SELECT schema_name || '.\"' || table_name || '\"', schema_name || '.' || table_name FROM"
        " duckdb_tables() WHERE NOT temporary"
    )
    return {
        name: place.engine.rows(f"SELECT t::VARCHAR FROM {table} AS t ORDER BY ALL") for table, name in tables
    }


def test_what_goes_wrong_at_the_very_start_is_raised() -> None:
    @contextmanager
    def opened(pace: Pace, status: Status) -> Iterator[Worker]:
        del pace, status
        raise EngineError("IO Error: Could not read", "ATTACH")
        yield

    with pytest.raises(EngineError):
        Supervisor(opened=opened, status=Status(home=Path(), started_at=Clock()())).run(Flag())


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
