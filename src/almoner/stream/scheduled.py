"""The worker's work that no event asks for: sweeps, ticks, and past months that areas are compared with.

A sweep assesses everybody, a tick finds the households that the day or a moved watermark concerns. Both
wait for a quiet moment, but no longer than `LONGEST_WAIT`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter

from almoner import cycle
from almoner.assessment import months, records
from almoner.cycle import CycleOutcome
from almoner.engines import Engine
from almoner.policy.model.pack import Pack
from almoner.registry import dirty
from almoner.stream import state, ticks
from almoner.stream.following import Followed, Following
from almoner.stream.log import log_line
from almoner.stream.status import Status

LONGEST_WAIT = dt.timedelta(minutes=10)  # of a sweep or a tick for a quiet moment
TICK = "tick"  # a mark: the last day whose due households were found
MONTHS = "months"  # a mark, with one of these values:
DUE = "due"  # past months may have to be counted
COUNTED = "counted"  # some were counted, so a sweep is due after the last one


def pack_is_new(engine: Engine, pack: Pack) -> bool:
    """Whether the last sweep used another pack, or there was none yet."""
    sweep = records.last_sweep(engine)
    return sweep is None or sweep.pack_hash != pack.hash


@dataclass(kw_only=True)
class ScheduledWork:
    """The scheduled work of one open installation.

    `known_at` gives the time up to which facts are known, and `has_events` whether events wait. `tidy` is
    called once a day with the day, and `swept` after each sweep.
    """

    engine: Engine
    pack: Pack
    status: Status
    casework: Following
    known_at: Callable[[], dt.datetime]
    has_events: Callable[[], bool]
    tidy: Callable[[dt.date], None]
    swept: Callable[[CycleOutcome, Followed], None]
    _waits_since: dt.datetime | None = field(default=None, init=False)

    def step(self, at: dt.datetime, day: dt.date, *, quiet: bool) -> bool:
        """Do one piece of work, when it is quiet or the work has waited too long; False when there was none.
        `day`: the day to decide for."""
        sweep = dirty.all_are_dirty(self.engine) or pack_is_new(self.engine, self.pack)
        moved = dirty.moved(self.engine)
        tick = bool(moved) or state.mark(self.engine, TICK) != day.isoformat()
        if not (sweep or tick or state.mark(self.engine, MONTHS)):
            self._waits_since = None
            return False
        self._waits_since = min(self._waits_since or at, at)  # clocks may have been put back
        if not quiet and at - self._waits_since <= LONGEST_WAIT:
            return False
        if sweep:
            self._sweep(day)
        elif tick:
            self._find_due(day, moved)
        elif state.date_due(self.engine, 1):  # people before the months that areas are compared with
            return False
        else:
            self._count_months(day)
        self._waits_since = None
        return True

    def _sweep(self, day: dt.date) -> None:
        months.count(self.engine, self.pack, day, self.known_at())
        started = perf_counter()
        outcome, evidence_lost = cycle.sweep(self.engine, self.pack, day, self.known_at())
        self.status.spent("cycle", perf_counter() - started)
        started = perf_counter()
        applied = self.casework.apply_all(evidence_lost)
        with self.engine.transaction():
            state.forget_everybody(self.engine)
            state.set_mark(self.engine, TICK, day.isoformat())
            state.set_mark(self.engine, MONTHS, "")
        followed = Followed(applied.cases_opened, applied.cases_updated, perf_counter() - started)
        self.swept(outcome, followed)

    def _find_due(self, day: dt.date, moved: Sequence[str]) -> None:
        """Note the households that the day or a moved watermark concerns; the next steps assess them."""
        started = perf_counter()
        signals = ticks.changed_by_watermarks(self.pack, moved)
        before = state.mark(self.engine, TICK)
        if before != day.isoformat():
            signals |= self._changed_by_time(before, day)
            self.tidy(day)
        due = ticks.due(self.engine, self.pack, signals, day, self.known_at())
        with self.engine.transaction():
            if state.mark(self.engine, MONTHS) != COUNTED:
                state.set_mark(self.engine, MONTHS, DUE)
            state.note_date_due(self.engine, due)
            dirty.forget_moved(self.engine, moved)
            state.set_mark(self.engine, TICK, day.isoformat())
        self.status.count("ticks", 1)
        self.status.spent("ticks", perf_counter() - started)
        log_line("tick", day=day.isoformat(), feeds=list(moved), signals=len(signals), households=len(due))

    def _changed_by_time(self, before: str | None, day: dt.date) -> set[str]:
        since = dt.date.fromisoformat(before) if before else None
        held_back = [
            feed
            for feed in self.pack.feeds
            if since and (dirty.watermark(self.engine, feed) or since) > since
        ]
        return ticks.changed_by_time(self.pack, since, day, held_back)

    def _count_months(self, day: dt.date) -> None:
        """Count past months that signals of areas compare with: at least one, then more until events come."""
        months_due = months.due(self.engine, self.pack, day, self.known_at())
        if months_due:
            with self.engine.transaction():
                state.set_mark(self.engine, MONTHS, COUNTED)
        started = perf_counter()
        counted = months.count_due(self.engine, self.pack, months_due, self.known_at(), self.has_events)
        if counted:
            log_line(
                "months",
                counted=counted,
                left=len(months_due) - counted,
                seconds=round(perf_counter() - started, 3),
            )
        if counted < len(months_due):
            return
        with self.engine.transaction():
            if state.mark(self.engine, MONTHS) == COUNTED:  # signals of areas are judged in a sweep
                dirty.mark_all(self.engine)
            state.set_mark(self.engine, MONTHS, "")
