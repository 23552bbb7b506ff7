"""The worker: takes in what came, assesses whom it touched, brings casework up to date; again and again
until it is told to stop.

Every step reads from the databases what is left to do, and each is one transaction that can be done again.
So a process that was killed anywhere is simply started again: facts and offset are one transaction; a
cycle forgets in its own who was touched, and notes whom casework was not told of; casework knows how far
it read the outbox.
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
from almoner.assessment import months, records
from almoner.cycle import CycleOutcome
from almoner.engines import Engine
from almoner.errors import AlmonerError, EngineError
from almoner.policy.model.pack import Pack
from almoner.registry import dirty, sealing
from almoner.registry.deliveries import DeliveryReceipt, last_received
from almoner.registry.vault import IdentityStore, Vault
from almoner.stream import state, ticks
from almoner.stream.following import Followed, Following
from almoner.stream.inbox import Inbox
from almoner.stream.landing import Landing
from almoner.stream.log import tell
from almoner.stream.rounds import Pace, Rounds, Taken
from almoner.stream.status import Status
from almoner.stream.timelines_due import TimelinesDue
from almoner.stream.upkeep import Upkeep

LANDING_SECONDS = TIME_SECONDS = 1.0
BEAT_SECONDS = 5.0
MOST_HOUSEHOLDS = 100_000  # of one cycle: bounds its memory
DUE_AT_ONCE, DUE_BESIDE = (
    5_000,
    1_000,
)  # whom time concerns, in a cycle of their own and in one for others: an event waits for them no longer than that
WARM_UPS, WARM_UP_HOUSEHOLDS = 3, 400  # as many as it takes until every plan is kept
LONGEST_WAIT = dt.timedelta(minutes=10)  # of a sweep or a tick for a quiet moment
TICK = "tick"  # the mark: the last day for which who is due was found
MONTHS, DUE, COUNTED = (
    "months",
    "due",
    "counted",
)  # the mark: past months may have to be counted; some were, so a sweep is due after the last


_SURROUNDINGS = (
    "io error",
    "out of memory",
    "fatal",
    "no space",
    "could not",
    "cannot open",
    "invalidated",
    "connection",
)


class SliceFailed(AlmonerError):  # noqa: N818 - says what happened
    """A slice could not be worked on, and neither disk nor memory is the cause: a record in it may be."""


def is_of_the_surroundings(error: Exception) -> bool:
    """Whether the disk, the memory or another process is the cause, and no record."""
    return isinstance(error, EngineError) and any(word in str(error).lower() for word in _SURROUNDINGS)


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
        timelines = TimelinesDue(
            self.engine,
            self.pack,
            self.status,
            self.casework,
            lambda: (self._day(self.clock()), self._known_at()),
        )
        self._upkeep = Upkeep(
            engine=self.engine,
            pack=self.pack,
            status=self.status,
            show_feeds=self.casework.show_feeds,
            tally=self.casework.tally,
            timelines=timelines,
        )
        self._waits_since: dt.datetime | None = None
        self._warmed_up = False
        self._unfinished: list[
            tuple[Taken, dt.datetime]
        ] = []  # rounds of which not everybody has been assessed, and when they began
        self._told = self._forgotten = (
            0  # the last cycle that casework has, and the last whose households it was noted to have
        )
        self._recover()

    def warm_up(self, stop: Flag) -> None:
        """Once, before anything comes and no longer: the first rounds and cycles over few households take
        many times as long as later ones. A worker whose pack has not swept anybody yet waits until it has."""
        if self._warmed_up or self._pack_is_new():
            return
        households = records.some_households(self.engine, WARM_UP_HOUSEHOLDS)
        if not households:
            self._warmed_up = True  # nothing stands, so there is nobody to practise on
            return
        self.status.write(self.engine, self.clock())
        started = perf_counter()
        if not stop.is_set() and not self._has_work():
            self._rounds.warm_up(self.clock())
        for _ in range(WARM_UPS):
            if stop.is_set() or self._has_work():
                return
            cycle.warm_up(self.engine, self.pack, self._day(self.clock()), self._known_at(), households)
        self._warmed_up = True
        gc.freeze()  # what is there by now stays: nothing of it is worth looking through again
        tell("practised", seconds=round(perf_counter() - started, 3))

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
        """One round of everything; False when there was nothing to do. Casework may still be following then."""
        at = self.clock()
        self.casework.look()
        if self.status.idle and self._rounds.waits():
            self.status.idle = False
            self.status.write(self.engine, at)
        taken = self._take(at)
        landed = self._land(at)
        assessed = (
            self._assess(at, quiet=taken is None and not landed)
            if taken or landed or self._is_time()
            else False
        )
        busy = bool(taken or landed or assessed)
        idle = not busy and not self.casework.busy
        self._upkeep.step(busy=not idle)
        if idle and self._forgotten < self._told:
            self._forget_told()
        if busy or (idle and not self.status.idle) or monotonic() - self._beat > BEAT_SECONDS:
            self._beat, self.status.idle = monotonic(), idle
            self.status.write(self.engine, self.clock())
        self._looked_at_time = float("-inf") if busy else self._looked_at_time
        return busy

    def _is_time(self) -> bool:
        """After work at once, and then now and then: looking costs something, and seldom finds anything."""
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

    def _take(self, at: dt.datetime) -> Taken | None:
        started = perf_counter()
        try:
            taken = self._rounds.take(at)
        except (EngineError, ValueError, TypeError, LookupError, ArithmeticError) as error:
            if is_of_the_surroundings(error):
                raise
            raise SliceFailed(type(error).__name__) from error
        if taken:
            self._unfinished.append((taken, at))
            self.status.count("events", taken.events)
            self.status.count("quarantined", sum(r.rows_quarantined for r in taken.receipts))
            self.status.spent("intake", perf_counter() - started)
        return taken

    def _land(self, at: dt.datetime) -> bool:
        """Files after events, one a step: a large one must not hold the others up for longer than itself."""
        if monotonic() - self._looked_at_landing < LANDING_SECONDS:
            return False
        try:
            landed = self.landing.take(at)
        except OSError as error:  # somebody else works in the folder, or may write there and we may not
            tell("trouble", error=type(error).__name__, about="landing")
            landed = None
        if landed is None:
            self._looked_at_landing = monotonic()
            return False
        self.status.count("files" if landed.receipt else "files_refused", 1)
        told = _counts(landed.receipt) if landed.receipt else {"refused": True}
        tell("file", department=landed.department, feed=landed.feed, **told)
        return True

    def _assess(self, at: dt.datetime, *, quiet: bool) -> bool:
        """Those who were touched at once, and with each cycle some whom time concerns; everybody when it
        is quiet, or when that has waited too long."""
        dirty_households = dirty.dirty_households(self.engine, self.most_households)
        if self._everybody_or_due(at, quiet or self._waited_too_long(at)):
            return True
        due = state.date_due(self.engine, DUE_AT_ONCE if quiet and not dirty_households else DUE_BESIDE)
        if dirty_households or due:
            self._look_at(
                sorted({*dirty_households, *due}), everybody=len(dirty_households) < self.most_households
            )
        else:
            self._tell_rounds(self._take_unfinished())
        return bool(dirty_households or due)

    def _everybody_or_due(self, at: dt.datetime, now: bool) -> bool:
        everybody = dirty.all_are_dirty(self.engine) or self._pack_is_new()
        moved, day = dirty.moved(self.engine), self._day(at)
        tick = state.mark(self.engine, TICK) != day.isoformat()
        if not (everybody or moved or tick or state.mark(self.engine, MONTHS)):
            self._waits_since = None
            return False
        self._waits_since = self._waits_since or at
        if not now:
            return False
        if everybody:
            self._sweep(day)
        elif moved or tick:
            self._find_due(day, moved)
        elif state.date_due(self.engine, 1):  # people before the months that areas are compared with
            return False
        else:
            self._count_months(day)
        self._waits_since = None
        return True

    def _waited_too_long(self, at: dt.datetime) -> bool:
        return self._waits_since is not None and at - self._waits_since > LONGEST_WAIT

    def _sweep(self, day: dt.date) -> None:
        months.count(self.engine, self.pack, day, self._known_at())
        started = perf_counter()
        outcome, evidence_lost = cycle.sweep(self.engine, self.pack, day, self._known_at())
        self.status.spent("cycle", perf_counter() - started)
        started = perf_counter()
        applied = self.casework.apply_all(evidence_lost)
        with self.engine.transaction():
            state.forget_everybody(self.engine)
            state.set_mark(self.engine, TICK, day.isoformat())
            state.set_mark(self.engine, MONTHS, "")
        followed = Followed(applied.cases_opened, applied.cases_updated, perf_counter() - started)
        self._tell_cycle(outcome, self._take_unfinished(), followed)

    def _find_due(self, day: dt.date, moved: Sequence[str]) -> None:
        """Whom the day or a moved watermark concerns: they are noted, and assessed by the next steps."""
        started = perf_counter()
        signals = ticks.changed_by_watermarks(self.pack, moved)
        before = state.mark(self.engine, TICK)
        if before != day.isoformat():
            since = dt.date.fromisoformat(before) if before else None
            held_back = [
                f for f in self.pack.feeds if since and (dirty.watermark(self.engine, f) or since) > since
            ]
            signals |= ticks.changed_by_time(self.pack, since, day, held_back)
            self._tidy(day)
        due = ticks.due(self.engine, self.pack, signals, day, self._known_at())
        with self.engine.transaction():
            if state.mark(self.engine, MONTHS) != COUNTED:
                state.set_mark(self.engine, MONTHS, DUE)
            state.note_date_due(self.engine, due)
            dirty.forget_moved(self.engine, moved)
            state.set_mark(self.engine, TICK, day.isoformat())
        self.status.count("ticks", 1)
        self.status.spent("ticks", perf_counter() - started)
        tell("tick", day=day.isoformat(), feeds=list(moved), signals=len(signals), households=len(due))

    def _count_months(self, day: dt.date) -> None:
        """Past months that signals of areas compare with: until something comes, one at least; the others
        wait for the next moment."""
        wanted = months.due(self.engine, self.pack, day, self._known_at())
        if wanted:
            with self.engine.transaction():
                state.set_mark(self.engine, MONTHS, COUNTED)
        started = perf_counter()
        counted = months.count_due(self.engine, self.pack, wanted, self._known_at(), self._rounds.waits)
        if counted:
            tell(
                "months",
                counted=counted,
                left=len(wanted) - counted,
                seconds=round(perf_counter() - started, 3),
            )
        if counted < len(wanted):
            return
        with self.engine.transaction():
            if state.mark(self.engine, MONTHS) == COUNTED:  # signals of areas are judged in a sweep
                dirty.mark_all(self.engine)
            state.set_mark(self.engine, MONTHS, "")

    def _tidy(self, day: dt.date) -> None:
        """Once a day: let go of what was kept for a while."""
        self.inbox.forget_names(day)
        self.landing.forget_old()

    def _look_at(self, households: Sequence[int], *, everybody: bool) -> None:
        """One cycle, and casework after it, beside what this does next. `everybody`: nobody else was touched."""
        started, told = perf_counter(), self._told
        evidence_lost: list[int] = []

        def enqueue(cycle_id: int) -> None:
            evidence_lost.extend(cycle.evidence_lost(self.engine, households))
            state.enqueue(self.engine, cycle_id, households, evidence_lost, told=told)

        outcome = cycle.run(
            self.engine, self.pack, self._day(self.clock()), self._known_at(), households, enqueue
        )
        self._forgotten = told
        self.status.spent("cycle", perf_counter() - started)
        self.casework.begin(
            households,
            evidence_lost,
            partial(self._tell_cycle, outcome, self._take_unfinished() if everybody else []),
        )

    def _take_unfinished(self) -> list[tuple[Taken, dt.datetime]]:
        rounds, self._unfinished = self._unfinished, []
        return rounds

    def _forget_told(self) -> None:
        """Casework has all that was handed on."""
        told = self._told
        state.forget_pending(self.engine, told)
        self._forgotten = told

    def _known_at(self) -> dt.datetime:
        """Now, or when the latest delivery says that it came."""
        now = self.clock()
        return max(now, last_received(self.engine) or now)

    def _pack_is_new(self) -> bool:
        """Whether the last sweep was by another pack, or never was."""
        sweep = records.last_sweep(self.engine)
        return sweep is None or sweep.pack_hash != self.pack.hash

    def _day(self, at: dt.datetime) -> dt.date:
        return self.day or at.date()

    def _tell_cycle(
        self, outcome: CycleOutcome, rounds: Sequence[tuple[Taken, dt.datetime]], followed: Followed
    ) -> None:
        """Casework has all of a cycle, and so of these rounds. Called in its thread."""
        self._told = outcome.cycle_id or 0
        self.status.spent("casework", followed.seconds)
        self.status.count("cycles", 1)
        self.status.count("cases_opened", followed.cases_opened)
        tell(
            "cycle",
            households=outcome.households,
            cases_opened=followed.cases_opened,
            cases_updated=followed.cases_updated,
            seconds=round(sum(outcome.seconds.values()), 3),
        )
        self._tell_rounds(rounds)

    def _tell_rounds(self, rounds: Sequence[tuple[Taken, dt.datetime]]) -> None:
        """All that these rounds brought is in cases now."""
        now = self.clock()
        for taken, at in rounds:
            waited = (now - taken.oldest).total_seconds()
            self.status.arrived(taken.events, waited)
            tell(
                "round",
                events=taken.events,
                through=taken.through,
                quarantined=sum(r.rows_quarantined for r in taken.receipts),
                seconds=round((now - at).total_seconds(), 3),
                waited=round(waited, 3),
                left=taken.left,
            )


def _counts(receipt: DeliveryReceipt) -> dict[str, int]:
    return {
        "rows": receipt.rows_read,
        "new": receipt.rows_new,
        "corrected": receipt.rows_corrected,
        "quarantined": receipt.rows_quarantined,
    }
