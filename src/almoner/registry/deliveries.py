"""Take in one delivery, completely and in one transaction or not at all.

A file and a slice of a stream take the same way.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from almoner.engines.base import Engine
from almoner.errors import DeliveryRefused
from almoner.intake.readers import open_delivery
from almoner.intake.slices import Slice
from almoner.intake.source import fingerprint
from almoner.local_time import latest
from almoner.policy.model.feeds import Feed
from almoner.progress import Advance
from almoner.registry import completeness, full_lists, schema, sealing, trail, vouching, wholeness
from almoner.registry.doubts import Doubt
from almoner.registry.heads import DeliveryHead, Stated
from almoner.registry.numbers_in_text import hide_numbers
from almoner.registry.quarantine import Sink
from almoner.registry.remarks import remarks
from almoner.registry.staging import StagedDelivery, Staging
from almoner.registry.vault import IdentityStore, Vault
from almoner.registry.withdrawing import MarkedRows, Withdrawing, noting_left_out
from almoner.registry.writing import Work, WritingOutcome, clean_up


@dataclass(frozen=True)
class Delivery:
    """A file of a feed.

    `complete_through` is the last day for which the department says it is complete; None: it follows from the
    rows (see `claims`).
    """

    file: Path
    feed: str
    received_at: dt.datetime
    complete_through: dt.date | None = None
    stated: Stated = field(default_factory=Stated)


@dataclass(frozen=True, kw_only=True)
class DeliveryReceipt:
    """What became of a delivery.

    `rows_read` is the sum of new, corrected, unchanged, duplicate and quarantined rows. `complete_through` is
    the last day that it vouches for; None: it vouches for nothing. `moved`: it completed days that were not.
    """

    delivery_id: int
    feed: str
    sha256: str
    file: str
    received_at: dt.datetime
    complete_through: dt.date | None
    rows_read: int
    rows_new: int
    rows_corrected: int
    rows_unchanged: int
    rows_duplicate: int
    rows_quarantined: int
    faults: int
    rows_withdrawn: int = 0  # facts that it took back; not among the rows read
    rules: Mapping[str, int] = field(default_factory=dict)  # faults by rule
    unknown_columns: tuple[str, ...] = ()  # in the file but not in the contract; not read
    withdrawals_without_row: int = 0  # rows that withdraw what does not stand; nothing came of them
    withdrawals_waiting: int = 0  # facts that a whole list does not name and a person has to look at first
    not_named: int = 0  # rows of deliveries that it repeats, which it does not name; they hold
    unread: tuple[str, ...] = ()  # parts of the file, such as sheets; then it vouches for nothing
    notes: tuple[str, ...] = ()  # how the file was understood, where that is not plain
    columns_left_out: tuple[str, ...] = ()  # not in the file; corrected rows keep their values
    new_persons: int = 0
    already_taken_in: bool = False
    moved: bool = False
    doubts: tuple[Doubt, ...] = ()  # why it does not vouch for all that it claims


Noted = Callable[
    [WritingOutcome | None, DeliveryReceipt], None
]  # called in the transaction; None: it brought a watermark only
NO_LIST = "Rows withdraw others, so the file was not taken for a whole list."
RETRIED = "quarantine"  # in place of a file's name, for rows that went in after a retry
_STORED = tuple(list(DeliveryReceipt.__dataclass_fields__)[:14])
_COUNTS = _STORED[6:]


class DeliveryLog:
    """Numbers deliveries, and records them together (`write`), within the caller's transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._last = int(engine.value("SELECT coalesce(max(delivery_id), 0) FROM registry.delivery"))
        self._entered: list[DeliveryReceipt] = []

    def number(self) -> int:
        """The number of the next delivery."""
        self._last += 1
        return self._last

    def enter(self, receipt: DeliveryReceipt) -> None:
        self._entered.append(receipt)

    def write(self) -> None:
        columns = {name: [getattr(receipt, name) for receipt in self._entered] for name in _STORED}
        with self._engine.register("entered", pa.table(columns, schema=_SCHEMA)):
            self._engine.execute(
                f"""
                INSERT INTO registry.delivery ({", ".join(_STORED)})
                SELECT {", ".join(_STORED)}
                FROM entered
                """
            )
        self._entered.clear()


_TYPES = {
    "delivery_id": pa.int32(),
    "feed": pa.string(),
    "sha256": pa.string(),
    "file": pa.string(),
    "received_at": pa.timestamp("us"),
    "complete_through": pa.date32(),
}
_SCHEMA = pa.schema([(name, _TYPES.get(name, pa.int64())) for name in _STORED])


