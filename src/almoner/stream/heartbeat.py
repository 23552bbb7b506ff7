"""The worker's heartbeat: a file HOME/heartbeat.json that says what the worker did last, and when.

A thread of the worker writes it every few seconds. A beat that is too old means that the worker is dead,
whatever process has its number now. A beat that goes on while the same step has been at work for too long
means that the worker hangs. Nothing is decided by a process number: a zombie has one, another container has
the same one, and a restarted machine uses it again.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from threading import Event as Flag
from threading import Lock, Thread
from typing import Any

from almoner.home import HomeSettings
from almoner.stream.log import log_line

FILE = "heartbeat.json"
BEAT_SECONDS = 3.0
_BYTES = 1024  # of the file, always: it is written in place, so that a full disk does not silence the worker
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_READS, _BETWEEN_READS = 3, 0.02  # a read may meet a write


class WorkerState(StrEnum):
    """How a worker is, by its heartbeat."""

    WORKING = "working"
    HUNG = "hung"  # it beats, but the step at work makes no progress
    SILENT = "silent"  # no beat for too long: killed, stopped, or its machine is gone
    STOPPED = "stopped"  # it said that it ends


@dataclass(frozen=True, kw_only=True)
class Liveness:
    """How the worker is. `beat_seconds`: the age of its last beat, None where that cannot be known;
    `step_seconds`: how long the step `step` had been at work at that beat."""

    state: WorkerState
    reason: str
    beat_seconds: float | None
    step: str
    step_seconds: float
    process: int
    host: str
    started_at: str

    @property
    def is_well(self) -> bool:
        return self.state is WorkerState.WORKING

    def as_json(self) -> dict[str, Any]:
        """For /health: no host and no process, which are nobody's affair there."""
        age = None if self.beat_seconds is None else round(self.beat_seconds, 1)
        return {
            "state": self.state.value,
            "reason": self.reason,
            "beat_seconds": age,
            "step": self.step,
            "step_seconds": round(self.step_seconds, 1),
            "started_at": self.started_at,
        }


class StepAtWork:
    """The step that a worker has at work, and since when. Any thread may read it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._now = ("start", time.monotonic())

    def at(self, name: str, since: float | None = None) -> None:
        """The worker begins step `name`. `since` (monotonic seconds): it began earlier, in another thread."""
        with self._lock:
            self._now = (name, time.monotonic() if since is None else since)

    def read(self) -> tuple[str, float]:
        """The step's name, and for how many seconds it has been at work."""
        with self._lock:
            name, since = self._now
        return name, time.monotonic() - since


@contextmanager
def beating(home: Path, step: StepAtWork, seconds: float = BEAT_SECONDS) -> Iterator[None]:
    """Write the heartbeat while the block lasts, and in the end that the worker has stopped."""
    started, stop = dt.datetime.now().astimezone().isoformat(timespec="seconds"), Flag()
    thread = Thread(target=_beat, args=(home, step, started, seconds, stop), name="heartbeat", daemon=True)
    _write(home, step, started)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        try:
            _write(home, step, started, ended=True)
        except OSError as error:
            log_line("trouble", error=type(error).__name__, about="the heartbeat could not be written")


def _beat(home: Path, step: StepAtWork, started: str, seconds: float, stop: Flag) -> None:
    in_trouble = False
    while not stop.wait(seconds):
        try:
            _write(home, step, started)
            in_trouble = False
        except OSError as error:
            if not in_trouble:
                log_line("trouble", error=type(error).__name__, about="the heartbeat could not be written")
            in_trouble = True


def _write(home: Path, step: StepAtWork, started: str, *, ended: bool = False) -> None:
    name, seconds = step.read()
    beat = {
        "installation": _installation(home),
        "host": socket.gethostname()[:200],
        "boot": _boot(),
        "process": os.getpid(),
        "started_at": started,
        "beat": time.time(),
        "uptime": time.monotonic(),
        "step": name,
        "step_seconds": seconds,
        "ended": ended,
    }
    text = json.dumps(beat).encode().ljust(_BYTES - 1) + b"\n"
    file = os.open(home / FILE, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.pwrite(file, text, 0)
    finally:
        os.close(file)


def look(home: Path, settings: HomeSettings) -> Liveness | None:
    """How the worker of the installation in `home` is; None where none ever wrote a heartbeat."""
    found = _read(home)
    if found is None:
        return None
    try:
        return _judge(found, home, settings)
    except (KeyError, TypeError, ValueError):
        reason = f"{FILE} cannot be read, so nothing is known about the worker. Start it again."
        return Liveness(
            state=WorkerState.SILENT,
            reason=reason,
            beat_seconds=None,
            step="",
            step_seconds=0.0,
            process=0,
            host="",
            started_at="",
        )


def _read(home: Path) -> dict[str, Any] | None:
    for left in reversed(range(_READS)):
        try:
            found = json.loads((home / FILE).read_text(encoding="utf-8"))
            return found if isinstance(found, dict) else {}
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            if left:
                time.sleep(_BETWEEN_READS)
    return {}


def _judge(found: dict[str, Any], home: Path, settings: HomeSettings) -> Liveness:
    silent, longest = float(settings.worker_silent_seconds), float(settings.worker_step_seconds)
    step, step_seconds = str(found["step"]), float(found["step_seconds"])
    age, doubt = _age(found, home)
    state, reason = WorkerState.WORKING, f"it is at work on: {step}"
    if found["ended"]:
        state, reason = WorkerState.STOPPED, "it was stopped; start it with: almoner work HOME"
    elif doubt:
        state, reason = WorkerState.SILENT, doubt
    elif age is None or age > silent:
        state = WorkerState.SILENT
        reason = (
            f"its last beat is {age or 0:.0f} seconds old, and {silent:g} are allowed: it was killed, or its"
            " machine is gone. Start it again"
        )
    elif step_seconds > longest:
        state = WorkerState.HUNG
        reason = (
            f"the step {step} has been at work for {step_seconds:.0f} seconds, and {longest:g} are allowed"
            " (worker_step_seconds in almoner.json): look at its log, and start it again if it hangs"
        )
    return Liveness(
        state=state,
        reason=reason,
        beat_seconds=age,
        step=step,
        step_seconds=step_seconds,
        process=int(found["process"]),
        host=str(found["host"]),
        started_at=str(found["started_at"]),
    )


def _age(found: dict[str, Any], home: Path) -> tuple[float | None, str]:
    """The age of the beat in seconds, or the reason why it cannot be the beat of a living worker of this
    installation."""
    boot, same_host = str(found["boot"]), found["host"] == socket.gethostname()[:200]
    if boot and boot == _boot():  # one kernel: its clock neither jumps nor has time zones
        if found["installation"] != _installation(home):
            return None, "its heartbeat came with a copy of the installation. Start a worker for this one"
        age = time.monotonic() - float(found["uptime"])
        return (age, "") if age >= 0 else (None, "its last beat is from another clock. Start it again")
    if boot and _boot() and same_host:
        return None, "the machine was restarted since its last beat. Start it again"
    age = time.time() - float(found["beat"])  # another machine on the same files
    if age < -float(BEAT_SECONDS * 10):
        return None, "its last beat lies in the future: set the clocks of both machines, and start it again"
    return max(age, 0.0), ""


def _boot() -> str:
    """The kernel's name for the time since it started; empty where it has none."""
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _installation(home: Path) -> int:
    """Tells an installation from its copies on the same machine: the number of its folder, which is the same
    in every container that has it."""
    return home.stat().st_ino
