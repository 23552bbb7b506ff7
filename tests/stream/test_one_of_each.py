"""One worker and one console of an installation, no orphans, and no traceback for a disk in trouble."""

from __future__ import annotations

import json
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import psycopg
import pytest

import command
from almoner.casework import own_process
from almoner.cli import surroundings
from almoner.stream import heartbeat
from command import Process
from once import copied
from stream.installation import almoner, stop, until

ENDS = """
import os, sys, time
from almoner import parent
parent.end_with(int(sys.argv[1]), lambda: print("stops", flush=True), 0.2)
print(os.getpid(), flush=True)
time.sleep(60)
"""
STARTS = """
import os, subprocess, sys, time
subprocess.Popen([sys.executable, "-c", sys.argv[1], str(os.getpid())])
time.sleep(60)
"""


def free_port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def is_there(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_a_second_console_is_refused_and_a_killed_one_takes_its_worker_along(
    small_home: Path, tmp_path: Path
) -> None:
    home = copied(small_home, tmp_path / "home")
    with (tmp_path / "log").open("w") as log:
        process = Process("serve", home, "--port", free_port(), stdout=log, stderr=log)
        until(lambda: (home / heartbeat.FILE).exists(), 90)
        worker = json.loads((home / heartbeat.FILE).read_text())["process"]
        message = almoner("serve", home, "--port", free_port(), "--no-worker", code=1)
        assert f"has a console already (process {process.pid} on" in message
        assert "has a worker already" in almoner("work", home, code=1)
        stop(process, signal.SIGKILL)
        until(lambda: not is_there(worker), 90)
        again = Process("serve", home, "--port", free_port(), stdout=log, stderr=log)
        until(lambda: json.loads((home / heartbeat.FILE).read_text())["process"] != worker, 90)
        stop(again)


def test_an_orphan_stops_and_ends_though_what_it_does_does_not() -> None:
    parent = subprocess.Popen([sys.executable, "-c", STARTS, ENDS], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    child = int(parent.stdout.readline())
    assert is_there(child)
    parent.kill()
    parent.wait()
    assert parent.stdout.read() == "stops\n"  # to its end: the child has ended too
    assert not is_there(child)
    parent.stdout.close()


def said(words: list[object], limits: Callable[[], object]) -> tuple[int, str]:
    """The exit status of a command and all that it says."""
    with tempfile.TemporaryFile() as out:
        process = Process(*words, stdout=out, stderr=out, limits=limits)
        code = process.wait(timeout=120)
        out.seek(0)
        return code, out.read().decode()


@pytest.fixture(scope="module")
def home(small_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(small_home, tmp_path_factory.mktemp("disk") / "home")


FULL = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (4096, 4096))
COMMANDS: dict[str, list[object]] = {
    "work": ["work"],
    "serve": ["serve", "--no-worker", "--port", "1"],
    "token": ["token", "bureau"],
    "user": ["user", "somebody", "--link"],
    "run": ["run"],
    "status": ["status"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_disk_that_can_only_be_read_is_told_in_words(home: Path, name: str) -> None:
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        pytest.skip("no mount namespace can be made here")
    first, *others = COMMANDS[name]
    code, text = said([first, home, *others], partial(command.read_only, str(home)))
    assert "Traceback" not in text
    assert (code == 0) == (name == "status") or code == 1
    assert len(text) > 20


@pytest.mark.parametrize("words", [["init", "new", "--pack", "base"], ["token", "home", "bureau"]])
def test_a_full_disk_is_told_in_words(home: Path, words: list[str]) -> None:
    code, text = said([home.parent / w if w in ("new", "home") else w for w in words], FULL)
    assert code == 1
    assert "Traceback" not in text
    assert len(text) > 20


def test_only_what_is_of_the_disk_or_a_database_is_told_so() -> None:
    assert surroundings.in_words(ValueError("x")) is None
    assert surroundings.in_words(sqlite3.IntegrityError("x")) is None
    assert "disk is full" in (surroundings.in_words(OSError(28, "No space left on device", "/x")) or "")


def breaks(kind: str) -> None:
    raise {"psycopg": psycopg.OperationalError, "sqlite": sqlite3.OperationalError, "other": KeyError}[kind](
        "x"
    )


@pytest.mark.django_db
@pytest.mark.parametrize(("kind", "known"), [("psycopg", True), ("sqlite", True), ("other", False)])
def test_an_error_of_the_driver_itself_is_one_of_the_database(kind: str, known: bool) -> None:
    from django.db import Error

    is_result, error = own_process._called(breaks, (kind,))
    assert not is_result
    assert isinstance(error, Error) == known
