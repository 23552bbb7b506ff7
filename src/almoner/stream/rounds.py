"""Takes one round of events from the inbox into the facts, in one transaction with the new offsets.

Events take the path of files (`almoner.registry.deliveries.take_rows`): the same checks, quarantine,
identities and corrections. A slice holds events of one feed in the order of arrival; of several with the same
key the last one counts. Feeds that cannot wait come first.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from time import monotonic

import pyarrow as pa

from almoner.engines import Engine
from almoner.intake.faults import Broken
from almoner.intake.json_lines import Objects
from almoner.intake.slices import TEXT_ROWS, Slice
from almoner.policy.model.feeds import Feed, Role
from almoner.policy.model.pack import Pack
from almoner.registry import dirty, identity
from almoner.registry.deliveries import (
    DeliveryLog,
    DeliveryReceipt,
    move_watermark_only,
    take_rows,
)
from almoner.registry.dirty import DirtyHouseholds, FeedProgress
from almoner.registry.heads import DeliveryHead
from almoner.registry.holders import Holders
from almoner.registry.staging import StagedDelivery, stage_ahead
from almoner.registry.vault import IdentityStore, Vault
from almoner.registry.writing import WritingOutcome, clean_up
from almoner.stream import state, urgency
from almoner.stream.inbox import Inbox, WaitingEvent
from almoner.stream.runs import in_runs

NAME = "events"  # in place of a file's name, with the position in the inbox as the line
SMALLEST, LARGEST = 2_000, 100_000  # events of a round
URGENT_SECONDS = 30.0  # so long a round holds up what is urgent, however much waits
MOST_BYTES = 64 * 1024 * 1024  # of a slice, unsealed


@dataclass(frozen=True)
class FeedSlice:
    """A slice of one feed, in order."""

    feed: Feed
    events: list[WaitingEvent]

    @property
    def last(self) -> int:
        return self.events[-1].seq


@dataclass
class Pace:
    """How many events one round takes: `size`, between `smallest` and `largest`.

    Most of the cost of a round does not depend on its size, so rounds grow while more events wait than fit.
    Once all fit, a round has room for twice as many as came, so that at a steady rate none is left over.

    Urgent feeds come first in each round, so a bulk feed delays them by one round at most. While urgent
    events keep coming, rounds grow only if one takes less than `urgent_seconds`: fourfold if it takes far
    less.
    """

    size: int = SMALLEST
    smallest: int = SMALLEST
    largest: int = LARGEST
    urgent_seconds: float = URGENT_SECONDS

    def fit(self, *, taken: int, urgent: bool, left: bool, seconds: float) -> None:
        """Set the size after a round: it took `taken` events, `urgent` ones among them, and `left` some
        behind. `seconds`: how long the round before took, with the cycle that followed."""
        if not left:
            self.size = min(self.size, max(self.smallest, 2 * taken))
        elif urgent and seconds > self.urgent_seconds:
            self.size = max(min(self.size, self.smallest), self.size // 2)
        else:
            self.size = min(self.size * (4 if seconds < self.urgent_seconds / 4 else 2), self.largest)

    def halve(self) -> None:
        """After a failure: a smaller slice narrows down the record that causes it."""
        self.size = max(1, self.size // 2)


@dataclass(frozen=True)
class _Run:
    """Rows or withdrawals of a slice, read; without slices where it only moves the watermark."""

    head: DeliveryHead
    slices: list[Slice]

    def numbers(self) -> list[pa.ChunkedArray]:
        number = self.head.feed.with_role(Role.RESIDENT_ID)
        if number is None:
            return []
        tables = (each.table for each in self.slices)
        return [table.column(number.name) for table in tables if number.name in table.column_names]


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What a round took in. `oldest` is when its first event came."""

    events: int
    receipts: list[DeliveryReceipt]
    oldest: dt.datetime
    urgent: bool
    left: bool
    through: dict[str, int]  # by feed, the position of its last event


