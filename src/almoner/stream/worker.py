"""The worker: takes in events and files, assesses the households they concern, and updates casework.

Each step reads from the databases what is left to do, and is one transaction that can be repeated. A process
that was killed is therefore simply started again. Facts and the offset of their feed are written together. A
cycle clears its households from those that wait, and in the same transaction notes them as pending for
casework. Casework knows how far it has read the outbox.
"""

from __future__ import annotations

import datetime as dt
import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import Event as Flag
from time import monotonic, perf_counter

from almoner import cycle
from almoner.assessment import records
from almoner.cycle import CycleOutcome
from almoner.engines import Engine
from almoner.errors import EngineError
from almoner.policy.model.pack import Pack
from almoner.registry import dirty, sealing
from almoner.registry.deliveries import last_received
from almoner.registry.vault import IdentityStore, Vault
from almoner.stream import state
from almoner.stream.following import Followed, Following
from almoner.stream.inbox import Inbox
from almoner.stream.landing import Landing
from almoner.stream.log import log_line
from almoner.stream.progress_log import ProgressLog
from almoner.stream.rounds import Pace, Rounds
from almoner.stream.scheduled import ScheduledWork, pack_is_new
from almoner.stream.slice_failures import SliceFailed, is_environmental
from almoner.stream.status import Status
from almoner.stream.timelines_due import TimelinesDue
from almoner.stream.upkeep import Upkeep

LANDING_SECONDS = TIME_SECONDS = 1.0
BEAT_SECONDS = 5.0
MOST_HOUSEHOLDS = 100_000  # of one cycle: bounds its memory
DUE_AT_ONCE = 5_000  # households that are due by time, in a cycle of their own
DUE_BESIDE = 1_000  # the same, in a cycle for others: an event waits for no more than these
WARM_UPS, WARM_UP_HOUSEHOLDS = 3, 400  # as many as it takes until every plan is kept


