"""Casework follows beside the next round: nothing waits for it without need, nothing is lost or out of
order, and its errors are not taken for errors of a slice."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event as Flag
from typing import Any

import pytest

from almoner import casework
from almoner.casework.own_process import OwnProcess, ProcessEnded
from almoner.errors import AlmonerError
from almoner.policy.model.pack import Pack
from almoner.registry import dirty
from almoner.stream import state
from almoner.stream.following import Followed, Following
from almoner.stream.worker import Worker
from benchmarks.stream_bench import started_by
from county import AS_OF, number
from once import copied
from policy.small_pack import compiled
from policy.support_pack import FILES
from stream.burst import burst, held
from stream.installation import Workers, is_done, log_lines, stop, until, wait_until_done
from stream.taking import Clock, Reader, Stream, event, worker_of
from stream.test_killing import send

WHO = number(1, dt.date(1990, 1, 1))


@dataclass
class Slow(Reader):
    """Casework that needs `parts` transactions a cycle, each until it `may` go on; it notes its calls."""

    parts: int = 1
    may: Flag = field(default_factory=Flag)
    error: Exception | None = None
    done: list[str] = field(default_factory=list)
    asked: list[tuple[list[int] | None, list[int]]] = field(default_factory=list)

    def apply_all(self, evidence_lost: Sequence[int]) -> Reader:
        self.asked.append((None, list(evidence_lost)))
        return super().apply_all(evidence_lost)

    def read(self, households: Sequence[int], evidence_lost: Sequence[int]) -> Iterator[Callable[[], Reader]]:
        self.asked.append((list(households), list(evidence_lost)))
        for n in range(self.parts):
            yield lambda n=n: self._do(f"part {n}")

    def show_feeds(self) -> None:
        self.done.append("feeds")

    def _do(self, what: str) -> Slow:
        assert self.may.wait(20)
        if self.error:
            raise self.error
        self.done.append(what)
        return self


def begin(following: Following, slow: Slow) -> None:
    def then(followed: Followed) -> None:
        slow.done.append(f"then {followed.cases_opened}")

    following.begin([1], [], then)


@pytest.fixture
def slow(stream: Stream) -> Slow:
    return Slow(stream.engine)


@pytest.fixture
def following(slow: Slow) -> Iterator[Following]:
    made = Following(slow)
    yield made
    slow.may.set()
    made.close()


def test_the_worker_goes_on_while_casework_follows(following: Following, slow: Slow) -> None:
    begin(following, slow)
    following.look()  # it has not ended, so there is nothing to say
    assert (following.busy, slow.done) == (True, [])
    slow.may.set()
    following.wait()
    assert (following.busy, slow.done) == (False, ["part 0", "then 0"])


def test_parts_and_what_comes_after_keep_their_order(following: Following, slow: Slow) -> None:
    slow.parts = 3
    slow.may.set()
    begin(following, slow)
    following.show_feeds()
    assert slow.done == ["part 0", "part 1", "part 2", "then 0", "feeds"]


def test_what_went_wrong_is_raised_once_and_nothing_follows_it(following: Following, slow: Slow) -> None:
    slow.parts, slow.error = 2, AlmonerError("away")
    slow.may.set()
    with pytest.raises(AlmonerError, match="away"):
        begin(following, slow)
    assert (slow.done, following.busy) == ([], False)


def test_a_fault_of_casework_does_not_pass_for_one_of_a_slice(following: Following, slow: Slow) -> None:
    """The worker takes a ValueError in intake for the fault of a record, and would set records aside."""
    slow.error = ValueError("a fault in casework")
    slow.may.set()
    begin(following, slow)
    with pytest.raises(RuntimeError):
        following.in_turn(Unused()).write([])  # type: ignore[arg-type]


def test_identities_are_written_when_casework_has_ended(
    following: Following, slow: Slow, stream: Stream
) -> None:
    begin(following, slow)
    store = following.in_turn(stream.store)
    with store.expecting(0):  # nobody is new: nobody waits
        assert following.busy
    slow.may.set()
    with store.expecting(1):
        assert slow.done == ["part 0", "then 0"]


class Unused:
    """This must not be reached."""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return compiled(tmp_path_factory.mktemp("pack"), FILES)


def settled(folder: Path, pack: Pack) -> tuple[Stream, Clock, Slow, Worker]:
    """One household is known, and its worker has nothing left to do."""
    stream, clock = Stream(folder, pack), Clock()
    slow = Slow(stream.engine)
    slow.may.set()
    who = {
        "resident_no": WHO,
        "name": "N",
        "household_no": "A",
        "birth_date": "1990-01-01",
        "area_code": "5201",
        "updated_on": "2026-01-01",
    }
    stream.put(event("people", 1, **who), wage(2, 9000))
    worker = worker_of(stream, Following(slow), clock)
    worker.drain()
    return stream, clock, slow, worker


def wage(n: int, amount: float, **more: Any) -> Any:
    return event("wages", n, resident_no=WHO, month="2026-11-01", wage=amount, **more)


def test_pending_households_and_lost_evidence_are_left_to_the_next_process(
    small: Pack, tmp_path: Path
) -> None:
    """The process dies after the cycle and before casework: the facts still hold the pending households, and
    which lost evidence."""
    stream, clock, slow, worker = settled(tmp_path / "home", small)
    stream.put(wage(3, 300))
    clock.forward(seconds=1)
    worker.drain()
    assert state.pending(stream.engine) == {}
    slow.error = KeyboardInterrupt("the process is gone")  # type: ignore[assignment]
    slow.asked.clear()
    stream.put(event("wages", 4, withdrawn=True, resident_no=WHO, month="2026-11-01"))
    clock.forward(seconds=1)
    worker.step()
    with pytest.raises(KeyboardInterrupt):
        worker.casework.wait()
    assert dirty.dirty_households(stream.engine, 9) == []
    assert state.pending(stream.engine) == {1: True}
    assert slow.asked == [([1], [1])]

    slow.error = None
    again = worker_of(stream, Following(slow), clock)
    assert slow.asked == [([1], [1]), (None, [1])]
    assert state.pending(stream.engine) == {}
    again.drain()
    stream.close()


def test_a_round_is_logged_when_casework_has_it_and_not_before(small: Pack, tmp_path: Path) -> None:
    stream, clock, slow, worker = settled(tmp_path / "home", small)
    slow.may.clear()
    before = sum(worker.status.waited)
    stream.put(wage(3, 300))
    clock.forward(seconds=1)
    assert worker.step()
    assert not worker.step()  # there is nothing more to do, and yet it is not idle
    assert (sum(worker.status.waited), worker.status.idle) == (before, False)
    slow.may.set()
    worker.drain()
    assert (sum(worker.status.waited), worker.status.idle) == (before + 1, True)
    assert state.pending(stream.engine) == {}
    stream.close()


def test_the_process_beside_may_be_killed(small_home: Path, tmp_path: Path, worker: Workers) -> None:
    """As when memory runs out. The worker opens everything anew, and in the end nothing is different."""
    killed, calm = copied(small_home, tmp_path / "killed"), copied(small_home, tmp_path / "calm")
    events = burst(600)
    send(calm, events)
    process = worker(calm)
    wait_until_done(calm, process)
    stop(process)

    process = worker(killed)
    for n in range(3):
        send(killed, events[n * 200 : (n + 1) * 200])
        until(lambda: bool(children(process.pid)))
        until(lambda: not is_done(killed, process), every=0.01)
        os.kill(children(process.pid)[0], signal.SIGKILL)
        until(lambda n=n: troubles(killed) > n)  # type: ignore[misc]
    wait_until_done(killed, process, 120)
    assert process.poll() is None
    stop(process)
    assert held(killed) == held(calm)
    with (
        closing(sqlite3.connect(killed / "casework.sqlite3")) as database,
        closing(sqlite3.connect(calm / "casework.sqlite3")) as other,
    ):
        counts = (
            "SELECT (SELECT count(*) FROM casework_case), (SELECT count(*) FROM casework_casesignal WHERE"
            " cleared_on IS NULL)"
        )
        assert database.execute(counts).fetchall() == other.execute(counts).fetchall()


def troubles(home: Path) -> int:
    return sum(line["event"] == "trouble" and line["error"] == "CaseworkAway" for line in log_lines(home))


def children(process: int) -> list[int]:
    """Processes that it started for casework."""
    return [one for one in started_by(process) if lives(one)]


def lives(process: int) -> bool:
    try:
        return b"own_process" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


def test_the_process_beside_ends_with_the_process_that_started_it(small_home: Path, tmp_path: Path) -> None:
    home = copied(small_home, tmp_path / "home")
    starts = f"""import sys, time; from pathlib import Path
