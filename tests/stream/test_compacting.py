"""Facts are clustered by household: only their place changes, whatever comes in or goes wrong meanwhile."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from almoner import cycle
from almoner.engines import Engine, open_engine
from almoner.policy.model.pack import Pack
from almoner.registry import slices
from almoner.registry.compacting import Compaction, checkpoint, digest
from almoner.registry.schema import ensure
from almoner.stream import upkeep
from almoner.stream.rounds import NAME
from county import draw, number
from stream.installation import events_of
from stream.taking import AT, Clock, Stream, event, working
from stream.test_rounds import WHO, wage

PERSONS, MONTHS = 20_000, 12


def fill(engine: Engine, months: int = MONTHS) -> None:
    """Wages of many months as they come: month after month, of everybody; every tenth was corrected."""
    for month in range(months):
        first, then = (
            f"DATE '2025-01-01' + INTERVAL {month} MONTH",
            f"TIMESTAMP '2025-02-10' + INTERVAL {month} MONTH",
        )
        engine.execute(
            f"""
            INSERT INTO facts.insured_wages BY NAME
            SELECT
              n AS person_id,
              ({first})::DATE AS month,
              'E1' AS employer_code,
              n % 5000 AS wage,
              {then} AS known_from,
              {month} + 1 AS delivery_id,
              CASE WHEN n % 10 = 0 THEN {then} + INTERVAL 20 DAY ELSE 'infinity'::TIMESTAMP END AS known_to
            FROM range(1, {PERSONS} + 1) AS r(n)
            ORDER BY hash(n)
            """
        )


@pytest.fixture
def facts(base: Pack, tmp_path: Path) -> Any:
    with open_engine(tmp_path / "facts.duckdb") as engine:
        ensure(engine, base.feeds)
        fill(engine)
        yield engine


def compacted(engine: Engine, pack: Pack, rows: int = 50_000, most_steps: int = 10_000) -> int:
    """Gives the number of steps."""
    compaction, steps = Compaction(engine=engine, feeds=pack.feeds, fewest=1, share=0, seconds=1e-9), 0
    compaction.rows = rows
    compaction.look()
    while steps < most_steps and compaction.step():
        steps += 1
    return steps


def order(engine: Engine) -> list[tuple[int, dt.date]]:
    return engine.rows("SELECT person_id, month FROM facts.insured_wages ORDER BY rowid")


def test_rows_of_one_person_lie_together_and_nothing_else_changes(facts: Engine, base: Pack) -> None:
    before = digest(facts, base.feeds.values())
    assert order(facts) != sorted(order(facts))
    assert compacted(facts, base) > 5
    assert digest(facts, base.feeds.values()) == before
    assert order(facts) == sorted(order(facts))
    assert compacted(facts, base) == 0


def test_new_rows_lie_behind_and_a_pass_that_was_left_off_is_taken_up(facts: Engine, base: Pack) -> None:
    assert compacted(facts, base, most_steps=3) == 3
    facts.execute(
        "INSERT INTO facts.insured_wages BY NAME SELECT * REPLACE (99 AS delivery_id) FROM"
        " facts.insured_wages LIMIT 500"
    )
    before = digest(facts, base.feeds.values())
    assert compacted(facts, base) > 0
    assert [d for (d,) in facts.rows("SELECT delivery_id FROM facts.insured_wages ORDER BY rowid")].index(
        99
    ) > PERSONS
    assert order(facts) != sorted(order(facts))
    later = Compaction(engine=facts, feeds=base.feeds)
    assert not later.look()  # so few are read as fast where they lie
    compacted(facts, base)
    assert order(facts) == sorted(order(facts))
    assert digest(facts, base.feeds.values()) == before


def test_a_digest_sees_one_changed_clock(facts: Engine, base: Pack) -> None:
    before = digest(facts, base.feeds.values())
    facts.execute(
        "UPDATE facts.insured_wages SET known_to = 'infinity' WHERE person_id = 10 AND month = '2025-03-01'"
    )
    assert digest(facts, base.feeds.values()) != before


def test_the_file_does_not_grow_from_pass_to_pass(base: Pack, tmp_path: Path) -> None:
    sizes, file = [], tmp_path / "facts.duckdb"
    with open_engine(file) as engine:
        ensure(engine, base.feeds)
        fill(engine)
        checkpoint(engine)
        for _ in range(4):
            engine.execute("DROP TABLE IF EXISTS registry.clustered")
            compacted(engine, base)
            checkpoint(engine)
            sizes.append(file.stat().st_size)
    assert max(sizes[1:]) <= sizes[0] * 1.25, sizes


_KILLED = """
import sys
from pathlib import Path
from almoner.engines import open_engine
from almoner.policy import compile_pack
from almoner.registry.compacting import Compaction
pack = compile_pack("base")
with open_engine(Path(sys.argv[1])) as engine:
    print("moves", flush=True)
    while True:
        compaction = Compaction(engine=engine, feeds=pack.feeds, fewest=1, share=0, seconds=1e-9)
        compaction.rows = 20_000
        compaction.look()
        while compaction.step():
            pass
        engine.execute("DROP TABLE registry.clustered")
