"""Timelines beside the stream: for households that changed, and for everybody when a month has ended. A kill
loses none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from almoner.assessment.timelines import TimelineSeries, lines
from almoner.engines import Engine
from almoner.policy.model.pack import Pack
from almoner.stream import state, timelines_due
from almoner.stream.events import Event
from almoner.stream.following import Following
from almoner.stream.landing import Landing
from almoner.stream.status import Status
from almoner.stream.worker import Worker
from county import number
from policy.small_pack import compiled
from policy.support_pack import FILES
from stream.taking import Clock, Reader, Stream, event

WHO, OTHER = (number(n, dt.date(1990, 1, 1)) for n in (1, 2))
TIMELINES = {
    "timelines/earned.yaml": "subject: household\nlabel: {en: Wages, zh: 工资}\nunit: CNY/month\n"
    "holes: {wages: a month without a record is a gap}\n",
    "timelines/earned.sql": (
        "SELECT m.household_id, w.month, sum(w.wage) AS value FROM wages AS w JOIN member AS m ON m.person_id"
        " = w.person_id\nWHERE w.month <= :wages_month GROUP BY m.household_id, w.month\n"
    ),
}
OCTOBER = dt.date(2026, 10, 31)


class Killed(Exception):  # noqa: N818 - what happened
    """The process was killed."""


@dataclass
class Cases(Reader):
    """Casework with an open case of each household in `open`; it keeps the lines as casework does."""

    pack: Pack | None = None
    open: list[int] = field(default_factory=list)
    kept: dict[int, list[TimelineSeries]] = field(default_factory=dict)
    calls: list[list[int]] = field(default_factory=list)
    dies: bool = False

    def timelines(self, households: Sequence[int], as_of: dt.date, known_at: dt.datetime) -> int:
        here = [h for h in households if h in self.open]
        self.calls.append(list(households))
        if self.dies:
            raise Killed
        self.kept |= {h: [] for h in here}
        assert self.pack
        for line in lines(self.engine, self.pack, as_of, known_at, dict.fromkeys(self.pack.timelines, here)):
            self.kept[line.household_id].append(line)
        return len(here)

    def open_households(self, *, all_of_them: bool) -> list[int]:
        return [h for h in self.open if all_of_them or h not in self.kept]


@dataclass
class Place:
    stream: Stream
    cases: Cases
    clock: Clock = field(default_factory=Clock)

    def worker(self) -> Worker:
        """A process that starts (again)."""
        stream = self.stream
        landing = Landing(
            home=stream.folder,
            engine=stream.engine,
            pack=stream.pack,
            vault=stream.vault,
            store=stream.store,
            settled_seconds=0,
        )
        status = Status(home=stream.folder, started_at=self.clock())
        return Worker(
            engine=stream.engine,
            pack=stream.pack,
            vault=stream.vault,
            store=stream.store,
            inbox=stream.inbox,
            landing=landing,
            casework=Following(self.cases),
            status=status,
            pace=stream.rounds.pace,
            clock=self.clock,
        )

    def swept(self) -> dict[int, list[TimelineSeries]]:
        """The timelines that one sweep computes now."""
        wanted = dict.fromkeys(self.stream.pack.timelines, self.cases.open)
        found: dict[int, list[TimelineSeries]] = {h: [] for h in self.cases.open}
        for line in lines(self.stream.engine, self.stream.pack, self.clock().date(), self.clock(), wanted):
            found[line.household_id].append(line)
        return found


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return compiled(tmp_path_factory.mktemp("pack"), FILES | TIMELINES)


@pytest.fixture
def place(small: Pack, tmp_path: Path) -> Iterator[Place]:
    stream = Stream(tmp_path / "home", small)
    made = Place(stream, Cases(stream.engine, pack=small, open=[1, 2]))
    stream.put(
        *(person(n, who, home) for n, who, home in ((1, WHO, "A"), (2, OTHER, "B"))),
        wage(3, WHO, 900, "2026-08-01"),
        wage(4, OTHER, 500, "2026-09-01"),
        wage(5, WHO, 800, "2026-10-01", through=dt.date(2026, 9, 30)),
    )
    made.worker().drain()
    yield made
    stream.close()


def person(n: int, who: str, home: str) -> Event:
    row = {
        "resident_no": who,
        "name": "N",
        "household_no": home,
        "birth_date": "1990-01-01",
        "area_code": "5201",
        "updated_on": "2026-01-01",
    }
    return event("people", n, **row)


def wage(
    n: int, who: str, amount: float, month: str, through: dt.date | None = None, withdrawn: bool = False
) -> Event:
    row = {"resident_no": who, "month": month} | ({} if withdrawn else {"wage": amount})
    return event("wages", n, through=through, withdrawn=withdrawn, **row)


def due(engine: Engine) -> list[int]:
    return state.timelines_due(engine, 100)


def a_minute_later(worker: Worker) -> None:
    worker._upkeep.timelines._looked -= timelines_due.EVERY_SECONDS
    worker.drain()


def values(place: Place, household: int) -> list[tuple[dt.date, float]]:
    return [point for line in place.cases.kept[household] for point in line.points]


def test_after_the_first_start_the_open_cases_have_what_a_sweep_says(place: Place) -> None:
    a_minute_later(place.worker())
    assert place.cases.kept == place.swept()
    assert values(place, 1) == [(dt.date(2026, 8, 1), 900)]  # October is not complete
    assert due(place.stream.engine) == []


def test_a_correction_and_a_withdrawal_reach_the_lines_after_the_slice_and_not_in_it(place: Place) -> None:
    worker = place.worker()
    a_minute_later(worker)
    before = len(place.cases.calls)
    place.stream.put(wage(6, WHO, 1000, "2026-08-01"), wage(7, OTHER, 0, "2026-09-01", withdrawn=True))
    place.clock.forward(seconds=1)
    worker.drain()
    assert len(place.cases.calls) == before  # it was looked at less than a minute ago
    assert due(place.stream.engine) == [1, 2]
    a_minute_later(worker)
    assert place.cases.kept == place.swept()
    assert (values(place, 1), values(place, 2)) == ([(dt.date(2026, 8, 1), 1000)], [])


def test_beside_work_timelines_wait_for_long(place: Place) -> None:
    back = place.worker()._upkeep.timelines
    back._looked = float("-inf")
    before = len(place.cases.calls)
    state.note_timelines_due(place.stream.engine, [1])
    back.step(busy=True)
    assert len(place.cases.calls) == before
    back._quiet -= timelines_due.LONGEST_SECONDS
    back.step(busy=True)
    assert place.cases.calls[before:] == [[1]]


def test_when_a_month_has_ended_for_a_feed_all_open_cases_get_timelines(place: Place) -> None:
    worker = place.worker()
    a_minute_later(worker)
    place.stream.put(wage(8, OTHER, 500, "2026-09-01", through=OCTOBER))  # the record is there already
    worker.drain()
    a_minute_later(worker)
    assert place.cases.kept == place.swept()
    assert (dt.date(2026, 10, 1), 800) in values(place, 1)


def test_a_kill_between_computing_and_forgetting_loses_nobody(place: Place) -> None:
    a_minute_later(place.worker())
    place.stream.put(wage(6, WHO, 1000, "2026-08-01"))
    place.clock.forward(seconds=1)
    place.cases.dies = True
    worker = place.worker()
    with pytest.raises(Killed):
        a_minute_later(worker)
    assert due(place.stream.engine) == [1]
    place.cases.dies = False
    a_minute_later(place.worker())
    assert place.cases.kept == place.swept()


def test_a_case_that_was_opened_again_is_found_without_a_new_record(place: Place) -> None:
    worker = place.worker()
    a_minute_later(worker)
    del place.cases.kept[2]
    a_minute_later(worker)
    assert place.cases.kept == place.swept()
    assert place.cases.calls[-1] == [2]


def test_many_timelines_are_computed_in_batches_with_other_work_between(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timelines_due, "AT_ONCE", 1)
    worker = place.worker()
    place.cases.calls.clear()
    place.cases.kept.clear()
    worker._upkeep.timelines._looked = float("-inf")
    worker._upkeep.timelines.step(busy=False)
    assert place.cases.calls == [[1]]
    worker._upkeep.timelines.step(busy=False)
    worker._upkeep.timelines.step(busy=False)
    assert (place.cases.calls, due(place.stream.engine)) == ([[1], [2]], [])
