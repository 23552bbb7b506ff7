"""Trouble outside the worker: a full disk, or casework away. It logs that, waits, and neither loses nor
repeats anything."""

from __future__ import annotations

import datetime as dt
import json
import resource
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

import command
from almoner.engines import open_engine
from once import copied
from stream.burst import PEOPLE, burst, held, registers
from stream.installation import Workers, almoner, inbox_of, is_done, log_lines, stop, until, wait_until_done
from stream.postgres import Server
from stream.taking import event
from stream.test_killing import send


@pytest.fixture
def homes(small_home: Path, tmp_path: Path) -> tuple[Path, Path]:
    return copied(small_home, tmp_path / "troubled"), copied(small_home, tmp_path / "calm")


def calm_end(worker: Workers, home: Path, events: list[object]) -> None:
    send(home, events)
    process = worker(home)
    wait_until_done(home, process, 300)
    stop(process)


def test_a_full_disk_is_waited_out(homes: tuple[Path, Path], worker: Workers) -> None:
    """No file may grow beyond what the facts have: what is written fails as on a full disk, that of the
    inbox first, and the process goes on trying."""
    troubled, calm = homes
    events = burst(6000)  # more than there is room for
    calm_end(worker, calm, events)
    send(troubled, events)
    limit = (troubled / "facts.duckdb").stat().st_size + 40_000

    process = worker(troubled, limits=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit, limit)))
    until(lambda: sum(line["event"] == "trouble" for line in log_lines(troubled)) > 1)
    assert process.poll() is None
    assert not is_done(troubled, process)
    stop(process)
    lines = log_lines(troubled)
    assert [line for line in lines if line["event"] == "trouble"]
    assert not [line for line in lines if line["event"] == "set_aside"]

    process = worker(troubled)
    wait_until_done(troubled, process, 300)
    stop(process)
    assert held(troubled) == held(calm)


_SENDS = """
import datetime as dt, resource, sys
from pathlib import Path
from tempfile import TemporaryDirectory
from stream.burst import burst
from stream.installation import inbox_of
from almoner.stream.inbox import InboxAway
home, events = Path(sys.argv[1]), burst(4000)
box = inbox_of(home)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
kept = 0
try:
    for start in range(0, len(events), 100):
        kept += box.put(events[start : start + 100], dt.datetime.now()).accepted
except InboxAway:
    print(kept)
"""


def test_an_inbox_on_a_full_disk_keeps_what_it_gave_a_receipt_for_and_nothing_else(
    homes: tuple[Path, Path],
) -> None:
    home, _ = homes
    done = command.run(home, program=_SENDS)
    box, kept = inbox_of(home), int(done.stdout)
    assert 0 < kept == sum(waits.events for waits in box.backlog().values())
    receipt = box.put(burst(4000), dt.datetime.now())
    names = len({(e.source, e.id) for e in burst(4000)})
    assert (receipt.accepted, receipt.repeated) == (names - kept, 4000 - names + kept)
    box.close()


