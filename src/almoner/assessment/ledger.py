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
from typing import Any, Literal, get_args

import pyarrow as pa

from almoner.assessment.forms import Form
from almoner.engines import Engine

Kind = Literal["signal", "area", "recognition", "exit", "review", "proposal"]
_OUTGOING = "outgoing"
CONCERNED = "concerned"  # the kept table of the households about which something moved

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
  pack_hash VARCHAR NOT NULL, form VARCHAR, body JSON NOT NULL);
CREATE TABLE IF NOT EXISTS assessment.form (digest VARCHAR PRIMARY KEY, text VARCHAR NOT NULL);
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
class Told:
    """What is told of some moved findings: `select` gives their `key` and `body` (JSON); with a `form`, a body is a list of answers."""

    select: str
    form: Form | None = None
    parameters: Mapping[str, Any] | None = None


def moved_table(kind: Kind) -> str:
    """The kept table of the findings of a kind that moved: `key, change`, and the columns of a finding."""
    return f"moved_{kind}"


def create(engine: Engine) -> None:
    """Make the ledger's tables where they are missing."""
    for statement in SCHEMA.split(";"):
        if statement.strip():
            engine.execute(statement)


def keyed(kind: Kind, findings: str) -> str:
    return f"SELECT '{kind}:' || item || ':' || subject || ':' || subject_id AS key, '{kind}' AS kind, {FINDING_COLUMNS} FROM {findings}"


def find_moves(
    engine: Engine, kind: Kind, findings: str, refuted: str, as_of: dt.date, expiry: Mapping[str, int], *, scoped: bool
) -> dict[str, dict[str, int]]:
    """Compare the kept tables `findings` and `refuted` (keys known to be false) with what stands, and keep `moved_table`.

    `expiry` gives, by item, the days after which an unknown finding is let go. `scoped`: only the households in view
    are looked at. Gives, by item, how many were raised, changed and cleared.
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
               OR $as_of - s.last_true > (SELECT days FROM expiry_days AS e WHERE e.item = s.item))"""
    with engine.offer("expiry_days", days):
        engine.keep(moved_table(kind), sql, {"as_of": as_of})
    moved: dict[str, dict[str, int]] = {}
    counted = f"SELECT item, change, count(*) FROM {moved_table(kind)} GROUP BY ALL ORDER BY ALL"
    for item, change, count in engine.rows(counted):
        moved.setdefault(item, {"raised": 0, "changed": 0, "cleared": 0})[change] = count
    return moved


def moved_items(engine: Engine, kind: Kind) -> list[str]:
    """The items of a kind of which something moved."""
    return [item for (item,) in engine.rows(f"SELECT DISTINCT item FROM {moved_table(kind)} ORDER BY item")]


def removed(kind: Kind, item: str, named: Mapping[str, str]) -> Told:
    """What is told where the pack no longer has an item: what stood is let go by its expiry."""
    told = {"body": json.dumps({**named, "reason": "removed"}), "item": item}
    return Told(f"SELECT key, $body::JSON AS body FROM {moved_table(kind)} WHERE item = $item", parameters=told)


def keep_concerned(engine: Engine, kinds: Iterable[Kind]) -> None:
    """Keep the households about which something of `kinds` moved, and make room for what is told of them."""
    union = " UNION ".join(f"SELECT household_id FROM {moved_table(kind)}" for kind in kinds)
    engine.keep(CONCERNED, union)
    columns = "kind, change, key, household_id, person_id, area, NULL::VARCHAR AS form, NULL::JSON AS body"
    engine.keep(_OUTGOING, f"SELECT {columns} FROM assessment.change LIMIT 0")


def settle(engine: Engine, kind: Kind, findings: str, as_of: dt.date) -> None:
    """Bring what stands up to date with this cycle's findings."""
    cleared = f"SELECT key FROM {moved_table(kind)} WHERE change = 'cleared'"
    engine.execute(f"DELETE FROM assessment.standing WHERE key IN ({cleared})")
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


def tell(engine: Engine, kind: Kind, told: Iterable[Told]) -> None:
    """Add what moved of a kind to what `write_changes` will write; the engine makes the bodies."""
    for some in told:
        if some.form:
            engine.execute(
                "INSERT INTO assessment.form VALUES ($digest, $text) ON CONFLICT DO NOTHING",
                {"digest": some.form.digest, "text": some.form.text},
            )
        form = f"'{some.form.digest}'" if some.form else "NULL"
        engine.execute(
            f"""INSERT INTO {_OUTGOING} SELECT '{kind}', m.change, m.key, m.household_id, m.person_id, m.area, {form}, t.body
                FROM {moved_table(kind)} AS m JOIN ({some.select}) AS t ON t.key = m.key""",
            some.parameters,
        )
    engine.forget(moved_table(kind))


def write_changes(engine: Engine, cycle_id: int) -> None:
    """Write what was told to the outbox: all of a household together, its signals first, so that casework reads each case once."""
    seq = int(engine.value("SELECT coalesce(max(seq), 0) FROM assessment.change"))
    order = f"o.household_id, list_position({list(get_args(Kind))}, o.kind), o.key"
    engine.execute(
        f"""INSERT INTO assessment.change SELECT $seq + row_number() OVER (ORDER BY {order}), c.cycle_id, c.as_of, c.known_at, o.kind,
            o.change, o.key, o.household_id, o.person_id, o.area, c.pack_hash, o.form, o.body
            FROM {_OUTGOING} AS o, assessment.cycle AS c WHERE c.cycle_id = $cycle_id ORDER BY {order}""",
        {"seq": seq, "cycle_id": cycle_id},
    )
    engine.forget(_OUTGOING)