def take_in(
    engine: Engine,
    vault: Vault,
    store: IdentityStore,
    pack_feeds: Mapping[str, Feed],
    delivery: Delivery,
    advance: Advance | None = None,
    note: Noted | None = None,
) -> DeliveryReceipt:
    """Read, validate, identify and write one delivery.

    The file that came last for the feed changes nothing when it comes again, unless it is stated to be
    complete for later days: empty files of two months are the same file. A file that came before others is a
    correction. `note` is called within the transaction. Raises DeliveryRefused when the file as a whole
    cannot be taken in; then nothing has changed.
    """
    feed = feed_to_fill(pack_feeds, delivery.feed)
    digest = fingerprint(delivery.file)
    name, received = hide_numbers(delivery.file.name, vault.index), delivery.received_at.date()
    wholeness.refuse_other_file(name, delivery.stated.sha256, digest)
    wholeness.refuse_days_to_come(name, delivery.complete_through, received)
    schema.ensure(engine, pack_feeds)
    taken = _taken(engine, feed, digest, delivery.received_at)
    if taken and not _completes_later_days(engine, delivery, taken):
        partly = any(doubt.rule == "unread" for doubt in taken.doubts)
        return replace(taken, unread=_unread(delivery.file, feed)) if partly else taken
    delivery = _in_order(engine, delivery)
    head = DeliveryHead(
        feed=feed,
        name=name,
        sha256=digest,
        received_at=delivery.received_at,
        complete_through=delivery.complete_through,
        complete_since=delivery.stated.complete_since,
        rows_stated=delivery.stated.rows,
        lists=feed.full_list is not None,
    )
    if taken:
        unread = _unread(delivery.file, feed)
        if unread:
            return replace(taken, unread=unread)
        with engine.transaction():
            log = DeliveryLog(engine)
            receipt = move_watermark_only(engine, log, head)
            log.write()
            if note:
                note(None, receipt)
            return receipt
    sealing.discard_orphans(engine, store)
    with engine.transaction(), open_delivery(delivery.file, feed, advance or (lambda _: None)) as reading:
        log = DeliveryLog(engine)
        head = replace(head, totals=reading.totals)
        if reading.unread:
            head = replace(head, unread=tuple(reading.unread), lists=False)
        missing: dict[str, None] = {}
        slices = noting_left_out(reading.slices, feed, missing)
        receipt = take_rows(engine, vault, store, log, head, slices, note)
        log.write()
        odd = remarks(engine, pack_feeds, feed, receipt.delivery_id)
        clean_up(engine, feed)
        return replace(
            receipt,
            unknown_columns=tuple(reading.unknown_columns),
            columns_left_out=tuple(missing),
            unread=tuple(reading.unread),
            notes=(*reading.notes, *odd, *receipt.notes),
        )


def take_rows(
    engine: Engine,
    vault: Vault,
    store: IdentityStore,
    log: DeliveryLog,
    head: DeliveryHead,
    slices: Iterable[Slice],
    note: Noted | None = None,
    staged: StagedDelivery | None = None,
) -> DeliveryReceipt:
    """Take in rows that have been read, within the caller's transaction. Files and streams both come here.

    The caller writes the `log` and cleans up after one or several deliveries (`writing.clean_up`). `staged`
    is the result of `staging.stage_ahead`, if it was called.
    """
    delivery_id, feed = log.number(), head.row_feed
    sink = Sink(
        engine=engine,
        vault=vault,
        feed=head.feed.id,
        file=head.name,
        delivery_id=delivery_id,
        received_at=head.received_at,
    )
    naming = full_lists.Naming(feed, sink)
    work = Work(
        engine=engine,
        vault=vault,
        store=store,
        feed=feed,
        received_at=head.received_at,
        delivery_id=delivery_id,
    )
    refused = MarkedRows(sink) if head.withdraws else naming if head.lists else sink
    withdrawing = Withdrawing(work=work, refused=refused, marked=MarkedRows(sink))
    if staged:
        refused.add(staged.bad)
    else:
        staged = Staging(
            engine=engine,
            vault=vault,
            feed=feed,
            received_at=head.received_at,
            refused=refused,
            ordered=head.ordered,
            expected=head.expected,
            withdraws=head.withdraws,
            contradicted=withdrawing.settle,
        ).run(withdrawing.others(slices))
    outcome = work.withdraw(staged) if head.withdraws else withdrawing.added_to(work.write(staged))
    if head.lists and not withdrawing.rows:
        outcome = full_lists.take_back(work, head, outcome, naming)
    sink.flush()
    receipt = DeliveryReceipt(
        **_head(engine, delivery_id, head, staged.matched, outcome.staged.read, sink.rows),
        **_counts(outcome, sink),
        new_persons=outcome.new_persons,
        notes=(NO_LIST,) if head.lists and withdrawing.rows else (),
    )
    log.enter(receipt)
    if note:
        note(outcome, receipt)
    return receipt