@dataclass(kw_only=True)
class Rounds:
    """Takes slices out of an inbox into the facts."""

    engine: Engine
    pack: Pack
    vault: Vault
    store: IdentityStore
    inbox: Inbox
    pace: Pace = field(default_factory=Pace)

    def __post_init__(self) -> None:
        state.ensure(self.engine)
        today = dt.date.today()
        self._order = urgency.in_order(self.pack, today)
        self._urgent = urgency.urgent_feeds(self.pack, today)
        self._offsets = state.offsets(self.engine)
        self._holders = Holders()
        self._began: float | None = None  # the round before, where this one follows at once

    def recover(self) -> None:
        """Delete from the inbox what the facts hold already: a process may have died between the two."""
        self.inbox.purge(self._offsets)

    def waits(self) -> bool:
        """Whether there is an event to take."""
        return bool(self.inbox.feeds_with_more(self._offsets).keys() & self.pack.feeds.keys())

    def take(self, at: dt.datetime) -> Taken | None:
        """Take one round; None when nothing waits. All of it goes in or, when an error is raised, nothing."""
        parts = self._parts(self._offsets)
        if not parts:
            return None
        through = {part.feed.id: part.last for part in parts}
        began = monotonic()
        with self.engine.small_batch(), self.engine.transaction():
            log, dirty_households = DeliveryLog(self.engine), DirtyHouseholds(self.engine)
            receipts = list(self._take_parts(parts, at, log, dirty_households))
            log.write()
            dirty_households.write(self.pack.membership_feed)
            state.move_offsets(self.engine, through)
            self._clean_up(parts)
        self._offsets |= through
        left = self.waits()
        urgent = any(part.feed.id in self._urgent for part in parts)
        self.inbox.purge(through)
        events = sum(len(part.events) for part in parts)
        self.pace.fit(taken=events, urgent=urgent, left=left, seconds=began - (self._began or began))
        self._began = began if left else None
        oldest = min(part.events[0].received_at for part in parts)
        return Taken(
            events=events, receipts=receipts, oldest=oldest, urgent=urgent, left=left, through=through
        )

    def warm_up(self, at: dt.datetime) -> None:
        """Run a round of every feed without a row, and roll it back, so that the engine has cached the
        plans."""
        feeds = [feed for feed in self.pack.feeds.values() if feed.sharing_class != "not-shared"]
        heads = [replace(_head(feed, at, f"{NAME} {feed.id}"), expected=True) for feed in feeds]
        runs = [_Run(head, [Objects(head.feed, []).slice(())]) for head in heads]
        with self.engine.small_batch(), self.engine.rolled_back():
            log, dirty_households = DeliveryLog(self.engine), DirtyHouseholds(self.engine)
            identity.expect(self.engine, self.vault, [], self._holders)
            for order in (runs[::-1], runs):  # so that whoever takes from either end had most of them
                staged = self._stage_ahead(order)
            for run in runs:
                delivery = staged.get(id(run))
                self._take_run(run, log, dirty_households, delivery)
                if delivery:
                    dirty_households.add(run.head.feed, delivery.matched, corrected=False)

    def set_aside(self, at: dt.datetime) -> bool:
        """Put the next event into quarantine unread, because it alone makes the engine fail. False when
        nothing waits."""
        more = self.inbox.feeds_with_more(self._offsets)
        feed = next((f for f in self._order if f in more), None)
        if feed is None:
            return False
        events = self.inbox.take(feed, self._offsets.get(feed, 0), 1, MOST_BYTES)
        with self.engine.transaction():
            head = self._head(
                self.pack.feeds[feed], events, dirty.feed_states(self.engine).get(feed, FeedProgress()), at
            )
            broken = tuple(Broken(e.seq, "engine", e.data or "") for e in events)
            empty = Objects(self.pack.feeds[feed], []).slice(())
            log = DeliveryLog(self.engine)
            take_rows(self.engine, self.vault, self.store, log, head, [Slice(empty.table, broken)])
            log.write()
            state.move_offsets(self.engine, {feed: events[-1].seq})
            clean_up(self.engine, head.feed)
        self._offsets[feed] = events[-1].seq
        self.inbox.purge({feed: events[-1].seq})
        return True

    def _parts(self, offsets: dict[str, int]) -> list[FeedSlice]:
        """Slices of urgent feeds first, and the oldest events of each feed, up to what the pace allows."""
        more, room = self.inbox.feeds_with_more(offsets), self.pace.size
        parts: list[FeedSlice] = []
        for feed in self._order:
            if feed in more and room > 0:
                events = self.inbox.take(feed, offsets.get(feed, 0), room, MOST_BYTES)
                parts.append(FeedSlice(self.pack.feeds[feed], events))
                room -= len(events)
        return parts

    def _clean_up(self, parts: Sequence[FeedSlice]) -> None:
        identity.forget_expected(self.engine)
        for part in parts:
            clean_up(self.engine, part.feed)

    def _take_parts(
        self, parts: Sequence[FeedSlice], at: dt.datetime, log: DeliveryLog, dirty_households: DirtyHouseholds
    ) -> Iterator[DeliveryReceipt]:
        """Take the runs of rows and of withdrawals of each slice, one after the other."""
        feed_states = dirty.feed_states(self.engine)
        read = [(part, self._read(part, feed_states.get(part.feed.id, FeedProgress()), at)) for part in parts]
        identity.expect(
            self.engine,
            self.vault,
            [numbers for _, runs in read for run in runs for numbers in run.numbers()],
            self._holders,
        )
        staged = self._stage_ahead([run for _, runs in read for run in runs[:1] if run.slices])
        for part, runs in read:
            receipts = [self._take_run(run, log, dirty_households, staged.get(id(run))) for run in runs]
            if any(receipt.moved for receipt in receipts):
                dirty.note_moved(self.engine, part.feed.id)
            yield from receipts

    def _stage_ahead(self, runs: Sequence[_Run]) -> dict[int, StagedDelivery | None]:
        """Stage the first run of each feed before any is written; by the id of the run."""
        tasks = [partial(_stage, self.vault, self._holders, run) for run in runs]
        return dict(zip(map(id, runs), self.engine.run_parallel(tasks), strict=True))

    def _read(self, part: FeedSlice, feed_state: FeedProgress, at: dt.datetime) -> list[_Run]:
        heads = (
            (replace(self._head(part.feed, run, feed_state, at), expected=True), run)
            for run in in_runs(part.feed, part.events)
        )
        return [
            _Run(head, list(_slices(head, [e for e in run if e.data is not None]))) for head, run in heads
        ]

    def _take_run(
        self,
        run: _Run,
        log: DeliveryLog,
        dirty_households: DirtyHouseholds,
        staged: StagedDelivery | None = None,
    ) -> DeliveryReceipt:
        head = run.head
        if not run.slices:
            return move_watermark_only(self.engine, log, head)

        def note(outcome: WritingOutcome | None, receipt: DeliveryReceipt) -> None:
            changed = receipt.rows_new or receipt.rows_corrected or receipt.rows_withdrawn
            if outcome and (changed or outcome.staged.homes):
                dirty_households.add(
                    head.feed,
                    outcome.staged.matched,
                    corrected=receipt.rows_corrected > 0,
                    withdrawn=head.withdraws,
                    homes=outcome.staged.homes,
                    closed=outcome.closed,
                )

        return take_rows(self.engine, self.vault, self.store, log, head, run.slices, note, staged)

    def _head(
        self, feed: Feed, events: Sequence[WaitingEvent], feed_state: FeedProgress, at: dt.datetime
    ) -> DeliveryHead:
        name = f"{NAME} {feed.id} {events[0].seq} {events[-1].seq} {events[0].withdrawn}"
        received = max(at, feed_state.received_at or at)
        days = (e.complete_through for e in events if e.complete_through)
        through = max((day for day in days if day <= received.date()), default=None)  # no day to come counts
        return replace(_head(feed, received, name), complete_through=through, withdraws=events[0].withdrawn)


def _stage(vault: Vault, holders: Holders, run: _Run, engine: Engine) -> StagedDelivery | None:
    return stage_ahead(engine, vault, run.head.row_feed, run.head.received_at, run.slices, holders)


def _head(feed: Feed, received: dt.datetime, name: str) -> DeliveryHead:
    return DeliveryHead(
        feed=feed,
        name=NAME,
        sha256=hashlib.sha256(name.encode()).hexdigest(),
        received_at=received,
        moves_watermark=False,
        ordered=True,
    )


def _slices(head: DeliveryHead, events: Sequence[WaitingEvent]) -> Iterator[Slice]:
    reader = Objects(head.row_feed, [])
    for start in range(0, len(events), TEXT_ROWS):
        yield reader.slice(_read(reader, e) for e in events[start : start + TEXT_ROWS])


def _read(reader: Objects, event: WaitingEvent) -> tuple[int, dict[str, str | None]] | Broken:
    raw = event.data or ""
    return Broken(event.seq, event.fault, raw) if event.fault else reader.read(event.seq, raw)
