"""What is open, and the record of every change: nothing here is ever overwritten but the present state.

A *finding* is a signal or something proposed that holds for a subject now. Findings come in a table

    item, subject, subject_id, household_id, person_id, area, level, severity, digest

and are compared with what is open in the scope: not open before means raised, another digest means changed, open before
and now known to be false means cleared. What has become unknown stays open until it expires.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import pyarrow as pa

from almoner.engines import Engine

Kind = Literal["signal", "area", "recognition", "exit", "review", "proposal"]
SLICE = 5_000  # changes written at a time

SCHEMA = """
CREATE SCHEMA IF NOT EXISTS assessment;
CREATE TABLE IF NOT EXISTS assessment.cycle (
  cycle_id BIGINT PRIMARY KEY, as_of DATE NOT NULL, known_at TIMESTAMP NOT NULL, scope VARCHAR NOT NULL,
  pack_hash VARCHAR NOT NULL, decided VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS assessment.standing (
  key VARCHAR PRIMARY KEY, kind VARCHAR NOT NULL, item VARCHAR NOT NULL, subject VARCHAR NOT NULL, subject_id BIGINT NOT NULL,
  household_id BIGINT NOT NULL, person_id BIGINT, area VARCHAR, level VARCHAR, severity DOUBLE, digest VARCHAR NOT NULL,
  opened DATE NOT NULL, last_true DATE NOT NULL);
CREATE TABLE IF NOT EXISTS assessment.change (
  seq BIGINT PRIMARY KEY, cycle_id BIGINT NOT NULL, as_of DATE NOT NULL, known_at TIMESTAMP NOT NULL, kind VARCHAR NOT NULL,
  change VARCHAR NOT NULL, key VARCHAR NOT NULL, household_id BIGINT NOT NULL, person_id BIGINT, area VARCHAR,
  pack_hash VARCHAR NOT NULL, body JSON NOT NULL);
CREATE TABLE IF NOT EXISTS assessment.area_month (
  item VARCHAR NOT NULL, rule VARCHAR NOT NULL, month DATE NOT NULL, area VARCHAR NOT NULL, started BIGINT NOT NULL,
  at_risk BIGINT NOT NULL, known_from TIMESTAMP NOT NULL, known_to TIMESTAMP NOT NULL);
"""

FINDING_COLUMNS = "item, subject, subject_id, household_id, person_id, area, level, severity, digest"
EMPTY_FINDINGS = (
    "SELECT NULL::VARCHAR AS item, NULL::VARCHAR AS subject, NULL::BIGINT AS subject_id, NULL::BIGINT AS household_id,"
    " NULL::BIGINT AS person_id, NULL::VARCHAR AS area, NULL::VARCHAR AS level, NULL::DOUBLE AS severity, NULL::VARCHAR AS digest LIMIT 0"
)


@dataclass(frozen=True)
class Moved:
    """One finding that was raised, changed or cleared by this cycle."""

    key: str
    change: Literal["raised", "changed", "cleared"]
    item: str
    subject: str
    subject_id: int
    household_id: int
    person_id: int | None
    area: str | None
    level: str | None
    severity: float | None


def create(engine: Engine) -> None:
    """Make the ledger's tables where they are missing."""
    for statement in SCHEMA.split(";"):
        if statement.strip():
            engine.execute(statement)


def keyed(kind: Kind, findings: str) -> str:
    return f"SELECT '{kind}:' || item || ':' || subject || ':' || subject_id AS key, '{kind}' AS kind, {FINDING_COLUMNS} FROM {findings}"


def moves(
    engine: Engine,
    kind: Kind,
    findings: str,
    refuted: str,
    as_of: dt.date,
    expiry: Mapping[str, int],
    *,
    scoped: bool,
) -> list[Moved]:
    """Compare the kept tables `findings` and `refuted` (keys known to be false) with what stands.

    `expiry` gives, by item, the days after which an unknown finding is let go. `scoped`: only the households in view
    are looked at. The result is ordered by key.
    """
    days = pa.table(
        {"item": pa.array(list(expiry), pa.string()), "days": pa.array(list(expiry.values()), pa.int64())}
    )
    in_view = "s.household_id IN (SELECT household_id FROM scope_household)" if scoped else "true"
    sql = f"""
        SELECT f.key, CASE WHEN s.key IS NULL THEN 'raised' ELSE 'changed' END AS change, f.item, f.subject, f.subject_id,
               f.household_id, f.person_id, f.area, f.level, f.severity
        FROM ({keyed(kind, findings)}) AS f LEFT JOIN assessment.standing AS s ON s.key = f.key
        WHERE s.key IS NULL OR s.digest <> f.digest
        UNION ALL
        SELECT s.key, 'cleared', s.item, s.subject, s.subject_id, s.household_id, s.person_id, s.area, s.level, s.severity
        FROM assessment.standing AS s
        WHERE s.kind = '{kind}' AND {in_view} AND s.key NOT IN (SELECT key FROM ({keyed(kind, findings)}))
          AND (s.key IN (SELECT key FROM {refuted})
               OR $as_of - s.last_true > (SELECT days FROM expiry_days AS e WHERE e.item = s.item))
        ORDER BY 1"""
    with engine.offer("expiry_days", days):
        return [Moved(*row) for row in engine.rows(sql, {"as_of": as_of})]


def settle(engine: Engine, kind: Kind, findings: str, cleared: Iterable[str], as_of: dt.date) -> None:
    """Bring what stands up to date with this cycle's findings."""
    gone = pa.table({"key": pa.array(list(cleared), pa.string())})
    with engine.offer("cleared_keys", gone):
        engine.execute("DELETE FROM assessment.standing WHERE key IN (SELECT key FROM cleared_keys)")
    engine.execute(
        f"""INSERT INTO assessment.standing
            SELECT key, kind, {FINDING_COLUMNS}, $as_of, $as_of FROM ({keyed(kind, findings)})
            ON CONFLICT (key) DO UPDATE SET level = excluded.level, severity = excluded.severity, digest = excluded.digest,
              area = excluded.area, household_id = excluded.household_id, last_true = greatest(last_true, excluded.last_true)""",
        {"as_of": as_of},
    )


def decided(engine: Engine, *findings: tuple[Kind, str]) -> str:
    """A hash over all that holds now: what a replay must arrive at, bit for bit."""
    union = " UNION ALL ".join(keyed(kind, table) for kind, table in findings)
    digest = hashlib.sha256()
    for batch in engine.batches(f"SELECT key, level, digest FROM ({union}) ORDER BY key"):
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            digest.update(repr(row).encode())
    return digest.hexdigest()


def write_cycle(engine: Engine, cycle: Mapping[str, Any]) -> None:
    """Write down that a cycle was run: when, on what, by which pack, and the hash of what it decided."""
    engine.execute(
        "INSERT INTO assessment.cycle VALUES ($cycle_id, $as_of, $known_at, $scope, $pack_hash, $decided)",
        cycle,
    )


def write_changes(
    engine: Engine, cycle_id: int, kind: Kind, changes: Iterable[tuple[Moved, Mapping[str, Any]]]
) -> None:
    """Write changes of a cycle to the outbox, in slices: bodies are large."""
    seq = int(engine.value("SELECT coalesce(max(seq), 0) FROM assessment.change"))
    found = iter(changes)
    while rows := [_row(kind, moved, body) for moved, body in islice(found, SLICE)]:
        data = pa.Table.from_pylist(
            [{"seq": seq + index, **row} for index, row in enumerate(rows, 1)], schema=_CHANGE
        )
        seq += len(rows)
        with engine.offer("new_changes", data):
            engine.execute(
                """INSERT INTO assessment.change SELECT n.seq, c.cycle_id, c.as_of, c.known_at, n.kind, n.change, n.key,
                   n.household_id, n.person_id, n.area, c.pack_hash, n.body
                   FROM new_changes AS n, assessment.cycle AS c WHERE c.cycle_id = $cycle_id""",
                {"cycle_id": cycle_id},
            )


_CHANGE = pa.schema(
    [("seq", pa.int64()), ("kind", pa.string()), ("change", pa.string()), ("key", pa.string()), ("household_id", pa.int64()),
     ("person_id", pa.int64()), ("area", pa.string()), ("body", pa.string())]
)  # fmt: skip


def _row(kind: Kind, moved: Moved, body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "kind": kind,
        "change": moved.change,
        "key": moved.key,
        "household_id": moved.household_id,
        "person_id": moved.person_id,
        "area": moved.area,
        "body": json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=str),
    }
