"""Keep facts with two clocks: a correction closes the old row and adds a new one; nothing is overwritten.

While a delivery is taken in, the table `identified` has its good rows with `person_id` and `household_id`,
and `matched` adds what is known already.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from almoner.engines.base import Engine, quote
from almoner.intake import absent
from almoner.intake.absent import ABSENT
from almoner.intake.slices import LINE
from almoner.intake.validate import name_of, stage_of
from almoner.policy.model.feeds import VAULT_ROLES, Feed, Property, Role
from almoner.registry.holders import Holders, held_by
from almoner.registry.schema import NUMBER, fact_columns, fact_table

FEW = 5_000  # rows; more are compared only if any fact can have one of their keys


CONTRADICTED = "contradicted"  # keys that a delivery both withdraws and delivers
KEPT = (
    "staged",
    "identified",
    "duplicate_key",
    "matched",
    "closed",
    "negative",
    CONTRADICTED,
)  # tables of a delivery (`name_of`)


@dataclass(frozen=True)
class Span:
    """The number of identified rows and their first and last event time; None without rows or event time."""

    rows: int
    first: dt.date | dt.datetime | None
    last: dt.date | dt.datetime | None


@dataclass(frozen=True)
class Written:
    """Rows by what became of them."""

    new: int
    corrected: int
    unchanged: int


def identify_rows(engine: Engine, feed: Feed, *, leaves_out: bool = False) -> None:
    """Fill `identified` from the stage, with ids in place of numbers.

    `leaves_out`: some rows left out columns, and the stage has the column `ABSENT`.
    """
    person, home = feed.with_role(Role.RESIDENT_ID), feed.with_role(Role.HOUSEHOLD)
    joins = (
        f" LEFT JOIN {quote(name_of('person_seen', feed))} p ON p.number = s.{quote(person.name)}"
        if person
        else ""
    )
    joins += (
        f" LEFT JOIN {quote(name_of('household_seen', feed))} h ON h.household_no = s.{quote(home.name)}"
        if home
        else ""
    )
    columns = ", ".join(_identified(p) for p in feed.properties if p.fact_column)
    columns += f", s.{ABSENT}" if leaves_out else ""
    engine.materialize(
        name_of("identified", feed), f"SELECT s.{LINE}, {columns} FROM {quote(stage_of(feed))} s{joins}"
    )


def find_duplicate_keys(engine: Engine, feed: Feed) -> bool:
    """Whether rows share a key. If so, fill the table of `duplicate_keys`.

    `kinds` is the number of different rows with the key, and `first_line` the row to keep when it is 1.
    """
    key, vaulted, identified = (
        _key(feed),
        [p.name for p in feed.properties if p.role in VAULT_ROLES],
        quote(name_of("identified", feed)),
    )
    doubled = f"SELECT {_list(key)} FROM {identified} GROUP BY ALL HAVING count(*) > 1"
    if not engine.rows(f"SELECT 1 FROM ({doubled}) LIMIT 1"):
        return False
    values = ", ".join([f"p.{quote(c)}" for c in fact_columns(feed)] + [f"s.{quote(c)}" for c in vaulted])
    engine.materialize(
        name_of("duplicate_key", feed),
        f"""
        WITH kin AS (
          SELECT p.* FROM {identified} p SEMI JOIN ({doubled}) d ON {_same("p", "d", key)}
        ),
        kinds AS (
          SELECT {_list(key, "p")}, count(DISTINCT row({values})) AS kinds, min(p.{LINE}) AS first_line
          FROM kin p
          JOIN {quote(stage_of(feed))} s USING ({LINE})
          GROUP BY {_list(key, "p")}
        )
        SELECT p.{LINE}, k.kinds, k.first_line
        FROM kin p
        JOIN kinds k ON {_same("p", "k", key)}
        """,
    )
    return True


def duplicate_keys(feed: Feed) -> str:
    """The table that `find_duplicate_keys` fills."""
    return quote(name_of("duplicate_key", feed))


def drop_duplicates(engine: Engine, feed: Feed) -> int:
    """Keep one of several equal rows. Gives how many were dropped."""
    same = f"SELECT {LINE} FROM {duplicate_keys(feed)} WHERE kinds = 1 AND {LINE} <> first_line"
    drop_lines(engine, feed, same)
    return int(engine.value(f"SELECT count(*) FROM ({same})"))


def keep_last(engine: Engine, feed: Feed) -> int:
    """Keep the last of several rows with one key. Gives how many were dropped."""
    key, identified = _list(_key(feed), "p"), quote(name_of("identified", feed))
    earlier = f"""
        SELECT {LINE}
        FROM (
          SELECT p.{LINE}, max(p.{LINE}) OVER (PARTITION BY {key}) AS last
          FROM {identified} p
          SEMI JOIN {duplicate_keys(feed)} t USING ({LINE})
        )
        WHERE {LINE} < last
        """
    dropped = engine.rows(earlier)
    if dropped:
        drop_lines(engine, feed, ", ".join(str(line) for (line,) in dropped))
    return len(dropped)


def drop_lines(engine: Engine, feed: Feed, lines: str) -> None:
    """Delete rows from the stage; `lines` is a SELECT of their `_line`, or a list of them."""
    for table in (name_of("identified", feed), stage_of(feed)):
        engine.delete_rows(table, f"{LINE} IN ({lines})")


def span(engine: Engine, feed: Feed) -> Span:
    """The number of identified rows and their span of time."""
    time = quote(feed.event_time.name) if feed.event_time else "NULL::DATE"
    return Span(
        *engine.rows(f"SELECT count(*), min({time}), max({time}) FROM {quote(name_of('identified', feed))}")[
            0
        ]
    )


def match_known(
    engine: Engine, feed: Feed, rows: Span, holders: Holders | None = None, *, leaves_out: bool = False
) -> str:
    """Compare the identified rows with the facts. Gives a table to read from.

    `old` is the rowid of the open fact with the same key, or null; `same` says whether its values are equal.
    `holders` find the facts of few rows faster. `leaves_out`: rows take what they left out from the fact.
    """
    columns, key, identified = fact_columns(feed), _key(feed), quote(name_of("identified", feed))
    known = f"""
        SELECT rowid AS old, delivery_id AS old_delivery_id, {_list(columns)}
        FROM {fact_table(feed)}
        WHERE {_open(feed, rows)}
        """
    if rows.rows > FEW and not engine.rows(f"SELECT 1 FROM ({known}) LIMIT 1"):
        unknown = "NULL::BIGINT AS old, NULL::INTEGER AS old_delivery_id, false AS same"
        return f"(SELECT *, {unknown} FROM {identified})"
    matched = name_of("matched", feed)
    with _whose(engine, feed, rows, holders) as whose:
        engine.materialize(
            matched,
            f"""
            SELECT
              p.*{_completed(feed) if leaves_out else ""},
              f.old,
              f.old_delivery_id,
              f.old IS NOT NULL AND {_agree(feed) if leaves_out else _same("p", "f", columns)} AS same
            FROM {identified} p
            LEFT JOIN ({known} AND {whose}) f ON {_same("p", "f", key)}
            """,
        )
    return quote(matched)


def write(engine: Engine, feed: Feed, matched: str, received_at: dt.datetime, delivery_id: int) -> Written:
    """Close the facts that `matched` rows correct, and add what is new, clustered by household and person."""
    counts = engine.rows(
        f"""
        SELECT
          count(*) FILTER (old IS NULL),
          count(*) FILTER (old IS NOT NULL AND NOT same),
          count(*) FILTER (same)
        FROM {matched}
        """
    )[0]
    written = Written(*counts)
    clock = {"received_at": received_at}
    if written.corrected:
        engine.execute(
            f"""
            UPDATE {fact_table(feed)}
            SET known_to = $received_at
            WHERE rowid IN (SELECT old FROM {matched} WHERE old IS NOT NULL AND NOT same)
            """,
            clock,
        )
    if written.new + written.corrected == 0:
        return written
    names = _list(fact_columns(feed))
    engine.execute(
        f"""
        INSERT INTO {fact_table(feed)} ({names}, known_from, known_to, delivery_id)
        SELECT {names}, $received_at::TIMESTAMP, 'infinity'::TIMESTAMP, $delivery_id
        FROM {matched}
        WHERE NOT same
        ORDER BY {_list(cluster_columns(feed))}
        """,
        clock | {"delivery_id": delivery_id},
    )
    return written


def close(engine: Engine, feed: Feed, matched: str, received_at: dt.datetime) -> Written:
    """Close the facts of the `matched` rows.

    `corrected` counts those that were closed, `unchanged` the keys without an open fact.
    """
    found, unknown = engine.rows(
        f"SELECT count(*) FILTER (old IS NOT NULL), count(*) FILTER (old IS NULL) FROM {matched}"
    )[0]
    if found:
        engine.execute(
            f"""
            UPDATE {fact_table(feed)}
            SET known_to = $received_at
            WHERE rowid IN (SELECT old FROM {matched} WHERE old IS NOT NULL)
            """,
            {"received_at": received_at},
        )
    return Written(0, found, unknown)


def keys_only(feed: Feed) -> Feed:
    """The feed with its key columns only; with all its fact columns where the contract has no key."""
    named = feed.key or tuple(p for p in feed.properties if p.fact_column)
    return replace(feed, properties=named, version=f"{feed.version} key")


def merge_left_out(engine: Engine, feed: Feed) -> None:
    """Let the last of several ordered rows with one key have what it left out from the rows before it."""
    _merge_identities(engine, feed)
    optional = {p.fact_column: p.name for p in absent.kept(feed) if p.fact_column}
    if not optional:
        return
    others = [c for c in fact_columns(feed) if c not in optional]
    said = f"OVER (PARTITION BY {_list(_key(feed))} ORDER BY {LINE} ROWS UNBOUNDED PRECEDING)"
    values, taken, missing = [], [], []
    for column, name in optional.items():
        value = quote(column)
        given = f"CASE WHEN NOT {absent.is_absent(name)} THEN row({value}) END"  # a row, for it may hold null
        values.append(f"last_value({given} IGNORE NULLS) {said} AS {value}")
        taken.append(f"{value}[1] AS {value}")
        missing.append(f"CASE WHEN {value} IS NULL THEN '{name},' ELSE '' END")
    identified = name_of("identified", feed)
    engine.materialize(
        identified,
        f"""
        SELECT {LINE}, {_list(others)}, {", ".join(taken)}, ',' || {" || ".join(missing)} AS {ABSENT}
        FROM (SELECT {LINE}, {_list(others)}, {", ".join(values)} FROM {quote(identified)})
        """,
    )


def _merge_identities(engine: Engine, feed: Feed) -> None:
    """As `merge_left_out`, for names, phones and addresses, which only the stage has."""
    names = [p.name for p in absent.kept(feed) if p.role in VAULT_ROLES]
    if not names:
        return
    said = f"OVER (PARTITION BY {_list(_key(feed), 'i')} ORDER BY s.{LINE} ROWS UNBOUNDED PRECEDING)"
    given = [f"CASE WHEN NOT {absent.is_absent(name, 's')} THEN row(s.{quote(name)}) END" for name in names]
    values = ", ".join(
        f"last_value({value} IGNORE NULLS) {said} AS {quote(name)}"
        for name, value in zip(names, given, strict=True)
    )
    taken = ", ".join(f"coalesce(s.{quote(n)}, v.{quote(n)}[1]) AS {quote(n)}" for n in names)
    staged, identified = quote(stage_of(feed)), quote(name_of("identified", feed))
    kept = f"SELECT s.{LINE}, {values} FROM {staged} s JOIN {identified} i USING ({LINE})"
    engine.materialize(
        stage_of(feed),
        f"""
        SELECT s.* REPLACE ({taken})
        FROM {staged} s
        LEFT JOIN ({kept}) v USING ({LINE})
        """,
    )


def _completed(feed: Feed) -> str:
    """SQL that replaces what rows `p` left out by the columns of the facts `f`."""
    columns = ", ".join(
        f"{absent.unless_absent(p, 'p', 'f')} AS {quote(p.fact_column)}"
        for p in absent.kept(feed)
        if p.fact_column
    )
    return f" REPLACE ({columns})" if columns else ""


def _agree(feed: Feed) -> str:
    """SQL for whether rows `p` say the same as the facts `f`, as far as they say anything."""
    optional = {p.fact_column: p.name for p in absent.kept(feed)}
    return " AND ".join(
        f"({absent.is_absent(optional[c], 'p')} OR {_same('p', 'f', [c])})"
        if c in optional
        else _same("p", "f", [c])
        for c in fact_columns(feed)
    )


def _identified(prop: Property) -> str:
    match prop.role:
        case Role.RESIDENT_ID:
            return "p.person_id"
        case Role.HOUSEHOLD:
            return "h.household_id"
        case _ if prop.type == "number":
            return f"CAST(s.{quote(prop.name)} AS {NUMBER}) AS {quote(prop.name)}"
        case _:
            return f"s.{quote(prop.name)}"


def _open(feed: Feed, rows: Span) -> str:
    """SQL for open facts that can have one of these keys: within their span, if time is part of the key."""
    time = feed.event_time
    if time is None or not time.key:
        return "known_to = 'infinity'"
    if rows.first is None:
        return "false"
    kind = fact_columns(feed)[time.name]
    return (
        f"known_to = 'infinity' AND {quote(time.name)} BETWEEN {kind} '{rows.first}' AND {kind} '{rows.last}'"
    )


@contextmanager
def _whose(engine: Engine, feed: Feed, rows: Span, holders: Holders | None) -> Iterator[str]:
    """Within the block, a condition that narrows facts to the persons of few rows; else `true`.

    Facts lie clustered by person, so without a time in the key this saves reading all of them. Key columns
    are never empty.
    """
    identified = name_of("identified", feed)
    if not feed.key or rows.rows > FEW or (feed.event_time and feed.event_time.key):
        yield "true"
    elif "person_id" in _key(feed):
        yield f"person_id IN (SELECT person_id FROM {quote(identified)})"
    else:
        with held_by(
            engine, name_of("holders", feed), holders.of_facts(engine, feed, identified) if holders else None
        ) as whose:
            yield whose


def _key(feed: Feed) -> list[str]:
    """The columns of the key in the facts; all columns where the contract has no key."""
    return [p.fact_column for p in feed.key if p.fact_column] or list(fact_columns(feed))


def cluster_columns(feed: Feed) -> list[str]:
    """The columns that order a feed's facts: household, person and event time, if it has them."""
    columns = fact_columns(feed)
    time = [feed.event_time.name] if feed.event_time else []
    return [c for c in ("household_id", "person_id", *time) if c in columns] or list(columns)


def _list(columns: Iterable[str], alias: str = "") -> str:
    return ", ".join((f"{alias}." if alias else "") + quote(c) for c in columns)


def _same(left: str, right: str, columns: Iterable[str]) -> str:
    return " AND ".join(f"{left}.{quote(c)} IS NOT DISTINCT FROM {right}.{quote(c)}" for c in columns)
