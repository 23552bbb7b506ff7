"""Exactly once: the worker is killed at random moments and started again, and the result is that of a worker
never killed.

By default 10 kills over 1,500 events. ALMONER_KILLS=100 ALMONER_KILL_EVENTS=50000 is the long form.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import signal
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from once import copied
from stream.burst import burst, cases, held, without_casework
from stream.installation import (
    Workers,
    almoner,
    inbox_of,
    is_done,
    log_lines,
    stop,
    wait_until_at_work,
    wait_until_done,
)

KILLS = int(os.environ.get("ALMONER_KILLS", "10"))
EVENTS = int(os.environ.get("ALMONER_KILL_EVENTS", "1500"))
DAY = "2026-11-09"


@pytest.fixture(scope="module")
def homes(small_home: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two installations with the same key."""
    folder = tmp_path_factory.mktemp("killing")
    return copied(small_home, folder / "killed"), copied(small_home, folder / "calm")


def send(home: Path, events: list[Any]) -> None:
    box = inbox_of(home)
    for start in range(0, len(events), 500):
        box.put(events[start : start + 500], dt.datetime.now())
    box.close()


def test_killed_anywhere_it_ends_as_if_it_had_never_been(
    homes: tuple[Path, Path], worker: Workers, tmp_path: Path
) -> None:
    killed, calm = homes
    events, chance = burst(EVENTS), random.Random(7)
    send(calm, events)
    process = worker(calm)
    wait_until_done(calm, process, 1200)
    stop(process)

    share = len(events) // KILLS + 1
    at_work = 0
    for n in range(KILLS):
        send(killed, events[n * share : (n + 1) * share])
        process = worker(killed)
        if chance.random() < 0.25:  # anywhere, the start included
            time.sleep(chance.uniform(0.5, 6.0))
        else:  # somewhere in what it does with these events
            wait_until_at_work(killed, process)
            time.sleep(chance.uniform(0.0, 2.0))
        at_work += not is_done(killed, process)
        assert process.poll() is None
        stop(process, signal.SIGKILL)
    process = worker(killed)
    wait_until_done(killed, process, 1200)
    stop(process)

    assert held(killed) == held(calm)
    swept = json.loads(almoner("run", without_casework(killed, tmp_path / "again"), "--as-of", DAY, "--json"))
    assert cases(killed) == cases(tmp_path / "again")
    assert swept["cases_opened"] == len(cases(killed)["cases"])
    assert at_work > KILLS // 4, "the worker was killed when it had nothing to do"


def test_a_second_worker_is_refused_and_the_first_ends_cleanly_on_a_signal(
    homes: tuple[Path, Path], worker: Workers
) -> None:
    first = worker(homes[1])
    wait_until_done(homes[1], first)
    message = almoner("work", homes[1], code=1)
    assert f"has a worker already (process {first.pid} on {socket.gethostname()}, since" in message
    assert "Only one may write" in message
    assert first.poll() is None
    assert stop(first, signal.SIGTERM) == 0
    assert log_lines(homes[1])[-1]["event"] == "stopped"
