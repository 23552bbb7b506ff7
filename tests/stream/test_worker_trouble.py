"""A worker in trouble, and a worker that warms up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event as Flag
from typing import Any

import pytest

from almoner.errors import EngineError
from almoner.intake.json_lines import Objects
from almoner.policy.model.pack import Pack
from almoner.registry.quarantine import entries
from almoner.stream.rounds import Pace
from almoner.stream.status import Status
from almoner.stream.supervising import Supervisor
from almoner.stream.worker import Worker
from policy.small_pack import compiled
from policy.support_pack import FILES
from stream.small_events import WHO, person, settled, standing, wage
from stream.taking import Clock, Stream, working


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return compiled(tmp_path_factory.mktemp("pack"), FILES)


@pytest.fixture
def place(small: Pack, tmp_path: Path) -> Any:
    stream = Stream(tmp_path / "home", small)
    yield stream
    stream.close()


def test_one_record_that_breaks_the_intake_is_found_and_set_aside(
    place: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record that makes the engine fail goes to quarantine alone, and all others go in."""
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


def test_trouble_around_it_is_waited_out_and_logged_without_values(
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


def test_a_worker_without_households_to_warm_up_with_does_not_look_for_them_again(
    place: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    settled(place, clock)
    assert standing(place) == []
    with working(place, clock) as worker:
        worker.warm_up(Flag())
        monkeypatch.setattr(worker.engine, "rows", None)
        worker.warm_up(Flag())


def test_a_worker_that_had_to_sweep_first_warms_up_when_it_is_quiet(
    place: Stream, caplog: pytest.LogCaptureFixture
) -> None:
    clock, stop, steps = Clock(), Flag(), list[bool]()
    place.put(person("1", WHO, "A"), wage("3", WHO, 300))

    @contextmanager
    def opened(pace: Pace, status: Status) -> Iterator[Worker]:
        del pace, status
        with working(place, clock) as worker:
            warm_up = worker.warm_up

            def warm_up_and_stop(stop: Flag) -> None:
                warm_up(stop)
                if '"event": "practised"' in caplog.text or len(steps) > 9:
                    stop.set()

            steps_of = worker.step

            def counted_step() -> bool:
                steps.append(steps_of())
                return steps[-1]

            worker.step = counted_step  # type: ignore[method-assign]
            worker.warm_up = warm_up_and_stop  # type: ignore[method-assign]
            yield worker

    with caplog.at_level("INFO", "almoner.stream"):
        Supervisor(opened=opened, status=Status(home=place.folder, started_at=clock()), clock=clock).run(stop)
    assert steps[0]  # a sweep
    assert '"event": "practised"' in caplog.text


def test_a_worker_warms_up_before_it_works_and_leaves_no_trace_in_the_facts(
    place: Stream, caplog: pytest.LogCaptureFixture
) -> None:
    clock, stop = Clock(), Flag()
    settled(place, clock)
    place.engine.execute(
        f"""
        INSERT INTO assessment.standing VALUES (
          'signal:work_lost:person:1', 'signal', 'work_lost', 'person', 1, 1, 1, '520101',
          'yellow', 0, 'as it was', '{clock().date()}', '{clock().date()}'
        )
        """
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
