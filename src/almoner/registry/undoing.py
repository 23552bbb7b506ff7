"""Take the last delivery of a feed back: what it brought goes, what it replaced holds again.

Nothing is deleted: facts of the delivery are closed, and those that it closed are written again, so that what
was known in between stays readable. Names, telephones and addresses in the vault stay as they came last.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from almoner.engines.base import Engine, quote
from almoner.errors import AlmonerError
from almoner.policy.model.feeds import Feed
from almoner.registry import dirty, household_numbers, lookalikes, releasing, trail, vouching
from almoner.registry.schema import fact_columns, fact_table
from almoner.registry.trail import TrailStep

EVENTS = "events"  # in place of a file's name


@dataclass(frozen=True)
class Undone:
    """What was taken back: facts that were closed, and facts that hold again."""

    delivery_id: int
    file: str
    received_at: dt.datetime
    closed: int
    reopened: int


def undo(engine: Engine, feed: Feed, *, who: str, reason: str, at: dt.datetime) -> Undone:
    """Undo the feed's last delivery, from `at` on. Raises AlmonerError when there is none that can be undone,
    or without a reason."""
    if not reason.strip():
        raise AlmonerError("Give a reason: somebody will ask.")
    last = engine.rows(
        f"""
        SELECT delivery_id, file, received_at
        FROM registry.delivery
        WHERE feed = $feed AND {trail.NOT_UNDONE}
        ORDER BY delivery_id DESC
        LIMIT 1
        """,
        {"feed": feed.id},
    )
    if not last:
        raise AlmonerError(f"{feed.id} has no delivery to undo.")
    delivery_id, file, received_at = last[0]
    if file == EVENTS:
        raise AlmonerError(
            f"The last delivery of {feed.id} came as events. Withdraw the events, one by one, in place of it."
        )
    with engine.transaction():
        closed = _close(engine, feed, delivery_id, at)
        household_numbers.undo_numbers(engine, delivery_id)
        lookalikes.undo(engine, delivery_id, at)
        for table in ("reversal", "withdrawal"):
            engine.execute(f"DELETE FROM registry.{table} WHERE delivery_id = $id", {"id": delivery_id})
        reopened = _reopen(engine, feed, delivery_id, received_at, at)
        releasing.close_periods(engine, "delivery_id = $id AND feed = $feed", _about(feed, delivery_id), at)
        vouching.close(engine, delivery_id, vouching.SETTLED, at)
        engine.execute(
            """
            UPDATE registry.quarantine
            SET state = 'dismissed', reason = $reason, changed_at = $at
            WHERE delivery_id = $id AND state = 'open'
            """,
            {"reason": reason.strip(), "at": at, "id": delivery_id},
        )
        engine.execute(
            """
            UPDATE registry.quarantine
            SET state = 'open', retried_delivery_id = NULL, changed_at = $at
            WHERE retried_delivery_id = $id
            """,
            {"at": at, "id": delivery_id},
        )
        step = TrailStep(
            done_at=at, who=who, act="undo", feed=feed.id, delivery_id=delivery_id, reason=reason.strip()
        )
        trail.add(engine, step)
        dirty.note_moved(engine, feed.id)
        dirty.mark_all(engine)
    return Undone(delivery_id, file, received_at, closed, reopened)


def _about(feed: Feed, delivery_id: int) -> dict[str, object]:
    return {"id": delivery_id, "feed": feed.id}


def _close(engine: Engine, feed: Feed, delivery_id: int, at: dt.datetime) -> int:
    """Close the delivery's facts. One with a time of receipt ahead was never known."""
    mine = "delivery_id = $id AND known_to = 'infinity'::TIMESTAMP"
    count = int(engine.value(f"SELECT count(*) FROM {fact_table(feed)} WHERE {mine}", {"id": delivery_id}))
    engine.execute(
        f"UPDATE {fact_table(feed)} SET known_to = greatest(known_from, $at) WHERE {mine}",
        {"id": delivery_id, "at": at},
    )
    return count


def _reopen(engine: Engine, feed: Feed, delivery_id: int, received_at: dt.datetime, at: dt.datetime) -> int:
    """Write the facts again that the delivery closed, but for keys that hold already."""
    table, columns = fact_table(feed), fact_columns(feed)
    key = [p.fact_column for p in feed.key if p.fact_column] or list(columns)
    same = " AND ".join(f"o.{quote(c)} IS NOT DISTINCT FROM f.{quote(c)}" for c in key)
    closed = f"""
        SELECT f.rowid AS old, row_number() OVER (
          PARTITION BY {", ".join(f"f.{quote(c)}" for c in key)} ORDER BY f.delivery_id DESC
        ) AS latest
        FROM {table} f
        WHERE f.known_to = $received AND f.delivery_id < $id AND f.known_from < f.known_to
          AND NOT EXISTS (SELECT 1 FROM {table} o WHERE o.known_to = 'infinity'::TIMESTAMP AND {same})
        """
    names = ", ".join(quote(c) for c in columns)
    values = {"received": received_at, "id": delivery_id}
    engine.materialize("facts_to_reopen", f"SELECT old FROM ({closed}) WHERE latest = 1", values)
    count = int(engine.value("SELECT count(*) FROM facts_to_reopen"))
    if received_at > at:  # what lies ahead was never known: the rows simply hold on
        engine.execute(
            f"UPDATE {table} SET known_to = 'infinity' WHERE rowid IN (SELECT old FROM facts_to_reopen)"
        )
    else:
        engine.execute(
            f"""
            INSERT INTO {table} ({names}, known_from, known_to, delivery_id)
            SELECT {names}, $at::TIMESTAMP, 'infinity'::TIMESTAMP, delivery_id
            FROM {table}
            WHERE rowid IN (SELECT old FROM facts_to_reopen)
            """,
            {"at": at},
        )
    engine.drop("facts_to_reopen")
    return count
