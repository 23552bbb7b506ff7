"""A worker counts as alive by what it did last, and never because a process has its number."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from almoner.home import HomeSettings, load
from almoner.installation.beside import KeptWorker, how_it_ended
from almoner.stream import restarts
from almoner.stream.heartbeat import FILE, StepAtWork, WorkerState, beating, look
from almoner.stream.lock import sole_worker
from command import Process
from once import copied
from stream.installation import Workers, almoner, until, wait_until_done
from stream.test_serving import ask

SETTINGS = HomeSettings(pack="base")
SILENT, LONGEST = SETTINGS.worker_silent_seconds, SETTINGS.worker_step_seconds
DAY = 86_400.0


def beat_of(home: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((home / FILE).read_text(encoding="utf-8"))
    return found


def write(home: Path, **changes: Any) -> None:
    """A heartbeat of just now, with changes: numbers are added to `beat` and `uptime`."""
    with beating(home, StepAtWork()):
        found = beat_of(home)
    for name in ("beat", "uptime"):
        found[name] += changes.pop(name, 0.0)
    (home / FILE).write_text(json.dumps(found | {"ended": False} | changes))


AGES = [0, 1, SILENT - 5, SILENT + 1, 60, 3600, DAY, 400 * DAY]
CASES: list[tuple[dict[str, Any], WorkerState]] = [
    # one kernel: its own clock decides, whatever the clock on the wall says
    *(
        ({"uptime": -age, "beat": jump}, WorkerState.WORKING if age < SILENT else WorkerState.SILENT)
        for age in AGES
        for jump in (-age, 0, 3600, -3600, 400 * DAY)
    ),
    ({"uptime": 1000.0}, WorkerState.SILENT),
    # another machine, or another container on another one, with the same files
    *(
        (
            {"host": "other", "boot": "other", "beat": -age},
            WorkerState.WORKING if age < SILENT else WorkerState.SILENT,
        )
        for age in AGES
    ),
    ({"host": "other", "boot": "other", "beat": 5.0}, WorkerState.WORKING),
    ({"host": "other", "boot": "other", "beat": 3600.0}, WorkerState.SILENT),
    ({"host": "other", "boot": "", "beat": -SILENT - 1}, WorkerState.SILENT),
    # another container of this machine
    ({"host": "other", "process": 1}, WorkerState.WORKING),
    ({"host": "other", "process": 1, "uptime": -SILENT - 1}, WorkerState.SILENT),
    # the machine was restarted: whoever has the number now is another one
    ({"boot": "before"}, WorkerState.SILENT),
    ({"boot": "before", "process": os.getpid()}, WorkerState.SILENT),
    ({"uptime": -60.0, "process": os.getpid()}, WorkerState.SILENT),
    ({"uptime": -60.0, "process": 1}, WorkerState.SILENT),
    # the files are a copy
    ({"installation": 1}, WorkerState.SILENT),
    # it beats, but the step goes nowhere; a long step is work
    *(
        (
            {"step_seconds": seconds, "step": step},
            WorkerState.HUNG if seconds > LONGEST else WorkerState.WORKING,
        )
        for step in ("idle", "events", "households", "casework")
        for seconds in (0, 60, 600, LONGEST - 1, LONGEST + 1, DAY)
    ),
    ({"step_seconds": DAY, "uptime": -SILENT - 1}, WorkerState.SILENT),
    ({"ended": True}, WorkerState.STOPPED),
    ({"ended": True, "uptime": -DAY}, WorkerState.STOPPED),
    # what cannot be understood is no sign of life
    ({"step": None, "step_seconds": None}, WorkerState.SILENT),
    ({"process": "one"}, WorkerState.SILENT),
]


@pytest.mark.parametrize(("changes", "state"), CASES)
def test_the_last_beat_decides(tmp_path: Path, changes: dict[str, Any], state: WorkerState) -> None:
    write(tmp_path, **changes)
    found = look(tmp_path, SETTINGS)
    assert found is not None
    assert (found.state, found.is_well) == (state, state is WorkerState.WORKING)
    assert found.reason


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7", "{}", "\0" * 1024, '{"beat": 1}'])
def test_a_heartbeat_that_is_damaged_is_no_sign_of_life(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    found = look(tmp_path, SETTINGS)
    assert found is not None
    assert found.state is WorkerState.SILENT


def test_where_no_worker_ever_beat_nothing_is_said(tmp_path: Path) -> None:
    assert look(tmp_path, SETTINGS) is None


def test_how_long_is_allowed_is_a_setting(tmp_path: Path) -> None:
    write(tmp_path, uptime=-10.0, step_seconds=100.0)
    strict = replace(SETTINGS, worker_silent_seconds=5.0)
    patient = replace(SETTINGS, worker_step_seconds=99.0)
    found = [look(tmp_path, each) for each in (SETTINGS, strict, patient)]
    assert [each and each.state for each in found] == [
        WorkerState.WORKING,
        WorkerState.SILENT,
        WorkerState.HUNG,
    ]


@pytest.mark.parametrize("value", ["soon", -1, 0, True, None, [45]])
def test_a_setting_that_is_no_time_is_refused(tmp_path: Path, value: Any) -> None:
    almoner("init", tmp_path / "home")
    file = tmp_path / "home" / "almoner.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"worker_silent_seconds": value}))
    assert "worker_silent_seconds" in almoner("status", tmp_path / "home", code=1)


def test_the_beat_goes_on_while_a_step_takes_long_and_says_for_how_long(tmp_path: Path) -> None:
    step = StepAtWork()
    with beating(tmp_path, step, 0.01):
        step.at("households")
        until(lambda: beat_of(tmp_path)["step_seconds"] > 0.1, 10)
        found = look(tmp_path, replace(SETTINGS, worker_step_seconds=0.05))
        assert found is not None
        assert (found.state, found.step) == (WorkerState.HUNG, "households")
        step.at("events")
        until(lambda: beat_of(tmp_path)["step"] == "events", 10)
        step.at("casework", time.monotonic() - 500)
        until(lambda: beat_of(tmp_path)["step_seconds"] > 400, 10)


def test_a_reader_never_meets_half_a_beat(tmp_path: Path) -> None:
    with beating(tmp_path, StepAtWork(), 0.0001):
        states = {found.state for _ in range(2000) if (found := look(tmp_path, SETTINGS))}
    assert states == {WorkerState.WORKING}


@pytest.fixture
def home(small_home: Path, tmp_path: Path) -> Path:
    return copied(small_home, tmp_path / "home")


def state_of(home: Path) -> WorkerState | None:
    found = look(home, load(home).settings)
    return found.state if found else None


def short(home: Path, silent: float = 4.0) -> None:
    """An installation in which a worker counts as dead soon."""
    file = home / "almoner.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"worker_silent_seconds": silent}))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_worker_that_was_killed_or_halted_is_noticed_while_its_process_is_still_there(
    home: Path, number: signal.Signals
) -> None:
    """A killed process stays a zombie until its parent asks for it; a halted one has its number too."""
    short(home, 10.0)
    process = subprocess.Popen([sys.executable, "-m", "almoner", "work", home], stderr=subprocess.DEVNULL)
    try:
        until(lambda: state_of(home) is WorkerState.WORKING, 120)
        assert almoner("status", home, "--well") == "Well.\n"
        os.kill(process.pid, number)
        until(lambda: state_of(home) is WorkerState.SILENT, 30)
        os.kill(process.pid, 0)  # nobody has asked for it, so its number is still in use
        assert "killed" in almoner("status", home, "--well", code=1)
    finally:
        process.kill()
        process.wait()


def test_a_worker_that_was_stopped_says_so_at_once(home: Path, worker: Workers) -> None:
    process = worker(home)
    wait_until_done(home, process)
    process.terminate()
    assert process.wait(60) == 0
    assert state_of(home) is WorkerState.STOPPED
    assert "almoner work" in almoner("status", home, "--well", code=1)
    assert json.loads(almoner("status", home, "--json"))["worker"]["alive"] is False


def test_the_lock_is_held_by_the_file_and_not_by_the_number_in_it(tmp_path: Path) -> None:
    (tmp_path / "worker.lock").write_text(f"process {os.getpid()} on {socket.gethostname()}, since now\n")
    with sole_worker(tmp_path):
        assert str(os.getpid()) in (tmp_path / "worker.lock").read_text()


@pytest.fixture
def kept(home: Path) -> Iterator[Callable[..., KeptWorker]]:
    """Keeps a process of these lines of Python going, until the test ends."""
    begun: list[tuple[KeptWorker, Thread]] = []

    def keep(program: str, **options: Any) -> KeptWorker:
        worker = KeptWorker(folder=home, command=[sys.executable, "-c", program, str(home)], **options)
        thread = Thread(target=worker.run)
        thread.start()
        begun.append((worker, thread))
        return worker

    yield keep
    for worker, thread in begun:
        worker.stop.set()
        thread.join(30)
        assert not thread.is_alive()


NOTE = "import pathlib, sys, time; f = pathlib.Path(sys.argv[1], 'starts'); f.open('a').write('1\\n'); "


def starts(home: Path) -> int:
    file = home / "starts"
    return len(file.read_text().split()) if file.exists() else 0


ENDS = {
    "sys.exit(0)": "exit status 0",
    "sys.exit(3)": "exit status 3",
    "raise MemoryError": "exit status 1",
    "import os; os.kill(os.getpid(), 9)": "SIGKILL",
    "import os; os.kill(os.getpid(), 11)": "SIGSEGV",
    "import os; os.abort()": "SIGABRT",
}


@pytest.mark.parametrize("end", ENDS)
def test_a_worker_that_ends_in_whatever_way_is_started_again(
    kept: Callable[..., KeptWorker], home: Path, end: str
) -> None:
    kept(NOTE + end, first_seconds=0.1, most_seconds=0.1)
    until(lambda: starts(home) >= 3, 60)
    said = restarts.read(home)
    assert said is not None
    assert said.restarts >= 2
    assert ENDS[end] in said.ended


def test_the_time_between_two_starts_grows_up_to_a_limit_and_is_short_again_after_a_quiet_time(
    kept: Callable[..., KeptWorker], home: Path
) -> None:
    waits = []
    worker = KeptWorker(folder=home, command=[], first_seconds=1.0, most_seconds=60.0)
    worker.stop.set()  # it does not wait
    for lived in (1, 1, 1, 1, 1, 1, 1, 1, worker.quiet_seconds, 1):
        worker._again("it ended", lived)
        said = restarts.read(home)
        assert said is not None
        waits.append(said.wait_seconds)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 1, 2]


def test_a_worker_that_lives_but_stopped_for_good_is_killed_and_started_again(
    kept: Callable[..., KeptWorker], home: Path
) -> None:
    short(home, 0.3)
    program = (
        "from almoner.stream.heartbeat import StepAtWork, beating; import os, signal\n"
        "with beating(f.parent, StepAtWork(), 0.05): time.sleep(1); os.kill(os.getpid(), signal.SIGSTOP)"
    )
    kept(NOTE + program, first_seconds=0.1)
    until(lambda: starts(home) >= 2, 60)
    said = restarts.read(home)
    assert said is not None
    assert "no sign of life" in said.ended


@pytest.mark.parametrize("code", [0, 1, 130, -9, -11, -15, -64])
def test_the_end_of_a_process_has_words(code: int) -> None:
    assert how_it_ended(code).startswith("it ")


def test_serve_starts_a_killed_worker_again_and_says_so(home: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path / "served.log"
    with log.open("w") as file:
        served = Process("serve", home, "--port", port, stdout=file, stderr=file)
    url = f"http://127.0.0.1:{port}/health"
    try:
        until(lambda: ask(url)[0] == 200, 120, every=0.5)
        first = beat_of(home)["process"]
        os.kill(first, signal.SIGKILL)
        until(lambda: beat_of(home)["process"] != first, 120, every=0.5)
        until(lambda: ask(url)[0] == 200, 60, every=0.5)
        detail = ask(url)[1]["worker"]
        assert (detail["state"], detail["restarts"]) == ("working", 1)
        assert "SIGKILL" in detail["ended"]
        assert "Restarts: 1." in almoner("status", home)
    finally:
        served.terminate()
        assert served.wait(timeout=60) == 0
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    assert {"worker_ended", "worker_started_again"} <= {line["event"] for line in lines}
    assert restarts.read(home) is None
    assert subprocess.run(["pgrep", "-f", f"work {home}"], capture_output=True).returncode == 1