"""


def test_killed_anywhere_it_loses_and_doubles_nothing(base: Pack, tmp_path: Path) -> None:
    file = tmp_path / "facts.duckdb"
    with open_engine(file) as engine:
        ensure(engine, base.feeds)
        fill(engine, 4)
        before = digest(engine, base.feeds.values())
    for n in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", _KILLED, str(file)], stdout=subprocess.PIPE, env=os.environ
        )
        assert process.stdout
        process.stdout.readline()
        time.sleep(0.15 + 0.13 * n)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        process.stdout.close()
        with open_engine(file) as engine:
            assert digest(engine, base.feeds.values()) == before


def test_the_worker_does_it_between_rounds_and_decides_the_same(
    base: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream, clock = Stream(tmp_path / "home", base), Clock()
    stream.put(*events_of(draw(1)))
    with working(stream, clock) as worker:
        worker.drain()
        decided = cycle.replay(stream.engine, base, AT.date(), AT).decided
        facts = digest(stream.engine, base.feeds.values())
        monkeypatch.setattr(upkeep, "LOOK_SECONDS", 0.0)
        worker._upkeep.compaction.fewest = 1
        worker.step()
        assert worker._upkeep.compaction.under_way
        clock.forward(hours=1)
        stream.put(wage("meanwhile", who=number(77, dt.date(1984, 6, 1))))
        worker.step()
        monkeypatch.setattr(upkeep, "LOOK_SECONDS", float("inf"))
        while worker._upkeep.compaction.under_way:
            worker.step()
        assert worker.status.counts["rows_moved"] > 500
    assert digest(stream.engine, base.feeds.values()) != facts
    assert cycle.replay(stream.engine, base, AT.date(), AT).decided == decided
    stream.engine.execute("DELETE FROM facts.insured_wages WHERE known_from > $at", {"at": AT})
    assert digest(stream.engine, base.feeds.values()) == facts
    stream.close()


def test_slices_of_a_day_become_one_delivery_and_no_watermark_is_lost(stream: Stream) -> None:
    for n in range(30):
        through = dt.date(2026, 11, 1) + dt.timedelta(days=n // 10) if n % 10 == 4 else None
        stream.put(
            event(
                "insured_wages",
                n,
                through=through,
                resident_no=WHO,
                month="2026-09",
                employer_code="E1",
                wage=n,
            )
        )
        stream.drain(AT + dt.timedelta(hours=n))
    past = [AT + dt.timedelta(hours=n, minutes=1) for n in range(30)]
    asked = "SELECT max(complete_through) FROM registry.delivery WHERE received_at <= $at"
    before = [stream.engine.value(asked, {"at": at}) for at in past]
    counts = (
        "SELECT sum(rows_read), sum(rows_new), sum(rows_corrected), max(delivery_id), max(received_at) FROM"
        " registry.delivery"
    )
    known = stream.engine.rows(counts)
    assert slices.merge_slices(stream.engine, NAME, fewest=100) == 0
    assert slices.merge_slices(stream.engine, NAME, fewest=5) == 25
    assert slices.merge_slices(stream.engine, NAME, fewest=1) == 0
    assert [stream.engine.value(asked, {"at": at}) for at in past] == before
    assert stream.engine.rows(counts) == known
    assert stream.engine.value("SELECT count(*) FROM registry.delivery") == 5
    stream.put(wage("again"))
    stream.drain(AT + dt.timedelta(days=3))
    assert stream.engine.value("SELECT max(delivery_id) FROM registry.delivery") == known[0][3] + 1


def test_figures_are_looked_at_in_a_quiet_moment_once_an_hour(
    base: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream, asked = Stream(tmp_path / "home", base), list[None]()
    with working(stream, Clock()) as worker:
        monkeypatch.setattr(worker._upkeep, "tally", lambda: asked.append(None) or False)
        worker._upkeep.step(busy=True)
        assert asked == []
        worker._upkeep.step(busy=False)
        worker._upkeep.step(busy=False)
        assert len(asked) == 1
        worker._upkeep._tallied -= upkeep.TALLY_SECONDS
        worker._upkeep.step(busy=False)
        assert len(asked) == 2
    stream.close()