from almoner.casework.own_process import OwnProcess
beside = OwnProcess(Path({str(home)!r})); print(beside.process, flush=True); time.sleep(60)"""
    with subprocess.Popen([sys.executable, "-c", starts], stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout
        beside = int(started.stdout.readline())
        started.kill()
    until(lambda: not lives(beside))


def test_errors_come_through_the_pipe_as_they_are(small_home: Path, tmp_path: Path) -> None:
    with closing(OwnProcess(copied(small_home, tmp_path / "home"))) as beside:
        assert beside.call(casework.last_seq) == 0
        with pytest.raises(AlmonerError, match="There is no case"):
            beside.call(casework.explain, "none", "en")
        os.kill(beside.process, signal.SIGTERM)  # a service manager tells every process of a service
        assert beside.call(casework.last_seq) == 0
        os.kill(beside.process, signal.SIGKILL)
        with pytest.raises(ProcessEnded):
            beside.call(casework.last_seq)


def test_to_its_end_a_worker_says_json_and_nothing_else(small_home: Path, tmp_path: Path) -> None:
    """What the warm-up froze is released: otherwise DuckDB's library lists it on standard error as the
    process ends."""
    home, log = copied(small_home, tmp_path / "home"), tmp_path / "log"
    send(home, burst(100))
    with (
        log.open("w") as said,
        subprocess.Popen(
            [sys.executable, "-m", "almoner", "work", str(home), "--as-of", str(AS_OF)], stderr=said
        ) as process,
    ):
        until(lambda: "practised" in log.read_text())
        process.terminate()
    assert process.returncode == 0
    assert [json.loads(line)["event"] for line in log.read_text().splitlines()][-1] == "stopped"
