"""Keeps a worker going: logs an error, waits a little longer each time, and opens the installation again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Event as Flag

from almoner.errors import AlmonerError, EngineError, HomeError
from almoner.stream.inbox import InboxAway
from almoner.stream.log import log_line
from almoner.stream.rounds import Pace
from almoner.stream.slice_failures import SliceFailed
from almoner.stream.status import Status
from almoner.stream.worker import Worker

IDLE_SECONDS = 0.05  # between two looks at an empty inbox
FIRST_SECONDS, MOST_SECONDS = 0.5, 30.0
TRIES_ALONE = 3  # of one event, before it is put aside


class CaseworkAway(AlmonerError):  # noqa: N818 - a state, no fault of ours
    """Casework's database does not answer."""


Opened = Callable[[Pace, Status], AbstractContextManager[Worker]]


@dataclass(kw_only=True)
class Supervisor:
    """Opens the installation, works, and opens it again after an error.

    `opened` is a context manager that opens the installation and gives its worker.
    """

    opened: Opened
    status: Status
    pace: Pace = field(default_factory=Pace)
    clock: Callable[[], dt.datetime] = dt.datetime.now
    first_seconds: float = FIRST_SECONDS
    _failures: int = 0  # in a row
    _alone: int = 0  # of one event, in a row

    def run(self, stop: Flag) -> None:
        """Work until `stop` is set. An error at the first opening is raised, because somebody has just
        started it."""
        first = True
        while not stop.is_set():
            self.status.step.at("opening")
            try:
                with self.opened(self.pace, self.status) as worker:
                    first = False
                    self._work(worker, stop)
            except (EngineError, InboxAway, CaseworkAway, HomeError, OSError) as error:
                if first:
                    raise
                self._rest(error, stop)

    def _work(self, worker: Worker, stop: Flag) -> None:
        self.status.step.at("warming up")
        worker.warm_up(stop)
        while not stop.is_set():
            try:
                busy = worker.step()
            except SliceFailed as failed:
                self._narrow(worker, failed)
                continue
            self.status.trouble = None
            if busy:
                self._failures = self._alone = 0
            else:
                worker.warm_up(stop)
                stop.wait(IDLE_SECONDS)

    def _narrow(self, worker: Worker, failed: SliceFailed) -> None:
        """Halve the slice, down to one event. An event that fails alone several times goes to quarantine
        unread."""
        self._alone = self._alone + 1 if self.pace.size == 1 else 0
        self.pace.halve()
        log_line("trouble", error=str(failed), about="a slice", events=self.pace.size)
        if self._alone >= TRIES_ALONE:
            self._alone = 0
            worker.set_aside()
            log_line("set_aside")

    def _rest(self, error: Exception, stop: Flag) -> None:
        """Log the error and wait, longer each time."""
        seconds = min(self.first_seconds * 2**self._failures, MOST_SECONDS)
        self._failures += 1
        self.status.step.at("waiting")
        self.status.trouble = type(error).__name__
        log_line(
            "trouble",
            error=type(error).__name__,
            about=without_values(error),
            failures=self._failures,
            wait=seconds,
        )
        try:
            self.status.write(None, self.clock())
        except OSError as also:
            log_line("trouble", error=type(also).__name__, about="the status could not be written")
        stop.wait(seconds)


def without_values(error: Exception) -> str:
    """The text of an error for the log. Of the engine's errors only the kind: their text may quote a
    value."""
    if isinstance(error, EngineError):
        return str(error).split(":", 1)[0][:80]
    return str(error) if isinstance(error, AlmonerError) else getattr(error, "strerror", "") or ""