@dataclass(kw_only=True)
class Worker:
    """Works on one open installation. `day`: decide for this day in place of today."""

    engine: Engine
    pack: Pack
    vault: Vault
    store: IdentityStore
    inbox: Inbox
    landing: Landing
    casework: Following
    status: Status
    pace: Pace = field(default_factory=Pace)
    clock: Callable[[], dt.datetime] = dt.datetime.now
    day: dt.date | None = None
    most_households: int = MOST_HOUSEHOLDS

    def __post_init__(self) -> None:
        self.engine.cache_plans()
        self._rounds = Rounds(
            engine=self.engine,
            pack=self.pack,
            vault=self.vault,
            store=self.store,
            inbox=self.inbox,
            pace=self.pace,
        )
        self._looked_at_landing = self._looked_at_time = self._beat = float("-inf")
        self._progress = ProgressLog(self.status, self.clock)
        self._upkeep = self._make_upkeep()
        self._scheduled = self._make_scheduled()
        self._warmed_up = False
        self._forgotten = 0  # the last cycle whose households are no longer pending for casework
        self._recover()

    def _make_upkeep(self) -> Upkeep:
        timelines = TimelinesDue(self.engine, self.pack, self.status, self.casework, self._now)
        return Upkeep(
            engine=self.engine,
            pack=self.pack,
            status=self.status,
            show_feeds=self.casework.show_feeds,
            tally=self.casework.tally,
            timelines=timelines,
        )

    def _make_scheduled(self) -> ScheduledWork:
        return ScheduledWork(
            engine=self.engine,
            pack=self.pack,
            status=self.status,
            casework=self.casework,
            known_at=self._known_at,
            has_events=self._rounds.waits,
            tidy=self._tidy,
            swept=self._swept,
        )

    def warm_up(self, stop: Flag) -> None:
        """Prepare the engine's plans once, before anything comes; end as soon as there is work.

        The first rounds and cycles over few households take many times as long as later ones. A worker whose
        pack has not been swept yet waits until it has.
        """
        if self._warmed_up or pack_is_new(self.engine, self.pack):
            return
        households = records.some_households(self.engine, WARM_UP_HOUSEHOLDS)
        if not households:
            self._warmed_up = True  # no household has a finding, so there is nothing to warm up with
            return
        self.status.write(self.engine, self.clock())
        started = perf_counter()
        if not stop.is_set() and not self._has_work():
            self._rounds.warm_up(self.clock())
        for _ in range(WARM_UPS):
            if stop.is_set() or self._has_work():
                return
            cycle.warm_up(self.engine, self.pack, *self._now(), households)
        self._warmed_up = True
        gc.freeze()  # what exists by now stays, so the garbage collector need not look through it again
        log_line("practised", seconds=round(perf_counter() - started, 3))

    def _has_work(self) -> bool:
        return self._rounds.waits() or bool(dirty.dirty_households(self.engine, 1))

    def drain(self) -> None:
        """Work until nothing is left to do."""
        busy = True
        while busy:
            self._looked_at_time = float("-inf")
            busy = self.step()
            if not busy and self.casework.busy:
                self.casework.wait()
                busy = True

    def step(self) -> bool:
        """One round of everything; False when there was nothing to do. Casework may still be following."""
        at, stage = self.clock(), self.status.step.at
        stage("idle")
        self.casework.look()
        if self.status.idle and self._rounds.waits():
            self.status.idle = False
            self.status.write(self.engine, at)
        stage("events")
        taken = self._take(at)
        stage("files")
        landed = self._land(at)
        moved = taken or landed
        stage("households")
        assessed = self._assess(at, quiet=not moved) if moved or self._is_time() else False
        busy = moved or assessed
        idle = not busy and not self.casework.busy
        stage("upkeep")
        self._upkeep.step(busy=not idle)
        if idle and self._forgotten < self._progress.last_cycle:
            self._forget_pending()
        if busy or (idle and not self.status.idle) or monotonic() - self._beat > BEAT_SECONDS:
            self._beat, self.status.idle = monotonic(), idle
            self.status.write(self.engine, self.clock())
        self._looked_at_time = float("-inf") if busy else self._looked_at_time
        if self.casework.busy:  # what it does goes on from step to step
            stage("casework", self.casework.since)
        else:
            stage("idle")
        return busy

    def _is_time(self) -> bool:
        """Whether to look for households to assess: at once after work, otherwise once a second, because
        looking costs time and seldom finds any."""
        if monotonic() - self._looked_at_time < TIME_SECONDS:
            return False
        self._looked_at_time = monotonic()
        return True

    def set_aside(self) -> bool:
        """Put the next event into quarantine unread, because nothing else helps."""
        return self._rounds.set_aside(self.clock())

    def _recover(self) -> None:
        self._rounds.recover()
        sealing.discard_orphans(self.engine, self.store)
        self.landing.make_folders()
        self.casework.apply_all(
            [household for household, is_lost in state.pending(self.engine).items() if is_lost]
        )
        state.forget_pending(self.engine, None)

    def _take(self, at: dt.datetime) -> bool:
        """Take one round of events into the facts."""
        started = perf_counter()
        try:
            taken = self._rounds.take(at)
        except (EngineError, ValueError, TypeError, LookupError, ArithmeticError) as error:
            if is_environmental(error):
                raise
            raise SliceFailed(type(error).__name__) from error
        if taken:
            self._progress.round_taken(taken, at, perf_counter() - started)
        return taken is not None

    def _land(self, at: dt.datetime) -> bool:
        """Take in one file of the landing folder: a step takes one, so that a large file delays others by no
        more than itself."""
        if monotonic() - self._looked_at_landing < LANDING_SECONDS:
            return False
        try:
            landed = self.landing.take(at)
        except OSError as error:  # somebody else works in the folder, or we may not write there
            log_line("trouble", error=type(error).__name__, about="landing")
            landed = None
        self.status.landing = self.landing.troubles.as_json()
        if landed is None:
            self._looked_at_landing = monotonic()
            return False
        self._progress.file_landed(landed)
        return True

    def _assess(self, at: dt.datetime, *, quiet: bool) -> bool:
        """Assess dirty households at once, and with each cycle some that are due by time. Scheduled work goes
        first when it is quiet, or when it has waited too long."""
        dirty_households = dirty.dirty_households(self.engine, self.most_households)
        if self._scheduled.step(at, self._day(at), quiet=quiet):
            return True
        due = state.date_due(self.engine, DUE_AT_ONCE if quiet and not dirty_households else DUE_BESIDE)
        if dirty_households or due:
            households = sorted({*dirty_households, *due})
            self._run_cycle(households, all_dirty=len(dirty_households) < self.most_households)
        else:
            self._progress.rounds_finished(self._progress.take_unfinished())
        return bool(dirty_households or due)

    def _run_cycle(self, households: Sequence[int], *, all_dirty: bool) -> None:
        """Run one cycle, and have casework follow it in its own thread. `all_dirty`: these include every
        dirty household, so the cycle finishes the rounds so far."""
        started, last_cycle = perf_counter(), self._progress.last_cycle
        evidence_lost: list[int] = []

        def enqueue(cycle_id: int) -> None:
            evidence_lost.extend(cycle.evidence_lost(self.engine, households))
            state.enqueue(self.engine, cycle_id, households, evidence_lost, done_through=last_cycle)

        outcome = cycle.run(self.engine, self.pack, *self._now(), households, enqueue)
        self._forgotten = last_cycle
        self.status.spent("cycle", perf_counter() - started)
        rounds = self._progress.take_unfinished() if all_dirty else []
        self.casework.begin(
            households, evidence_lost, partial(self._progress.cycle_finished, outcome, rounds)
        )

    def _swept(self, outcome: CycleOutcome, followed: Followed) -> None:
        self._progress.cycle_finished(outcome, self._progress.take_unfinished(), followed)

    def _forget_pending(self) -> None:
        """Clear the households of cycles that casework has followed."""
        last_cycle = self._progress.last_cycle
        state.forget_pending(self.engine, last_cycle)
        self._forgotten = last_cycle

    def _tidy(self, day: dt.date) -> None:
        """Once a day: delete what was only kept for a while."""
        self.inbox.forget_names(day)
        self.landing.forget_old()

    def _now(self) -> tuple[dt.date, dt.datetime]:
        """The day to decide for, and the time up to which facts are known."""
        return self._day(self.clock()), self._known_at()

    def _known_at(self) -> dt.datetime:
        """Now, or the time of the latest delivery if that is later."""
        now = self.clock()
        return max(now, last_received(self.engine) or now)

    def _day(self, at: dt.datetime) -> dt.date:
        return self.day or at.date()
