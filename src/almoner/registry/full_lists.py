"""Take back what a whole list no longer names: the rows of its periods, or all, that are not in it.

Rows in quarantine count as named where their key can be read. A list that would take back more than its
contract allows, or of which keys cannot be read, is taken in, and what it would take back waits for a person
(`almoner.registry.withdrawals`).
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from almoner.engines.base import Engine, quote
from almoner.intake.faults import BadRow
from almoner.intake.slices import text_slice
from almoner.intake.validate import name_of
from almoner.policy.model.feeds import Feed, FullList
from almoner.registry import closing, periods, wholeness, withdrawals
from almoner.registry.facts import keys_only
from almoner.registry.heads import DeliveryHead
from almoner.registry.schema import fact_columns, fact_table
from almoner.registry.staging import RefusedRows, Staging
from almoner.registry.writing import Work, WritingOutcome

GONE, NAMED = "gone", "named_by_bad"  # tables of a delivery (`name_of`)


@dataclass
class Naming:
    """Hands refused rows on, and keeps their keys. `unreadable` counts rows without a whole key."""

    feed: Feed
    refused: RefusedRows
    keys: list[tuple[str, ...]] = field(default_factory=list)
    unreadable: int = 0

    def add(self, rows: Iterable[BadRow]) -> None:
        self.refused.add(self._seen(row) for row in rows)

    def _seen(self, row: BadRow) -> BadRow:
        cells = json.loads(row.raw)
        key = [cells.get(p.name) for p in self.feed.key]
        if all(key):
            self.keys.append(tuple(map(str, key)))
        else:
            self.unreadable += 1
        return row


@dataclass
class _Counted:
    """Takes rows that are refused once more, and counts them."""

    rows: int = 0

    def add(self, rows: Iterable[BadRow]) -> None:
        self.rows += sum(1 for _ in rows)


@dataclass(frozen=True)
class _Scope:
    """A period or a part that a list is about, or all: how many rows are open in it, and how many of them the
    list does not name."""

    scope: str
    rows: int
    gone: int

    def fits(self, terms: FullList) -> bool:
        """Whether the list may take back so much by itself."""
        few = self.gone <= terms.most_rows and 2 * self.gone <= self.rows
        return few or self.gone <= terms.most_share * self.rows


def take_back(work: Work, head: DeliveryHead, outcome: WritingOutcome, naming: Naming) -> WritingOutcome:
    """Close the facts that the list does not name, once its rows are written; record those that wait."""
    engine, feed, terms = work.engine, head.feed, head.feed.full_list
    if terms is None:
        return outcome
    unreadable = naming.unreadable + _stage_keys(work, naming.keys)
    scopes = _find_gone(engine, feed, terms, head)
    withdrawals.forget(engine, feed, [s.scope for s in scopes])
    gone = [s for s in scopes if s.gone]
    doubtful = unreadable or wholeness.is_miscounted(head, outcome.staged.read)
    fitting = [s for s in gone if not doubtful and s.fits(terms)]
    waiting = [s for s in gone if s not in fitting]
    table = quote(name_of(GONE, feed))
    if waiting:
        with engine.register(name_of("scopes_waiting", feed), _named(waiting)):
            chosen = f"SELECT * FROM {table} SEMI JOIN {quote(name_of('scopes_waiting', feed))} USING (scope)"
            withdrawals.wait(engine, feed, chosen, work.delivery_id, head.received_at)
    if not fitting:
        return replace(outcome, waiting=sum(s.gone for s in waiting))
    with engine.register(name_of("scopes_fitting", feed), _named(fitting)):
        closed = closing.close_rows(
            engine,
            feed,
            f"""
            SELECT old FROM {table} SEMI JOIN {quote(name_of("scopes_fitting", feed))} USING (scope)
            {f"UNION ALL SELECT old FROM {outcome.closed}" if outcome.closed else ""}
            """,
            head.received_at,
        )
    return replace(
        outcome,
        closed=closed,
        withdrawn=outcome.withdrawn + sum(s.gone for s in fitting),
        waiting=sum(s.gone for s in waiting),
    )


def _named(scopes: Sequence[_Scope]) -> pa.Table:
    return pa.table({"scope": pa.array([s.scope for s in scopes], pa.string())})


def _stage_keys(work: Work, keys: Sequence[tuple[str, ...]]) -> int:
    """Fill the table of keys that refused rows name. Gives how many of them cannot be read."""
    feed = keys_only(work.feed)
    names = [p.name for p in feed.properties]
    columns: list[list[str | None]] = [[key[n] for key in keys] for n in range(len(names))]
    again = _Counted()
    Staging(
        engine=work.engine,
        vault=work.vault,
        feed=feed,
        received_at=work.received_at,
        refused=again,
        ordered=True,
    ).run([text_slice(names, list(range(len(keys))), columns, [])])
    work.engine.materialize(name_of(NAMED, work.feed), f"FROM {quote(name_of('identified', feed))}")
    return again.rows


def _find_gone(engine: Engine, feed: Feed, terms: FullList, head: DeliveryHead) -> list[_Scope]:
    """Fill the table of open facts that the list is about and does not name: `old`, `scope`, `key`."""
    key = [p.fact_column for p in feed.key if p.fact_column]
    kinds = fact_columns(feed)
    same = " AND ".join(f"n.{quote(c)}::{kinds[c]} IS NOT DISTINCT FROM f.{quote(c)}" for c in key)
    columns = ", ".join(quote(c) for c in key)
    identified = quote(name_of("identified", feed))
    about = _about(feed, terms, identified, head)
    engine.materialize(
        name_of(GONE, feed),
        f"""
        WITH named AS (
          SELECT {columns} FROM {identified} UNION ALL SELECT {columns} FROM {quote(name_of(NAMED, feed))}
        ),
        holding AS (
          SELECT rowid AS old, {_scope(feed, terms, "o")} AS scope, {columns}
          FROM {fact_table(feed)} o
          WHERE known_to = 'infinity'
        )
        SELECT f.old, f.scope, {closing.key_text(feed, "f")} AS key, n.found IS NULL AS gone
        FROM (SELECT * FROM holding WHERE scope IN ({about})) f
        LEFT JOIN (SELECT DISTINCT *, true AS found FROM named) n ON {same}
        """,
    )
    rows = engine.rows(
        f"""
        SELECT scope, count(*), count(*) FILTER (gone)
        FROM {quote(name_of(GONE, feed))}
        GROUP BY scope
        ORDER BY scope
        """
    )
    engine.delete_rows(name_of(GONE, feed), "NOT gone")
    return [_Scope(*row) for row in rows]


def _scope(feed: Feed, terms: FullList, rows: str) -> str:
    """SQL of the period and the parts of `rows`, as one text."""
    parts = []
    if terms.by_period and feed.event_time:
        parts.append(f"{periods.truncated(feed.cadence, f'{rows}.{quote(feed.event_time.name)}')}::VARCHAR")
    parts += [f"coalesce({rows}.{quote(c)}::VARCHAR, '')" for c in terms.by]
    return f"concat_ws(' ', {', '.join(parts)})" if parts else "''"


def _about(feed: Feed, terms: FullList, identified: str, head: DeliveryHead) -> str:
    """SQL of the scopes that a list is about: those of its rows, or of its stated days when it is empty."""
    if not terms.by_period and not terms.by:
        return "''"
    listed = f"SELECT DISTINCT {_scope(feed, terms, 'i')} FROM {identified} i"
    through: dt.date | None = head.complete_through
    if through is None or terms.by:
        return listed
    first: Any = periods.start(feed.cadence, through)
    return f"{listed} UNION ALL SELECT '{first}' WHERE NOT EXISTS (FROM {identified})"
