"""Computes the timelines of open cases anew, beside the stream: a case must not wait for them, its page may.

A cycle notes its households in its own transaction, and they stay noted until casework has their timelines.
All open cases are noted when a month has ended for a feed that timelines read, or when the pack is another
one. So a process that dies leaves nobody out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic, perf_counter
from typing import Protocol

from almoner.assessment import timelines
from almoner.engines import Engine
from almoner.policy.model.pack import Pack
from almoner.stream import state
from almoner.stream.log import log_line
from almoner.stream.status import Status

EVERY_SECONDS = 60.0  # between two looks at who waits
LONGEST_SECONDS = 600.0  # that they wait for a quiet moment
AT_ONCE = 2_000  # households: bounds how long other work waits
CIRCUMSTANCES = "timelines"  # the mark: what the lines of all open cases were computed under


class TimelineSink(Protocol):
    """The calls of casework that this uses."""

    def timelines(self, households: Sequence[int], as_of: dt.date, known_at: dt.datetime) -> int:
        """Compute and store the timelines of those `households` that have an open case; gives their
        number."""

    def open_households(self, *, all_of_them: bool) -> list[int]:
        """Households with an open case: all of them, or those whose timelines were never computed."""


@dataclass
class TimelinesDue:
    """The timelines of one open installation. `now` gives the day to decide for, and the time up to which
    facts are known."""

    engine: Engine
    pack: Pack
    status: Status
    casework: TimelineSink
    now: Callable[[], tuple[dt.date, dt.datetime]]
    _looked: float = field(default=float("-inf"), init=False)
    _quiet: float = field(default_factory=monotonic, init=False)  # when nobody waited, as far as is known
    _under_way: bool = field(default=False, init=False)

    def step(self, *, busy: bool) -> None:
        """Compute some timelines that are due: once a minute when it is quiet, or when they have waited
        long."""
        if not self._is_time(busy=busy):
            return
        as_of, known_at = self.now()
        if not self._under_way:
            self._looked = monotonic()
            self._note(as_of, known_at)
        households = state.timelines_due(self.engine, AT_ONCE)
        self._under_way = len(households) == AT_ONCE
        if households:
            self._compute(households, as_of, known_at)
        if not self._under_way:
            self._quiet = monotonic()

    def _is_time(self, *, busy: bool) -> bool:
        if busy and monotonic() - self._quiet < LONGEST_SECONDS:
            return False
        return self._under_way or monotonic() - self._looked >= EVERY_SECONDS

    def _note(self, as_of: dt.date, known_at: dt.datetime) -> None:
        """Note households that are due although no cycle assessed them."""
        circumstances = timelines.circumstances(self.engine, self.pack, as_of, known_at)
        changed = state.mark(self.engine, CIRCUMSTANCES) != circumstances
        households = self.casework.open_households(all_of_them=changed)
        with self.engine.transaction():
            state.note_timelines_due(self.engine, households)
            if changed:
                state.set_mark(self.engine, CIRCUMSTANCES, circumstances)

    def _compute(self, households: Sequence[int], as_of: dt.date, known_at: dt.datetime) -> None:
        started = perf_counter()
        computed = self.casework.timelines(households, as_of, known_at)
        state.forget_timelines_due(self.engine, households)
        self.status.spent("timelines", perf_counter() - started)
        if computed:
            log_line("timelines", households=computed, seconds=round(perf_counter() - started, 3))