def last_received(engine: Engine, feed: str | None = None) -> dt.datetime | None:
    """When the latest delivery came, of one feed or of all."""
    if feed is None:
        return engine.value(  # type: ignore[no-any-return]
            f"SELECT max(received_at) FROM registry.delivery WHERE {trail.NOT_UNDONE}"
        )
    return engine.value(  # type: ignore[no-any-return]
        f"SELECT max(received_at) FROM registry.delivery WHERE feed = $feed AND {trail.NOT_UNDONE}",
        {"feed": feed},
    )


def _head(
    engine: Engine,
    delivery_id: int,
    head: DeliveryHead,
    matched: str | None,
    read: int = 0,
    held_back: int = 0,
) -> dict[str, Any]:
    """The head of the receipt. Records which days the delivery vouches for (see `vouching.vouch`)."""
    vouched = vouching.vouch(engine, delivery_id, head, matched, read=read, held_back=held_back)
    return {
        "delivery_id": delivery_id,
        "feed": head.feed.id,
        "sha256": head.sha256,
        "file": head.name,
        "received_at": head.received_at,
        "complete_through": vouched.through,
        "moved": vouched.moved,
        "doubts": vouched.doubts,
    }


def _counts(outcome: WritingOutcome, sink: Sink) -> dict[str, Any]:
    return {
        "rows_read": outcome.staged.read,
        "rows_new": outcome.written.new,
        "rows_corrected": outcome.written.corrected,
        "rows_unchanged": outcome.written.unchanged,
        "rows_duplicate": outcome.staged.duplicates,
        "rows_quarantined": sink.rows,
        "faults": sink.rules.total(),
        "rows_withdrawn": outcome.withdrawn,
        "withdrawals_waiting": outcome.waiting,
        "not_named": outcome.not_named,
        "withdrawals_without_row": outcome.withdrawals_without_row,
        "rules": dict(sink.rules),
    }


def feed_to_fill(pack_feeds: Mapping[str, Feed], name: str) -> Feed:
    """The feed of that name. Raises DeliveryRefused when it is unknown or not shared."""
    feed = pack_feeds.get(name)
    if feed is None:
        known = ", ".join(sorted(pack_feeds))
        raise DeliveryRefused(
            f"The pack has no feed {name!r}. Choose one of: {known}; or add its contract to the pack."
        )
    if feed.sharing_class == "not-shared":
        raise DeliveryRefused(
            f"The contract of {feed.id} says that it is not shared. Change the agreement first."
        )
    return feed


def _taken(engine: Engine, feed: Feed, digest: str, received_at: dt.datetime) -> DeliveryReceipt | None:
    """The delivery of the same file, if it is the feed's last one or came at the same time.

    The latter is what a worker finds who was stopped between taking a file in and putting it away.
    """
    found = engine.rows(
        f"""
        SELECT {", ".join(_STORED)}
        FROM registry.delivery
        WHERE feed = $feed
          AND sha256 = $digest
          AND {trail.NOT_UNDONE}
          AND (
            received_at = $at
            OR delivery_id = (
              SELECT max(delivery_id)
              FROM registry.delivery
              WHERE feed = $feed AND file <> '{RETRIED}' AND {trail.NOT_UNDONE}
            )
          )
        ORDER BY complete_through DESC NULLS LAST, delivery_id
        """,
        {"feed": feed.id, "digest": digest, "at": received_at},
    )
    if not found:
        return None
    kept = dict(zip(_STORED, found[0], strict=True))
    return DeliveryReceipt(
        **kept, already_taken_in=True, doubts=vouching.doubts_of(engine, kept["delivery_id"])
    )


def _unread(file: Path, feed: Feed) -> tuple[str, ...]:
    with open_delivery(file, feed) as reading:
        return tuple(reading.unread)


def _completes_later_days(engine: Engine, delivery: Delivery, taken: DeliveryReceipt) -> bool:
    if taken.doubts or delivery.complete_through is None:
        return False
    reached = completeness.watermarks(engine).get(delivery.feed)
    return reached is None or delivery.complete_through > reached


def move_watermark_only(engine: Engine, log: DeliveryLog, head: DeliveryHead) -> DeliveryReceipt:
    """Record a delivery without rows that moves the watermark."""
    counts: dict[str, Any] = dict.fromkeys(_COUNTS, 0)
    receipt = DeliveryReceipt(**_head(engine, log.number(), head, None), **counts)
    log.enter(receipt)
    return receipt


def _in_order(engine: Engine, delivery: Delivery) -> Delivery:
    """The delivery, at the time of the last one where clocks were put back between the two. Raises
    DeliveryRefused when it came before that."""
    last = last_received(engine, delivery.feed)
    if last is not None and delivery.received_at < last:
        if last <= latest(delivery.received_at, dt.timedelta()):
            return replace(delivery, received_at=last)
        raise DeliveryRefused(
            f"A file of {delivery.feed} was received at {delivery.received_at}, but {delivery.feed} already"
            f" has a delivery of {last}. Take in a feed's deliveries in the order in which they arrived."
        )
    return delivery
