"""After any stream, the open findings and their evidence are those of one sweep over the same facts. Events
may come in any order, late, twice, corrected or withdrawn, in slices of any size, over days without events.

ALMONER_EXAMPLES tries another number than 50 on the small pack, and a fiftieth of it on the base pack, each
of which takes half a minute.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from almoner import cycle
from almoner.engines import Engine, open_engine, quote
from almoner.policy.model.pack import Pack
from almoner.stream.events import Event
from almoner.stream.rounds import Pace
from almoner.support.outbox import changes_after
from county import draw, number
from policy.small_pack import compiled
from policy.support_pack import FILES
from stream.installation import events_of
from stream.taking import Clock, Stream, event, working

EXAMPLES = int(os.environ.get("ALMONER_EXAMPLES", "50"))
PEOPLE = [number(n, dt.date(1990, 1, 1)) for n in range(4)]
SOURCES = {
    "complete_through",
    "latest",
}  # how far the sources had come when it was said; a later record that changes nothing is not said
TERMS = {"expires_on", "review_on", "valid_until"}  # reckoned from the day on which it was said
LEDGER = ("cycle", "standing", "change")

_who, _home = st.sampled_from(PEOPLE), st.sampled_from("AB")
_register = st.builds(
    lambda who, home: (
        "people",
        {
            "resident_no": who,
            "name": "N",
            "household_no": home,
            "birth_date": "1990-01-01",
            "area_code": "5201",
            "updated_on": "2026-01-01",
        },
        False,
    ),
    _who,
    _home,
)
_wages = st.builds(
    lambda who, month, wage, gone: (
        "wages",
        {"resident_no": who, "month": month} | ({} if gone else {"wage": wage}),
        gone,
    ),
    _who,
    st.sampled_from(["2026-09-15", "2026-10-15", "2026-11-01"]),
    st.sampled_from([-1, 0, 300, 900, 9000, "x"]),
    st.booleans(),
)
_clinic = st.builds(
    lambda who, day, cost: ("clinic", {"resident_no": who, "day": day, "cost": cost}, False),
    _who,
    st.sampled_from(["2026-10-01", "2026-10-02"]),
    st.sampled_from([10, 900, 2000]),
)
_listed = st.builds(
    lambda who, kind, gone: (
        "listed",
        {"resident_no": who, "listed_on": "2026-01-01"} | ({} if gone else {"kind": kind, "measures": 1}),
        gone,
    ),
    _who,
    st.sampled_from(["low", "lowest", "other"]),
    st.booleans(),
)
_places = st.just(("places", {"area_code": "5201", "kind": "town"}, False))
_records = st.one_of(_register, _register, _wages, _wages, _clinic, _listed, _places)
_steps = st.one_of(
    _records, _records, _records, st.sampled_from(["work", "again", "vouch", "tomorrow", "restart"])
)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return compiled(tmp_path_factory.mktemp("pack"), FILES)


class Facts:
    """One database for all examples, emptied for each. Its engine keeps its cached plans, which would take
    most of the time of an example."""

    def __init__(self, folder: Path, pack: Pack) -> None:
        self._file, self._swept = folder / "facts.duckdb", dict[str, pa.Table]()
        self.engine = open_engine(self._file)
        stream, clock = Stream(folder, pack, engine=self.engine), Clock()
        with working(stream, clock) as worker:
            worker.drain()
        stream.close_files()
        for table in self._tables():
            if (rows := self.engine.table(f"SELECT * FROM {table}")).num_rows:
                self._swept[table] = rows

    def empty(self, *, swept: bool) -> Engine:
        """Without a record: a new installation, or one with a sweep over nobody."""
        for table in self._tables():
            self.engine.execute(f"DELETE FROM {table}")
        for table, rows in self._swept.items() if swept else ():
            with self.engine.register("rows_of_then", rows):
                self.engine.execute(f"INSERT INTO {table} SELECT * FROM rows_of_then")
        return self.engine

    def reopened(self) -> Engine:
        self.engine.close()
        self.engine = open_engine(self._file)
        return self.engine

    def _tables(self) -> list[str]:
        sql = "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'installation'"
        return [f"{quote(schema)}.{quote(name)}" for schema, name in self.engine.rows(sql)]


@pytest.fixture(scope="module")
def facts(small: Pack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Facts]:
    made = Facts(tmp_path_factory.mktemp("facts"), small)
    yield made
    made.engine.close()


def said(engine: Engine, without: set[str]) -> dict[str, Any]:
    """The last row of each key, without the days of these names."""
    last = {c.key: c for batch in changes_after(engine, 0) for c in batch}
    return {key: _without(dict(c.body), without) for key, c in last.items() if c.change != "cleared"}


def _without(value: Any, names: set[str]) -> Any:
    if isinstance(value, dict):
        return {k: _without(v, names) for k, v in value.items() if k not in names}
    return [_without(v, names) for v in value] if isinstance(value, list) else value


def standing(engine: Engine) -> dict[str, Any]:
    rows = engine.rows(
        "SELECT key, level, severity, digest, area, household_id, person_id FROM assessment.standing"
    )
    return {key: rest for key, *rest in rows}


def hold_together(stream: Stream, clock: Clock, *, one_day: bool) -> None:
    """A sweep after the stream changes nothing, and a sweep without the stream finds the same; on `one_day`
    the terms agree too."""
    without = SOURCES if one_day else SOURCES | TERMS
    streamed, words = standing(stream.engine), said(stream.engine, without)
    day, at = clock().date(), clock() + dt.timedelta(days=1)
    outcome = cycle.run(stream.engine, stream.pack, day, at)
    assert outcome.moved == {}
    for table in LEDGER:
        stream.engine.execute(f"DELETE FROM assessment.{table}")
    cycle.run(stream.engine, stream.pack, day, at)
    swept = standing(stream.engine)
    assert {key: streamed.get(key) for key in swept} == swept
    assert {key: words.get(key) for key in swept} == {
        k: v for k, v in said(stream.engine, without).items() if k in swept
    }


def as_event(n: int, record: tuple[str, dict[str, Any], bool]) -> Event:
    feed, row, withdrawn = record
    return event(feed, n, withdrawn, **row)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(_steps, max_size=14), size=st.integers(1, 6), swept=st.booleans())
def test_a_stream_says_what_a_sweep_says(
    small: Pack, facts: Facts, steps: list[Any], size: int, swept: bool
) -> None:
    with TemporaryDirectory() as folder:
        clock, home = Clock(), Path(folder) / "home"
        sent: list[Event] = []
        stream = Stream(home, small, Pace(size, size, size), facts.empty(swept=swept))
        try:
            for n, step in enumerate(steps):
                clock.forward(seconds=1)
                match step:
                    case "work":
                        with working(stream, clock) as worker:
                            worker.step()
                    case "again":
                        stream.put(*sent[:2])
                    case "vouch":
                        stream.put(event("wages", f"v{n}", through=clock().date()))
                    case "tomorrow":
                        with working(stream, clock) as worker:
                            worker.drain()
                        clock.forward(days=9)
                    case "restart":
                        stream.close_files()
                        stream = Stream(home, small, Pace(size, size, size), facts.reopened())
                    case _:
                        sent.append(as_event(n, step))
                        stream.put(sent[-1])
            with working(stream, clock) as worker:
                worker.drain()
            hold_together(stream, clock, one_day="tomorrow" not in steps)
        finally:
            stream.close_files()


@settings(max_examples=max(1, EXAMPLES // 50), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 10_000),
    size=st.sampled_from([60, 150, 1000]),
    chance=st.randoms(use_true_random=False),
)
def test_a_county_on_the_base_pack_too(base: Pack, seed: int, size: int, chance: Any) -> None:
    """Feeds in any mixture, each in its own order; corrections and later watermarks after a night."""
    with TemporaryDirectory() as folder:
        clock, book = Clock(dt.datetime(2026, 11, 9, 8)), draw(seed, households=6)
        stream = Stream(Path(folder) / "home", base, Pace(size, size, size))
        with working(stream, clock) as worker:
            stream.put(*events_of(book, [0]))
            worker.drain()
            clock.forward(days=1)
            queues: dict[str, list[Event]] = {}
            for each in events_of(book, [1, 2]):
                queues.setdefault(each.feed, []).append(each)
            while queues:
                feed = chance.choice(sorted(queues))
                part, queues[feed] = queues[feed][:20], queues[feed][20:]
                stream.put(*part)
                queues = {f: rest for f, rest in queues.items() if rest}
                if chance.random() < 0.1:
                    clock.forward(seconds=1)
                    worker.step()
            worker.drain()
            hold_together(stream, clock, one_day=False)
        stream.close()


def test_the_bodies_that_are_compared_are_there(base: Pack, tmp_path: Path) -> None:
    stream, clock = Stream(tmp_path / "home", base), Clock(dt.datetime(2026, 11, 9, 8))
    stream.put(*events_of(draw(1, households=6)))
    with working(stream, clock) as worker:
        worker.drain()
    words = said(stream.engine, SOURCES)
    assert len(words) > 10
    assert all(
        json.dumps(body).count('"operands"') for key, body in words.items() if key.startswith("signal:")
    )
    stream.close()