def test_casework_may_be_away_for_a_while(homes: tuple[Path, Path], worker: Workers) -> None:
    """Another process locks the database for longer than the timeout; the events wait in the inbox."""
    troubled, calm = homes
    events = burst(800)
    calm_end(worker, calm, events)
    send(troubled, list(registers()))
    process = worker(troubled)
    wait_until_done(troubled, process)
    other = sqlite3.connect(troubled / "casework.sqlite3", timeout=30, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    send(troubled, events)
    until(lambda: json.loads((troubled / "worker.json").read_text())["trouble"] == "CaseworkAway", 200)
    assert process.poll() is None
    assert not is_done(troubled, process)
    other.execute("ROLLBACK")
    other.close()
    wait_until_done(troubled, process, 300)
    stop(process)
    assert held(troubled) == held(calm)


def test_a_case_whose_evidence_is_gone_is_marked_and_stays(homes: tuple[Path, Path], worker: Workers) -> None:
    """A wage is corrected, and a cost is withdrawn. Both cases stay open, and record it in their history
    once."""
    home, _ = homes
    wage, cost = (
        {"resident_no": PEOPLE[0], "month": "2026-11-01"},
        {"resident_no": PEOPLE[3], "day": "2026-10-01"},
    )
    send(home, [*registers(), event("wages", 1, wage=300, **wage), event("clinic", 2, cost=5000, **cost)])
    process = worker(home)
    wait_until_done(home, process)
    assert len(history(home, "opened")) == 2
    assert history(home, "evidence_withdrawn") == []
    send(home, [event("wages", 3, wage=90_000, **wage), event("clinic", 4, withdrawn=True, **cost)])
    until(lambda: len(history(home, "evidence_withdrawn")) == 2)
    send(home, [event("wages", 5, wage=90_001, **wage)])
    wait_until_done(home, process)
    stop(process)
    assert sorted(history(home, "evidence_withdrawn")) == sorted(history(home, "opened"))
    with closing(sqlite3.connect(home / "casework.sqlite3")) as database:
        assert database.execute("SELECT DISTINCT state, ended_at FROM casework_case").fetchall() == [
            ("detected", None)
        ]
        (reference,) = database.execute("SELECT reference FROM casework_case LIMIT 1").fetchone()
    assert reference


def history(home: Path, kind: str) -> list[int]:
    """The cases whose history has an event of this kind."""
    with closing(sqlite3.connect(home / "casework.sqlite3", timeout=30)) as database:
        return [
            case
            for (case,) in database.execute("SELECT case_id FROM casework_caseevent WHERE kind = ?", (kind,))
        ]


def test_the_inbox_is_there_while_no_worker_is(homes: tuple[Path, Path], worker: Workers) -> None:
    troubled, _ = homes
    box = inbox_of(troubled)
    assert box.put(burst(100), dt.datetime.now()).accepted
    box.close()
    said = json.loads(almoner("status", troubled, "--json"))
    assert said["worker"]["alive"] is False
    assert said["waiting"] == said["accepted"]
    assert "none works" in almoner("status", troubled)


def test_postgresql_may_be_stopped_and_started_again(
    small_home: Path, worker: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped like a machine that loses its power, in the middle of the work; the worker goes on when it
    is back."""
    with TemporaryDirectory() as folder:
        server = Server(Path(folder))
        monkeypatch.setenv("ALMONER_DATABASE_URL", server.url)
        try:
            made, events = Path(folder) / "home", burst(800)
            almoner("init", made, "--pack", small_home.parent / "pack")
            process = worker(made)
            send(made, events[:400])
            until(lambda: any(line["event"] == "cycle" for line in log_lines(made)))
            server.stop()
            send(made, events[400:])
            until(lambda: json.loads((made / "worker.json").read_text())["trouble"] == "CaseworkAway")
            assert process.poll() is None
            server.start()
            wait_until_done(made, process, 300)
            stop(process)
            swept, (noticed, with_case) = (
                json.loads(almoner("run", made, "--as-of", "2026-11-09", "--json")),
                in_the_end(made, server),
            )
            assert swept["cases_opened"] == 0
            assert noticed == with_case > 5
        finally:
            server.stop()


def in_the_end(home: Path, server: Server) -> tuple[int, int]:
    """The numbers of households that ever had a finding, and with an open case; equal unless something was
    lost."""
    with open_engine(home / "facts.duckdb", read_only=True) as engine:
        ever = engine.value(
            "SELECT count(DISTINCT household_id) FROM assessment.change WHERE household_id IS NOT NULL"
        )
    with psycopg.connect(server.url) as database:
        row = database.execute(
            "SELECT count(DISTINCT household_id) FROM casework_case WHERE ended_at IS NULL"
        ).fetchone()
    return int(ever), int(row[0]) if row else 0
