"""Check a slice against its contract: good rows to the stage, bad rows out with every fault."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from almoner.engines.base import Engine, quote
from almoner.intake import absent
from almoner.intake.absent import ABSENT
from almoner.intake.faults import BadRow, Broken, masked
from almoner.intake.rules import LATEST, SQL_TYPES, CellCheck, check
from almoner.intake.slices import LINE, Slice
from almoner.intake.spelling import Spelled, spell
from almoner.local_time import latest
from almoner.policy.model.feeds import Feed

AS_IT_WAS = "_raw"  # the key of a quarantined row that could not be split into cells
BAD_ROWS_AT_ONCE = 50_000
_NOTHING = "''"  # SQL of a row that leaves out nothing


def name_of(what: str, feed: Feed) -> str:
    """The name of a table of a feed's delivery in progress.

    Each feed has its own, so that an engine can keep the plans of statements that read it. So has a feed that
    is reduced to its key.
    """
    return f"{what} {feed.id} {len(feed.properties)} {feed.version}"


def stage_of(feed: Feed) -> str:
    """The table of a delivery's good rows: `_line` and every property, typed."""
    return name_of("staged", feed)


def empty_stage(engine: Engine, feed: Feed) -> None:
    """Create an empty stage."""
    columns = ", ".join(f"NULL::{SQL_TYPES[p.type]} AS {quote(p.name)}" for p in feed.properties)
    engine.materialize(stage_of(feed), f"SELECT NULL::BIGINT AS {LINE}, {columns} LIMIT 0")


def stage(
    engine: Engine,
    feed: Feed,
    part: Slice,
    received_at: dt.datetime,
    *,
    first: bool,
    leaves_out: bool = False,
) -> Iterator[BadRow]:
    """Put the good rows of a slice on the stage, a new one for the `first` slice.

    `leaves_out`: the stage has the column `ABSENT`. Gives the bad rows with all their faults.
    """
    limit = latest(received_at, dt.timedelta(seconds=feed.clock_skew_seconds))
    table = part.table.append_column(
        LATEST, pa.repeat(pa.scalar(limit, pa.timestamp("us")), part.table.num_rows)
    )
    table, spelled = spell(feed, table)
    checks = _checks(feed, part.table, spelled)
    good = _stage_good(engine, feed, checks, table, first, leaves_out)
    return _bad(engine, feed, checks, part, table, good)


def _bad(
    engine: Engine, feed: Feed, checks: list[CellCheck], part: Slice, table: pa.Table, good: int
) -> Iterator[BadRow]:
    yield from (_from_broken(row) for row in part.broken)
    if good < table.num_rows:
        yield from _bad_rows(engine, feed, checks, _left_behind(engine, feed, table))


def _checks(feed: Feed, table: pa.Table, spelled: Mapping[str, Spelled]) -> list[CellCheck]:
    present = [p for p in feed.properties if p.name in table.column_names]
    return [
        check(p, table.schema.field(p.name).type, place, spelled.get(p.name))
        for place, p in enumerate(present)
    ]


def _stage_good(
    engine: Engine, feed: Feed, checks: list[CellCheck], table: pa.Table, first: bool, leaves_out: bool
) -> int:
    value = {c.prop.name: f"v{place}" for place, c in enumerate(checks)}
    columns = ", ".join(
        f"{value.get(p.name, 'NULL')}::{SQL_TYPES[p.type]} AS {quote(p.name)}" for p in feed.properties
    )
    columns += f", {absent.of_table(feed, table) or _NOTHING} AS {ABSENT}" if leaves_out else ""
    select = f"SELECT {LINE}, {columns} FROM ({_typed(feed, checks, table)}) WHERE NOT ({_any(checks)})"
    with engine.register(_named(feed, table), table):
        return (
            engine.materialize(stage_of(feed), select)
            if first
            else engine.append_rows(stage_of(feed), select)
        )


