"""Take back what reversals of a delivery reverse, before its rows are compared with what is known.

The table `registry.reversal` remembers what each of them did, so that one that comes again does nothing.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa

from almoner.engines.base import Engine, quote
from almoner.intake.absent import ABSENT
from almoner.intake.slices import LINE
from almoner.intake.validate import name_of
from almoner.policy.model.feeds import Feed
from almoner.registry import closing, facts
from almoner.registry.reversals import Amounts, Decision, Fate, Flow, Remembered, decide
from almoner.registry.schema import fact_columns, fact_table

Refuse = Callable[[str], None]  # takes a SELECT of `_line` and `rule` of rows that are held back


@dataclass(frozen=True)
class Reversed:
    """What the reversals of a delivery do.

    `applied` counts those that take something back and are no rows of the facts, `known` those that came
    before, and `duplicates` those that the delivery has several times.
    """

    decisions: tuple[Decision, ...] = ()
    applied: int = 0
    known: int = 0
    duplicates: int = 0


def take_back(engine: Engine, feed: Feed, refuse: Refuse, *, ordered: bool) -> Reversed:
    """Decide about the reversals among the identified rows, which the table `identified` has.

    Rows of the delivery and facts are their originals. Reduced originals are in `identified` with what is
    left; reversals that are no rows of their own leave it. `ordered`: the last of a key counts.
    """
    if not feed.reversible:
        return Reversed()
    table = quote(name_of("identified", feed))
    negative = " OR ".join(f"p.{quote(a.name)} < 0" for a in feed.reversible)
    if not engine.rows(f"SELECT 1 FROM {table} p WHERE {negative} LIMIT 1"):
        return Reversed()
    found = _reversals(engine, feed, negative)
    flows, doubled, conflicting = _once(found, ordered)
    decisions = (
        decide(flows, _originals(engine, feed, flows), _remembered(engine, feed, flows)) if flows else []
    )
    held = {d.reversal.line: str(d.fate) for d in decisions if d.fate.held_back}
    held |= dict.fromkeys(conflicting, "conflicting_key")
    _hold_back(engine, feed, held, refuse)
    carrying = _reduce(engine, feed, decisions)
    gone = [d for d in decisions if d.fate in _WITHOUT_ROW and d.reversal.line not in carrying]
    _drop(engine, feed, [*doubled, *(d.reversal.line for d in gone)])
    known = sum(d.fate is Fate.KNOWN for d in gone)
    return Reversed(tuple(decisions), len(gone) - known, known, len(doubled))


def apply(
    engine: Engine, feed: Feed, taken: Reversed, received_at: dt.datetime, delivery_id: int
) -> Sequence[int]:
    """Remember the reversals. Gives the rowids of the facts that they close; `closing` closes them.

    Call it once the rows of the delivery are written.
    """
    done = [d for d in taken.decisions if d.original is not None]
    if not done:
        return ()
    rows = [
        (
            feed.id,
            delivery_id,
            d.reversal.key,
            _stored(d.reversal.amounts),
            d.original.key,
            _stored(d.original.amounts),
            None if d.after is None else _stored(d.after),
            received_at,
        )
        for d in done
        if d.original is not None
    ]
    columns = [pa.array(list(c), kind) for c, kind in zip(zip(*rows, strict=True), _KINDS, strict=True)]
    done_with = name_of("reversals_done", feed)
    with engine.register(done_with, pa.table(columns, names=list(_NAMES))):
        engine.execute(
            f"""
            DELETE FROM registry.reversal
            WHERE (feed, reversal) IN (SELECT (feed, reversal) FROM {quote(done_with)})
            """
        )
        listed = ", ".join(_NAMES)
        engine.execute(f"INSERT INTO registry.reversal ({listed}) SELECT {listed} FROM {quote(done_with)}")
    closed = [d.original for d in done if d.fate is Fate.CLOSES and d.original is not None]
    if not closed:
        return ()
    subject = _group(feed)[0]
    named = quote(name_of("originals_closed", feed))
    with engine.register(name_of("originals_closed", feed), _keyed([(o.group[0], o.key) for o in closed])):
        found = engine.rows(
            f"""
            SELECT f.rowid
            FROM {fact_table(feed)} f
            WHERE f.known_to = 'infinity'
              AND f.{quote(subject)} IN (SELECT subject FROM {named})
              AND {closing.key_text(feed, "f")} IN (SELECT key FROM {named})
            """
        )
    return [row for (row,) in found]


_WITHOUT_ROW = (Fate.CLOSES, Fate.KNOWN, Fate.REDUCES)
_NAMES = ("feed", "delivery_id", "reversal", "amounts", "original", "before", "after", "known_from")
_KINDS = (
    pa.string(),
    pa.int32(),
    pa.string(),
    pa.string(),
    pa.string(),
    pa.string(),
    pa.string(),
    pa.timestamp("us"),
)


def _keyed(rows: Sequence[tuple[Any, str]]) -> pa.Table:
    return pa.table(
        {
            "subject": pa.array([s for s, _ in rows], pa.int64()),
            "key": pa.array([k for _, k in rows], pa.string()),
        }
    )


def _group(feed: Feed) -> list[str]:
    """The columns in which a reversal and its original agree: whom it concerns, and those of the contract."""
    columns = fact_columns(feed)
    subject = "person_id" if "person_id" in columns else "household_id"
    named = [p.fact_column for name in feed.reversal_of if (p := feed.property_named(name)) is not None]
    return [subject, *(c for c in named if c and c != subject)]


def _flow_columns(feed: Feed, rows: str) -> str:
    time = f"{rows}.{quote(feed.event_time.name)}" if feed.event_time else "NULL"
    names = [*_group(feed), *(a.name for a in feed.reversible)]
    listed = ", ".join(f"{rows}.{quote(c)} AS {quote('c ' + c)}" for c in names)
    return f"{closing.key_text(feed, rows)} AS key, {time} AS time, {listed}"


def _flow(feed: Feed, row: tuple[Any, ...]) -> Flow:
    line, key, time, *rest = row
    groups = len(_group(feed))
    return Flow(key=key, group=tuple(rest[:groups]), amounts=tuple(rest[groups:]), time=time, line=line)


def _reversals(engine: Engine, feed: Feed, negative: str) -> list[Flow]:
    """Rows with negative amounts, but for those with the key of a fact that is negative itself."""
    table, subject = quote(name_of("identified", feed)), quote(_group(feed)[0])
    negative_fact = negative.replace("p.", "f.")
    engine.materialize(
        name_of("negative", feed),
        f"""
        SELECT p.{LINE}, {_flow_columns(feed, "p")}
        FROM {table} p
        WHERE ({negative})
          AND {closing.key_text(feed, "p")} NOT IN (
            SELECT {closing.key_text(feed, "f")}
            FROM {fact_table(feed)} f
            WHERE f.known_to = 'infinity'
              AND f.{subject} IN (SELECT p.{subject} FROM {table} p WHERE {negative})
              AND ({negative_fact})
          )
        """,
    )
    rows = engine.rows(f"SELECT * FROM {quote(name_of('negative', feed))} ORDER BY {LINE}")
    return [_flow(feed, row) for row in rows]


def _once(found: Sequence[Flow], ordered: bool) -> tuple[list[Flow], list[int | None], list[int | None]]:
    """One reversal a key, and the lines of those that repeat it and of those that contradict each other."""
    by_key: dict[str, list[Flow]] = {}
    for flow in found:
        by_key.setdefault(flow.key, []).append(flow)
    flows, doubled, conflicting = [], [], []
    for several in by_key.values():
        kept = several[-1] if ordered else several[0]
        if ordered or all(
            (f.group, f.amounts, f.time) == (kept.group, kept.amounts, kept.time) for f in several
        ):
            flows.append(kept)
            doubled += [f.line for f in several if f is not kept]
        else:
            conflicting += [f.line for f in several]
    return flows, doubled, conflicting


def _originals(engine: Engine, feed: Feed, reversals: Sequence[Flow]) -> list[Flow]:
    """The other rows of the delivery, and open facts whose keys they do not have, of the same subjects."""
    table, subject = quote(name_of("identified", feed)), quote(_group(feed)[0])
    subjects = pa.table({"subject": pa.array(sorted({f.group[0] for f in reversals}), pa.int64())})
    with engine.register(name_of("subjects_reversing", feed), subjects):
        rows = engine.rows(
            f"""
            WITH coming AS (
              SELECT p.{LINE}, {_flow_columns(feed, "p")}
              FROM {table} p
              WHERE p.{subject} IN (SELECT subject FROM {quote(name_of("subjects_reversing", feed))})
                AND p.{LINE} NOT IN (SELECT {LINE} FROM {quote(name_of("negative", feed))})
            )
            FROM coming
            UNION ALL
            SELECT NULL::BIGINT, {_flow_columns(feed, "f")}
            FROM {fact_table(feed)} f
            WHERE f.known_to = 'infinity'
              AND f.{subject} IN (SELECT subject FROM {quote(name_of("subjects_reversing", feed))})
              AND {closing.key_text(feed, "f")} NOT IN (SELECT key FROM coming)
            """
        )
    return [_flow(feed, row) for row in rows]


def _remembered(engine: Engine, feed: Feed, reversals: Sequence[Flow]) -> dict[str, Remembered]:
    coming = name_of("reversals_coming", feed)
    with engine.register(coming, pa.table({"key": [f.key for f in reversals]})):
        rows = engine.rows(
            f"""
            SELECT r.reversal, r.amounts, r.original, r.before, l.after
            FROM registry.reversal r
            JOIN (
              SELECT original, last(after ORDER BY rowid) AS after
              FROM registry.reversal
              WHERE feed = $feed
              GROUP BY original
            ) l USING (original)
            WHERE r.feed = $feed AND r.reversal IN (SELECT key FROM {quote(coming)})
            """,
            {"feed": feed.id},
        )
    return {
        reversal: Remembered(
            amounts=_read(amounts),
            original=original,
            before=_read(before),
            after=None if after is None else _read(after),
        )
        for reversal, amounts, original, before, after in rows
    }


def _hold_back(engine: Engine, feed: Feed, held: Mapping[int | None, str], refuse: Refuse) -> None:
    if not held:
        return
    table = pa.table({LINE: pa.array(list(held), pa.int64()), "rule": list(held.values())})
    with engine.register(name_of("reversals_held_back", feed), table):
        refuse(f"SELECT {LINE}, rule FROM {quote(name_of('reversals_held_back', feed))}")
        facts.drop_lines(engine, feed, f"SELECT {LINE} FROM {quote(name_of('reversals_held_back', feed))}")


def _reduce(engine: Engine, feed: Feed, decisions: Sequence[Decision]) -> set[int | None]:
    """Put what is left of reduced originals into `identified`: in place of the original's row, or of the
    reversal's where the original is a fact. Gives the lines of such reversals."""
    last = {d.original.key: d for d in decisions if d.original and d.after is not None}
    if not last:
        return set()
    names, identified = [a.name for a in feed.reversible], quote(name_of("identified", feed))
    kinds = fact_columns(feed)
    lines = [
        d.original.line if d.original and d.original.line is not None else d.reversal.line
        for d in last.values()
    ]
    data: dict[str, Any] = {
        LINE: pa.array(lines, pa.int64()),
        "original": list(last),
        "fact": [d.original is not None and d.original.line is None for d in last.values()],
    }
    for place in range(len(names)):
        data[f"a{place}"] = pa.array([_text((d.after or ())[place]) for d in last.values()], pa.string())
    left = {name: f"TRY_CAST(r.a{place} AS {kinds[name]})" for place, name in enumerate(names)}
    values = ", ".join(
        f"CASE WHEN r.{LINE} IS NULL THEN p.{quote(c)} "
        f"{'' if c in left else f'WHEN r.fact THEN f.{quote(c)} '}"
        f"ELSE {left.get(c, f'p.{quote(c)}')} END AS {quote(c)}"
        for c in kinds
    )
    with engine.register(name_of("originals_reduced", feed), pa.table(data)):
        columns = engine.table(f"FROM {identified} LIMIT 0").column_names
        more = f", p.{ABSENT}" if ABSENT in columns else ""
        subject = quote(_group(feed)[0])
        engine.materialize(
            name_of("identified", feed),
            f"""
            SELECT p.{LINE}, {values}{more}
            FROM {identified} p
            LEFT JOIN {quote(name_of("originals_reduced", feed))} r USING ({LINE})
            LEFT JOIN (
              SELECT *, {closing.key_text(feed, "f")} AS original
              FROM {fact_table(feed)} f
              WHERE f.known_to = 'infinity' AND f.{subject} IN (SELECT {subject} FROM {identified})
            ) f ON r.fact AND f.original = r.original
            """,
        )
    return {d.reversal.line for d in last.values() if d.original and d.original.line is None}


def _drop(engine: Engine, feed: Feed, lines: Sequence[int | None]) -> None:
    if lines:
        with engine.register(
            name_of("reversals_done_with", feed), pa.table({LINE: pa.array(lines, pa.int64())})
        ):
            facts.drop_lines(
                engine, feed, f"SELECT {LINE} FROM {quote(name_of('reversals_done_with', feed))}"
            )


def _stored(amounts: Amounts) -> str:
    return json.dumps([_text(a) for a in amounts])


def _text(amount: Any) -> str | None:
    return None if amount is None else str(amount)


def _read(text: str) -> Amounts:
    return tuple(None if a is None else Decimal(a) for a in json.loads(text))
