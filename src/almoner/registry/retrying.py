"""Retry quarantined rows against the present contract; those that pass are a delivery of their own."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from almoner.engines.base import Engine
from almoner.intake import absent
from almoner.intake.faults import BadRow
from almoner.intake.row_actions import ACTION
from almoner.intake.slices import TEXT_ROWS, Slice, text_slice
from almoner.intake.validate import AS_IT_WAS
from almoner.policy.model.feeds import Feed
from almoner.registry import deliveries, releasing, schema, sealing
from almoner.registry.deliveries import DeliveryLog, DeliveryReceipt, Noted
from almoner.registry.quarantine import SEALED_FIELD, insert_faults
from almoner.registry.staging import Staging
from almoner.registry.vault import IdentityStore, Vault
from almoner.registry.withdrawing import MarkedRows, Withdrawing
from almoner.registry.writing import Work, clean_up


class _NothingPassed(Exception):  # noqa: N818 - ends the transaction, is no error
    pass


@dataclass
class _Again:
    """Collects rows that fail again; they stay in quarantine. Their `line` is the quarantine id."""

    rows: dict[int, BadRow] = field(default_factory=dict)

    def add(self, rows: Iterable[BadRow]) -> None:
        self.rows.update((row.line, row) for row in rows)


def retry(
    engine: Engine,
    vault: Vault,
    store: IdentityStore,
    pack_feeds: Mapping[str, Feed],
    received_at: dt.datetime,
    quarantine_ids: Sequence[int] | None = None,
    noting: Callable[[Feed], Noted] | None = None,
) -> list[DeliveryReceipt]:
    """Retry open rows, all or those given. Gives a receipt for each feed of which rows were taken in.

    A further retry changes nothing. The note that `noting` gives for a feed is called in the transaction of
    its rows.
    """
    schema.ensure(engine, pack_feeds)
    sealing.discard_orphans(engine, store)
    receipts = (
        _retry(engine, vault, store, feed, received_at, quarantine_ids, noting)
        for feed in pack_feeds.values()
    )
    return [receipt for receipt in receipts if receipt]


def _retry(
    engine: Engine,
    vault: Vault,
    store: IdentityStore,
    feed: Feed,
    received_at: dt.datetime,
    chosen: Sequence[int] | None,
    noting: Callable[[Feed], Noted] | None,
) -> DeliveryReceipt | None:
    rows = _open_rows(engine, vault, feed, chosen)
    if not rows:
        return None
    last = deliveries.last_received(engine, feed.id) or received_at
    try:
        with engine.transaction():
            return _write(
                engine, vault, store, feed, max(received_at, last), rows, noting(feed) if noting else None
            )
    except _NothingPassed:
        return None


def _write(
    engine: Engine,
    vault: Vault,
    store: IdentityStore,
    feed: Feed,
    received_at: dt.datetime,
    rows: dict[int, dict[str, Any]],
    note: Noted | None,
) -> DeliveryReceipt:
    log, again = DeliveryLog(engine), _Again()
    delivery_id = log.number()
    work = Work(
        engine=engine, vault=vault, store=store, feed=feed, received_at=received_at, delivery_id=delivery_id
    )
    withdrawing = Withdrawing(work=work, refused=again, marked=MarkedRows(again), from_quarantine=True)
    staged = Staging(
        engine=engine,
        vault=vault,
        feed=feed,
        received_at=received_at,
        refused=again,
        from_quarantine=True,
        contradicted=withdrawing.settle,
    ).run(withdrawing.others(_slices(feed, rows)))
    outcome = withdrawing.added_to(work.write(staged))
    passed = [id_ for id_ in rows if id_ not in again.rows]
    if not passed:
        raise _NothingPassed
    _mark(engine, passed, delivery_id, received_at)
    _replace_faults(engine, again)
    written, rules = (
        outcome.written,
        Counter(rule for row in again.rows.values() for _, _, rule in row.faults),
    )
    digest = hashlib.sha256(f"retry {feed.id} {passed}".encode()).hexdigest()
    receipt = DeliveryReceipt(
        delivery_id=delivery_id,
        feed=feed.id,
        sha256=digest,
        file=deliveries.RETRIED,
        received_at=received_at,
        complete_through=None,
        rows_read=outcome.staged.read,
        rows_new=written.new,
        rows_corrected=written.corrected,
        rows_unchanged=written.unchanged,
        rows_duplicate=outcome.staged.duplicates,
        rows_quarantined=len(again.rows),
        rows_withdrawn=outcome.withdrawn,
        withdrawals_without_row=outcome.withdrawals_without_row,
        faults=rules.total(),
        rules=dict(rules),
        new_persons=outcome.new_persons,
    )
    log.enter(receipt)
    log.write()
    releasing.reconsider(engine, feed, delivery_id, received_at)
    if note:
        note(outcome, receipt)
    clean_up(engine, feed)
    return receipt


def _open_rows(
    engine: Engine, vault: Vault, feed: Feed, chosen: Sequence[int] | None
) -> dict[int, dict[str, Any]]:
    """Open rows of a feed by quarantine id, unsealed.

    Rows that were never split into cells cannot be retried and are left out.
    """
    only = (
        ""
        if chosen is None
        else f" AND quarantine_id IN ({', '.join(str(int(i)) for i in chosen) or 'NULL'})"
    )
    sql = f"""
        SELECT quarantine_id, row_sealed
        FROM registry.quarantine
        WHERE feed = $feed AND state = 'open'{only}
        ORDER BY 1
        """
    opened = {
        id_: json.loads(vault.open(id_, SEALED_FIELD, sealed) or "{}")
        for id_, sealed in engine.rows(sql, {"feed": feed.id})
    }
    return {id_: cells for id_, cells in opened.items() if AS_IT_WAS not in cells}


def _slices(feed: Feed, rows: dict[int, dict[str, Any]]) -> Iterator[Slice]:
    names, ids = [p.name for p in feed.properties], list(rows)
    kept = [p.name for p in absent.kept(feed)]
    for start in range(0, len(ids), TEXT_ROWS):
        part = ids[start : start + TEXT_ROWS]
        columns = [[rows[id_].get(name) for id_ in part] for name in [*names, ACTION.name]]
        left_out: list[str | None] = [
            absent.text(name for name in kept if name not in rows[id_]) for id_ in part
        ]
        yield text_slice([*names, ACTION.name, absent.ABSENT], part, [*columns, left_out], [])


def _mark(engine: Engine, passed: list[int], delivery_id: int, at: dt.datetime) -> None:
    with engine.register("passed", pa.table({"quarantine_id": passed})):
        engine.execute(
            """
            UPDATE registry.quarantine
            SET state = 'retried', retried_delivery_id = $delivery_id, changed_at = $at
            WHERE quarantine_id IN (SELECT quarantine_id FROM passed)
            """,
            {"delivery_id": delivery_id, "at": at},
        )


def _replace_faults(engine: Engine, again: _Again) -> None:
    with engine.register("failed", pa.table({"quarantine_id": pa.array(list(again.rows), pa.int64())})):
        engine.execute("DELETE FROM registry.fault WHERE quarantine_id IN (SELECT quarantine_id FROM failed)")
    insert_faults(engine, ((id_, row.faults) for id_, row in again.rows.items()))
