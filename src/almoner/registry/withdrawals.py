"""What whole lists would take back and a person has to look at first (`registry.withdrawal`).

A later list of the same period or part takes the place of what waits.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from almoner.engines.base import Engine
from almoner.errors import AlmonerError
from almoner.policy.model.feeds import Feed
from almoner.registry import closing
from almoner.registry.schema import fact_table

WAITING, RELEASED, KEPT = "waiting", "released", "kept"


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Rows of one list that wait: `rows` would be taken back of the `scope`, a period or a part."""

    delivery_id: int
    feed: str
    file: str
    scope: str
    rows: int
    received_at: dt.datetime

    @property
    def sentence(self) -> str:
        """What waits, in English."""
        where = f" of {self.scope}" if self.scope else ""
        return f"{self.file} does not name {self.rows:,} rows{where} that hold"


def wait(engine: Engine, feed: Feed, rows: str, delivery_id: int, at: dt.datetime) -> None:
    """Record facts that a list does not name. `rows` selects their `scope` and `key`."""
    engine.execute(
        f"""
        INSERT INTO registry.withdrawal (delivery_id, feed, scope, key, state, changed_at)
        SELECT $delivery_id, $feed, scope, key, '{WAITING}', $at
        FROM ({rows})
        """,
        {"delivery_id": delivery_id, "feed": feed.id, "at": at},
    )


def forget(engine: Engine, feed: Feed, scopes: Sequence[str]) -> None:
    """Forget what waits of earlier lists of the same periods or parts."""
    if not scopes:
        return
    table = pa.table({"scope": pa.array(scopes, pa.string())})
    with engine.register("scopes_listed", table):
        engine.execute(
            f"""
            DELETE FROM registry.withdrawal
            WHERE feed = $feed AND state = '{WAITING}' AND scope IN (SELECT scope FROM scopes_listed)
            """,
            {"feed": feed.id},
        )


def waiting(engine: Engine) -> list[Waiting]:
    """What waits, in order of deliveries."""
    rows = engine.rows(
        f"""
        SELECT w.delivery_id, w.feed, any_value(d.file), w.scope, count(*), any_value(d.received_at)
        FROM registry.withdrawal w
        JOIN registry.delivery d USING (delivery_id)
        WHERE w.state = '{WAITING}'
        GROUP BY w.delivery_id, w.feed, w.scope
        ORDER BY ALL
        """
    )
    return [
        Waiting(delivery_id=id_, feed=feed, file=file, scope=scope, rows=count, received_at=at)
        for id_, feed, file, scope, count, at in rows
    ]


Noted = Callable[[Feed, str], None]  # a feed, and a table of facts that were closed, with rowids as `old`


def release(
    engine: Engine, feeds: Mapping[str, Feed], delivery_id: int, at: dt.datetime, note: Noted | None = None
) -> int:
    """Take back what waits of a delivery. Gives how many rows were taken back; those that a later delivery
    replaced stay. `note` is called in the transaction. Raises AlmonerError when nothing waits."""
    feed = _feed(engine, feeds, delivery_id)
    with engine.transaction():
        closed = closing.close_rows(
            engine,
            feed,
            f"""
            SELECT f.rowid AS old
            FROM {fact_table(feed)} f
            WHERE f.known_to = 'infinity'
              AND f.delivery_id <= {int(delivery_id)}
              AND {closing.key_text(feed, "f")} IN (
                SELECT key
                FROM registry.withdrawal
                WHERE delivery_id = {int(delivery_id)} AND state = '{WAITING}'
              )
            """,
            at,
        )
        count = int(engine.value(f"SELECT count(*) FROM {closed}"))
        if note:
            note(feed, closed)
        _mark(engine, delivery_id, RELEASED, at)
        engine.drop(closed.strip('"'))
    return count


def keep(engine: Engine, feeds: Mapping[str, Feed], delivery_id: int, at: dt.datetime) -> int:
    """Let the rows hold that a delivery does not name. Gives how many. Raises AlmonerError for none."""
    _feed(engine, feeds, delivery_id)
    with engine.transaction():
        return _mark(engine, delivery_id, KEPT, at)


def _feed(engine: Engine, feeds: Mapping[str, Feed], delivery_id: int) -> Feed:
    named = engine.value(
        f"SELECT any_value(feed) FROM registry.withdrawal WHERE delivery_id = $id AND state = '{WAITING}'",
        {"id": delivery_id},
    )
    if named not in feeds:
        raise AlmonerError(f"Nothing of delivery {delivery_id} waits. See what waits without a delivery.")
    return feeds[named]


def _mark(engine: Engine, delivery_id: int, state: str, at: dt.datetime) -> int:
    chosen = f"delivery_id = {int(delivery_id)} AND state = '{WAITING}'"
    count = int(engine.value(f"SELECT count(*) FROM registry.withdrawal WHERE {chosen}"))
    engine.execute(
        f"UPDATE registry.withdrawal SET state = $state, changed_at = $at WHERE {chosen}",
        {"state": state, "at": at},
    )
    return count
