"""Takes in one delivery: all of it in one transaction, or nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from almoner.engines.base import Engine
from almoner.errors import DeliveryRefused
from almoner.intake.readers import open_delivery
from almoner.intake.source import fingerprint
from almoner.policy.model import Feed
from almoner.progress import Advance
from almoner.registry import schema, sealing
from almoner.registry.quarantine import Sink
from almoner.registry.vault import IdentityStore, Vault
from almoner.registry.writing import Outcome, Work


@dataclass(frozen=True)
class Delivery:
    """A file of a feed. `complete_through`: the last day the department vouches for; None: as far as
    the rows go."""

    file: Path
    feed: str
    received_at: dt.datetime
    complete_through: dt.date | None = None


@dataclass(frozen=True)
class Receipt:
    """What became of a delivery. rows_read is the sum of new, corrected, unchanged, duplicate and
    quarantined rows."""

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
    rules: Mapping[str, int] = field(default_factory=dict)  # faults by rule
    unknown_columns: tuple[str, ...] = ()  # in the file but not agreed on: not read, not kept
    new_persons: int = 0
    already_taken_in: bool = False


_STORED = tuple(list(Receipt.__dataclass_fields__)[:13])
_COUNTS = _STORED[6:]


def take_in(
    engine: Engine,
    vault: Vault,
    store: IdentityStore,
    pack_feeds: Mapping[str, Feed],
    delivery: Delivery,
    advance: Advance | None = None,
) -> Receipt:
    """Read, validate, identify and write one delivery. The same file for the same feed again changes
    nothing, except that it may vouch for later days (empty files of two months are the same file).

    Raises DeliveryRefused when the file as a whole cannot be taken in; then nothing has changed.
    """
    feed = _feed(pack_feeds, delivery)
    digest = fingerprint(delivery.file)
    schema.ensure(engine, pack_feeds)
    taken = _taken(engine, feed, digest)
    if taken and not _vouches_for_more(delivery, taken):
        return taken
    _refuse_out_of_order(engine, delivery)
    if taken:
        return _vouch(engine, feed, digest, delivery)
    sealing.heal(engine, store)
    with engine.transaction():
        return _take_in(engine, vault, store, feed, delivery, digest, advance)


def next_id(engine: Engine) -> int:
    return int(engine.value("SELECT coalesce(max(delivery_id), 0) + 1 FROM registry.delivery"))


def enter(engine: Engine, receipt: Receipt) -> None:
    """Write a delivery's row."""
    row = {name: value for name, value in asdict(receipt).items() if name in _STORED}
    engine.execute(
        f"INSERT INTO registry.delivery ({', '.join(_STORED)}) VALUES "
        f"({', '.join(f'${name}' for name in _STORED)})",
        row,
    )


def _take_in(
    engine: Engine,
    vault: Vault,
    store: IdentityStore,
    feed: Feed,
    delivery: Delivery,
    digest: str,
    advance: Advance | None,
) -> Receipt:
    delivery_id = next_id(engine)
    sink = Sink(engine, vault, feed.id, delivery.file.name, delivery_id, delivery.received_at)
    work = Work(engine, vault, store, feed, delivery.received_at, delivery_id, sink)
    with ExitStack() as stack:
        reading = stack.enter_context(open_delivery(delivery.file, feed, advance or (lambda _: None)))
        outcome = work.run(reading.slices)
        sink.flush()
    receipt = Receipt(
        **_head(delivery_id, feed, digest, delivery, outcome.last_event),
        **_counts(outcome, sink),
        unknown_columns=tuple(reading.unknown_columns),
        new_persons=outcome.new_persons,
    )
    enter(engine, receipt)
    work.clean_up()
    return receipt


def _head(
    delivery_id: int, feed: Feed, digest: str, delivery: Delivery, last_event: dt.date | None
) -> dict[str, Any]:
    return {
        "delivery_id": delivery_id,
        "feed": feed.id,
        "sha256": digest,
        "file": delivery.file.name,
        "received_at": delivery.received_at,
        "complete_through": delivery.complete_through or last_event,
    }


def _counts(outcome: Outcome, sink: Sink) -> dict[str, Any]:
    return {
        "rows_read": outcome.read,
        "rows_new": outcome.written.new,
        "rows_corrected": outcome.written.corrected,
        "rows_unchanged": outcome.written.unchanged,
        "rows_duplicate": outcome.duplicates,
        "rows_quarantined": sink.rows,
        "faults": sink.rules.total(),
        "rules": dict(sink.rules),
    }


def _feed(pack_feeds: Mapping[str, Feed], delivery: Delivery) -> Feed:
    feed = pack_feeds.get(delivery.feed)
    if feed is None:
        known = ", ".join(sorted(pack_feeds))
        raise DeliveryRefused(
            f"The pack has no feed {delivery.feed!r}. Choose one of: {known}; or add its contract to "
            f"the pack."
        )
    if feed.sharing_class == "not-shared":
        raise DeliveryRefused(
            f"The contract of {feed.id} says that it is not shared. Change the agreement first."
        )
    return feed


def _taken(engine: Engine, feed: Feed, digest: str) -> Receipt | None:
    found = engine.rows(
        f"SELECT {', '.join(_STORED)} FROM registry.delivery WHERE feed = $feed AND sha256 = $digest "
        f"ORDER BY complete_through DESC NULLS LAST, delivery_id",
        {"feed": feed.id, "digest": digest},
    )
    return Receipt(**dict(zip(_STORED, found[0], strict=True)), already_taken_in=True) if found else None


def _vouches_for_more(delivery: Delivery, taken: Receipt) -> bool:
    through = delivery.complete_through
    return through is not None and (taken.complete_through is None or through > taken.complete_through)


def _vouch(engine: Engine, feed: Feed, digest: str, delivery: Delivery) -> Receipt:
    """Enter a delivery that brings no new row, only a later watermark."""
    counts: dict[str, Any] = dict.fromkeys(_COUNTS, 0)
    with engine.transaction():
        head = _head(next_id(engine), feed, digest, delivery, None)
        receipt = Receipt(**head, **counts)
        enter(engine, receipt)
    return receipt


def _refuse_out_of_order(engine: Engine, delivery: Delivery) -> None:
    last = engine.value(
        "SELECT max(received_at) FROM registry.delivery WHERE feed = $feed", {"feed": delivery.feed}
    )
    if last is not None and delivery.received_at < last:
        raise DeliveryRefused(
            f"{delivery.file.name} was received at {delivery.received_at}, but {delivery.feed} already "
            f"has a delivery "
            f"of {last}. Take in a feed's deliveries in the order in which they arrived."
        )