def _left_behind(engine: Engine, feed: Feed, table: pa.Table) -> pa.Table:
    """The rows of a slice that are not on the stage."""
    import pyarrow.compute as pc  # takes long to load, and every command that opens the facts would wait

    lines = table.select([LINE])
    delivered = name_of("lines", feed)
    with engine.register(delivered, lines):
        staged = engine.table(
            f"SELECT {LINE} FROM {quote(stage_of(feed))} SEMI JOIN {quote(delivered)} USING ({LINE})"
        )
    return table.filter(pc.invert(pc.is_in(table.column(LINE), value_set=staged.column(LINE))))


def _bad_rows(engine: Engine, feed: Feed, checks: list[CellCheck], table: pa.Table) -> Iterator[BadRow]:
    """Bad rows, in portions, so that a delivery without a good row needs no more memory than others."""
    conditions = [f"coalesce({sql}, false) AS f{n}" for n, (_, _, sql) in enumerate(_rules(checks))]
    raws = [f"{quote(c.prop.name)}::VARCHAR AS r{place}" for place, c in enumerate(checks)]
    left_out = ABSENT if ABSENT in table.column_names else _NOTHING
    sql = f"""
        SELECT {", ".join([LINE, left_out, *raws, *conditions])}
        FROM ({_typed(feed, checks, table)})
        WHERE {_any(checks)}
        ORDER BY {LINE}
        """
    for start in range(0, table.num_rows, BAD_ROWS_AT_ONCE):
        with engine.register(_named(feed, table), table.slice(start, BAD_ROWS_AT_ONCE)):
            found = engine.rows(sql)
        yield from (_bad_row(checks, row) for row in found)


def _named(feed: Feed, table: pa.Table) -> str:
    """The name for all tables of a feed with the same columns, so that an engine can keep plans."""
    return f"rows {feed.id} {hashlib.sha256(str(table.schema).encode()).hexdigest()[:16]}"


def _bad_row(checks: list[CellCheck], row: tuple[Any, ...]) -> BadRow:
    line, left_out, *cells = row
    raws, flags = cells[: len(checks)], cells[len(checks) :]
    broken = [(place, rule) for flag, (place, rule, _) in zip(flags, _rules(checks), strict=True) if flag]
    faults = tuple(
        (checks[place].prop.name, masked(raws[place], checks[place].prop), rule) for place, rule in broken
    )
    return BadRow(
        line, raw_row({c.prop.name: raw for c, raw in zip(checks, raws, strict=True)}, left_out), faults
    )


def raw_row(cells: dict[str, Any], left_out: str = "") -> str:
    """A row as JSON, as it is sealed for quarantine and can be retried, without columns `left_out`."""
    found = {name: value for name, value in cells.items() if f",{name}," not in left_out}
    return json.dumps(found, ensure_ascii=False, default=str)


def add_absent(engine: Engine, feed: Feed) -> None:
    """Add the column `ABSENT` to the stage; its rows left out nothing."""
    stage_table = stage_of(feed)
    engine.materialize(stage_table, f"SELECT *, {_NOTHING} AS {ABSENT} FROM {quote(stage_table)}")


def _from_broken(row: Broken) -> BadRow:
    """A row without cells for quarantine. It cannot be retried.

    Undecodable bytes stay as escapes.
    """
    return BadRow(row.line, json.dumps({AS_IT_WAS: row.raw}), ((row.column, row.value, row.rule),))


def _rules(checks: list[CellCheck]) -> list[tuple[int, str, str]]:
    return [(place, rule, sql) for place, c in enumerate(checks) for rule, sql in c.rules]


def _any(checks: list[CellCheck]) -> str:
    return " OR ".join(f"coalesce({sql}, false)" for _, _, sql in _rules(checks)) or "false"


def _typed(feed: Feed, checks: list[CellCheck], table: pa.Table) -> str:
    cells = ", ".join(f"{c.cell} AS c{place}" for place, c in enumerate(checks))
    values = ", ".join(f"{c.value} AS v{place}" for place, c in enumerate(checks))
    return f"SELECT *, {values} FROM (SELECT *, {cells} FROM {quote(_named(feed, table))})"
