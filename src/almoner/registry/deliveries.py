"""Take in one delivery, completely and in one transaction or not at all.

A file and a slice of a stream take the same way.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from almoner.engines.base import Engine
from almoner.errors import DeliveryRefused
from almoner.intake import absent
from almoner.intake.readers import open_delivery
from almoner.intake.slices import Slice
from almoner.intake.source import fingerprint
from almoner.local_time import latest
from almoner.policy.model.feeds import Feed
from almoner.progress import Advance
from almoner.registry import claims, completeness, full_lists, schema, sealing
from almoner.registry.heads import DeliveryHead
from almoner.registry.quarantine import Sink
from almoner.registry.staging import StagedDelivery, Staging
from almoner.registry.vault import IdentityStore, Vault
from almoner.registry.withdrawing import MarkedRows, Withdrawing, adds
from almoner.registry.writing import Work, WritingOutcome, clean_up


@dataclass(frozen=True)
class Delivery:
    """A file of a feed.

    `complete_through` is the last day for which the department says it is complete; None: it follows from the
    rows. `complete_since` is the first day that the file is about; None: likewise (see `claims`).
    """

    file: Path
    feed: str
    received_at: dt.datetime
    complete_through: dt.date | None = None
    complete_since: dt.date | None = None


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
    not_standing: int = 0  # rows that withdraw what does not stand; nothing came of them
    withdrawals_waiting: int = 0  # facts that a whole list does not name and a person has to look at first
    not_named: int = 0  # rows of deliveries that it repeats, which it does not name; they hold
    unread: tuple[str, ...] = ()  # parts of the file, such as sheets; then it vouches for nothing
    notes: tuple[str, ...] = ()  # how the file was understood, where that is not plain
    columns_left_out: tuple[str, ...] = ()  # not in the file; corrected rows keep their values
    new_persons: int = 0
    already_taken_in: bool = False
    moved: bool = False


Noted = Callable[
    [WritingOutcome | None, DeliveryReceipt], None
]  # called in the transaction; None: it brought a watermark only
NO_LIST = "Rows withdraw others, so the file was not taken for a whole list."
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

    The same file for the same feed again changes nothing, unless it is stated to be complete for later days:
    empty files of two months are the same file. `note` is called within the transaction. Raises
    DeliveryRefused when the file as a whole cannot be taken in; then nothing has changed.
    """
    feed = feed_to_fill(pack_feeds, delivery.feed)
    digest = fingerprint(delivery.file)
    schema.ensure(engine, pack_feeds)
    taken = _taken(engine, feed, digest)
    if taken and not _completes_later_days(delivery, taken):
        return taken
    delivery = _in_order(engine, delivery)
    head = DeliveryHead(
        feed=feed,
        name=delivery.file.name,
        sha256=digest,
        received_at=delivery.received_at,
        complete_through=delivery.complete_through,
        complete_since=delivery.complete_since,
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
        if reading.unread:
            head = replace(head, complete_through=None, moves_watermark=False, lists=False)
        missing: dict[str, None] = {}
        slices = _seen(reading.slices, feed, missing)
        receipt = take_rows(engine, vault, store, log, head, slices, note)
        log.write()
        clean_up(engine, feed)
        return replace(
            receipt,
            unknown_columns=tuple(reading.unknown_columns),
            columns_left_out=tuple(missing),
            unread=tuple(reading.unread),
            notes=(*reading.notes, *receipt.notes),
        )


def _seen(slices: Iterable[Slice], feed: Feed, missing: dict[str, None]) -> Iterator[Slice]:
    """The slices; the names of kept columns that they do not have go to `missing`."""
    for part in slices:
        if adds(part.table):
            missing.update(dict.fromkeys(absent.left_out(feed, part.table.column_names)))
        yield part


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
        **_head(engine, delivery_id, head, staged.matched),
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
        return engine.value("SELECT max(received_at) FROM registry.delivery")  # type: ignore[no-any-return]
    return engine.value(  # type: ignore[no-any-return]
        "SELECT max(received_at) FROM registry.delivery WHERE feed = $feed", {"feed": feed}
    )


def freshness(engine: Engine) -> list[tuple[str, dt.date | None, dt.datetime | None, int, int]]:
    """By feed: the last complete day, the latest delivery, and the rows read and quarantined."""
    rows = engine.rows(
        """
        SELECT feed, max(received_at), sum(rows_read)::BIGINT, sum(rows_quarantined)::BIGINT
        FROM registry.delivery
        GROUP BY feed
        ORDER BY feed
        """
    )
    through = completeness.watermarks(engine)
    return [(feed, through.get(feed), at, read, held) for feed, at, read, held in rows]


def _head(engine: Engine, delivery_id: int, head: DeliveryHead, matched: str | None) -> dict[str, Any]:
    """The head of the receipt. Records which days the delivery vouches for; `matched` has its good rows."""
    claim = claims.claim(engine, head, matched)
    completeness.record(
        engine,
        head.feed.id,
        claim.spans,
        delivery_id=delivery_id,
        at=head.received_at,
        stated=claim.stated,
    )
    return {
        "delivery_id": delivery_id,
        "feed": head.feed.id,
        "sha256": head.sha256,
        "file": head.name,
        "received_at": head.received_at,
        "complete_through": claim.through,
        "moved": claim.adds,
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
        "not_standing": outcome.not_standing,
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


def _taken(engine: Engine, feed: Feed, digest: str) -> DeliveryReceipt | None:
    found = engine.rows(
        f"""
        SELECT {", ".join(_STORED)}
        FROM registry.delivery
        WHERE feed = $feed AND sha256 = $digest
        ORDER BY complete_through DESC NULLS LAST, delivery_id
        """,
        {"feed": feed.id, "digest": digest},
    )
    return (
        DeliveryReceipt(**dict(zip(_STORED, found[0], strict=True)), already_taken_in=True) if found else None
    )


def _unread(file: Path, feed: Feed) -> tuple[str, ...]:
    with open_delivery(file, feed) as reading:
        return tuple(reading.unread)


def _completes_later_days(delivery: Delivery, taken: DeliveryReceipt) -> bool:
    through = delivery.complete_through
    return through is not None and (taken.complete_through is None or through > taken.complete_through)


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
            f"{delivery.file.name} was received at {delivery.received_at}, but {delivery.feed} already "
            "has a delivery "
            f"of {last}. Take in a feed's deliveries in the order in which they arrived."
        )
    return delivery
