"""Runs a worker in a process of its own beside the console, and starts it again when it ends.

A worker can be killed at any moment without loss, so starting it again is always right. The time between two
starts doubles, so that a worker that ends at once neither fills the log nor takes the processor.
"""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from time import monotonic

from almoner import home
from almoner.stream import heartbeat, log, restarts
from almoner.stream.heartbeat import WorkerState
from almoner.stream.restarts import Restarts

FIRST_SECONDS, MOST_SECONDS = 1.0, 60.0  # until the next start
QUIET_SECONDS = 120.0  # a worker that lived so long is started again after FIRST_SECONDS
LOOK_SECONDS = 0.5
KILLED_AFTER = 10  # times the seconds of silence: a process that lives but has stopped for good


@dataclass(kw_only=True)
class KeptWorker:
    """Keeps the process of `command` going until `stop` is set."""

    folder: Path
    command: Sequence[str]
    first_seconds: float = FIRST_SECONDS
    most_seconds: float = MOST_SECONDS
    quiet_seconds: float = QUIET_SECONDS
    stop: Flag = field(default_factory=Flag)
    _failures: int = field(default=0, init=False)  # in a row
    _said: Restarts = field(default_factory=Restarts, init=False)

    def run(self) -> None:
        """Start the process, and start it again whenever it ends; end it when `stop` is set."""
        self._say(self._said)
        while not self.stop.is_set():
            started = monotonic()
            process = subprocess.Popen(self.command)  # noqa: S603 - our own command
            try:
                ended = self._until_it_ends(process, started)
            finally:
                if process.poll() is None:
                    process.terminate()
                process.wait()
            if ended is not None:
                self._again(ended, monotonic() - started)

    def _until_it_ends(self, process: subprocess.Popen[bytes], started: float) -> str | None:
        """How the process ended, in words; None when it was to end."""
        while not self.stop.wait(LOOK_SECONDS):
            if process.poll() is not None:
                return how_it_ended(process.returncode)
            if self._is_silent_for_good(process.pid, started):
                process.kill()
                return "it gave no sign of life and was killed"
        return None

    def _is_silent_for_good(self, process: int, started: float) -> bool:
        limit = KILLED_AFTER * home.load(self.folder).settings.worker_silent_seconds
        if monotonic() - started < limit:
            return False
        found = heartbeat.look(self.folder, home.load(self.folder).settings)
        if found is None or found.process != process:  # another worker's, or it has not begun
            return False
        return found.state is WorkerState.SILENT and (found.beat_seconds or 0.0) > limit

    def _again(self, ended: str, lived: float) -> None:
        self._failures = 0 if lived >= self.quiet_seconds else self._failures
        wait = min(self.first_seconds * 2**self._failures, self.most_seconds)
        self._failures += 1
        count = self._said.restarts + 1
        self._say(Restarts(count, ended, dt.datetime.now().astimezone().isoformat(timespec="seconds"), wait))
        log.log_line("worker_ended", how=ended, lived=round(lived, 1), restarts=count, wait=wait)
        if not self.stop.wait(wait):
            self._say(Restarts(count, ended, self._said.ended_at))
            log.log_line("worker_started_again", restarts=count)

    def _say(self, now: Restarts) -> None:
        self._said = now
        try:
            restarts.write(self.folder, now)
        except OSError as error:
            log.log_line("trouble", error=type(error).__name__, about=f"{restarts.FILE} could not be written")


def how_it_ended(code: int) -> str:
    """The end of a process in words, by its return code."""
    if code >= 0:
        return f"it ended with exit status {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"it was killed by {name}" + (" (is there enough memory?)" if name == "SIGKILL" else "")


@contextmanager
def worker_process(folder: Path, start: bool, options: Sequence[str] = ()) -> Iterator[None]:
    """Keep a worker going while the block lasts, with the `options` of `almoner work`; none unless
    `start`."""
    if not start:
        yield
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that the worker ends as well
    log.to_standard_error()
    words = ["work", str(folder), "--parent", str(os.getpid()), *options]
    kept = KeptWorker(folder=folder, command=[sys.executable, "-m", "almoner", *words])
    thread = Thread(target=kept.run, name="worker beside the console")
    thread.start()
    try:
        yield
    finally:
        kept.stop.set()
        thread.join()
        restarts.forget(folder)
