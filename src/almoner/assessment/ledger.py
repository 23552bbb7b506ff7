"""The ledger: active findings, and a record of every change that is never overwritten.

A *finding* is a signal, an alert or a proposal that holds for a subject now. Findings come in a table

    item, subject, subject_id, household_id, person_id, area, level, severity, digest

and are compared with the active findings of the scope. A finding is raised when it was not active, changed
when its digest differs, and cleared when it was active and is known to be false. A finding that has become
unknown stays active until it expires.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import pyarrow as pa

from almoner.assessment.templates import Template
from almoner.engines import Engine, quote

Kind = Literal["signal", "area", "recognition", "exit", "review", "proposal"]
CHANGE_COLUMNS = ("key", "change", "household_id", "person_id", "area")  # that the outbox has of a finding
GONE = "gone_subject"  # the materialized table of active findings (`key`) whose subject is gone
CONCERNED = "concerned"  # the materialized table of households with a finding that moved

SCHEMA = """
CREATE SCHEMA IF NOT EXISTS assessment;
CREATE TABLE IF NOT EXISTS assessment.cycle (
  cycle_id BIGINT PRIMARY KEY,
  as_of DATE NOT NULL,
  known_at TIMESTAMP NOT NULL,
  scope VARCHAR NOT NULL,
  pack_hash VARCHAR NOT NULL,
  decided VARCHAR NOT NULL
);
CREATE TABLE IF NOT EXISTS assessment.standing (
  key VARCHAR PRIMARY KEY,
  kind VARCHAR NOT NULL,
  item VARCHAR NOT NULL,
  subject VARCHAR NOT NULL,
  subject_id BIGINT NOT NULL,
  household_id BIGINT NOT NULL,
  person_id BIGINT,
  area VARCHAR,
  level VARCHAR,
  severity DOUBLE,
  digest VARCHAR NOT NULL,
  opened DATE NOT NULL,
  last_true DATE NOT NULL
);
CREATE TABLE IF NOT EXISTS assessment.change (
  seq BIGINT PRIMARY KEY,
  cycle_id BIGINT NOT NULL,
  as_of DATE NOT NULL,
  known_at TIMESTAMP NOT NULL,
  kind VARCHAR NOT NULL,
  change VARCHAR NOT NULL,
  key VARCHAR NOT NULL,
  household_id BIGINT NOT NULL,
  person_id BIGINT,
  area VARCHAR,
  pack_hash VARCHAR NOT NULL,
  form VARCHAR,
  body JSON NOT NULL
);
CREATE TABLE IF NOT EXISTS assessment.form (digest VARCHAR PRIMARY KEY, text VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS assessment.area_month (
  item VARCHAR NOT NULL,
  rule VARCHAR NOT NULL,
  month DATE NOT NULL,
  area VARCHAR NOT NULL,
  started BIGINT NOT NULL,
  at_risk BIGINT NOT NULL,
  known_from TIMESTAMP NOT NULL,
  known_to TIMESTAMP NOT NULL
);
"""

FINDING_COLUMNS = "item, subject, subject_id, household_id, person_id, area, level, severity, digest"
_REPLACED, _DIFFERENT = "standing_over", "standing_different"  # materialized tables of `reconcile`
_UPDATED = ("level", "severity", "digest", "area", "household_id")  # that may differ in a later finding
EMPTY_FINDINGS = """
SELECT
  NULL::VARCHAR AS item,
  NULL::VARCHAR AS subject,
  NULL::BIGINT AS subject_id,
  NULL::BIGINT AS household_id,
  NULL::BIGINT AS person_id,
  NULL::VARCHAR AS area,
  NULL::VARCHAR AS level,
  NULL::DOUBLE AS severity,
  NULL::VARCHAR AS digest
LIMIT 0
"""
NONE_DISPROVED = "SELECT NULL::VARCHAR AS key LIMIT 0"


@dataclass(frozen=True)
class RenderedChange:
    """The changes of some moved findings, ready for the outbox.

    `select` gives the columns `CHANGE_COLUMNS` and `body` (JSON). With a `template`, a body is the list of
    its bindings.
    """

    select: str
    template: Template | None = None
    parameters: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class OutboxBatch:
    """A materialized table of changes for the outbox, with the template of their bodies."""

    table: str
    template: Template | None


def moved_table(kind: Kind) -> str:
    """The materialized table of a kind's findings that moved: `key, change`, and the columns of a finding."""
    return f"moved_{kind}"


def create(engine: Engine) -> None:
    """Create the ledger's tables that are missing."""
    for statement in SCHEMA.split(";"):
        if statement.strip():
            engine.execute(statement)


def keyed(kind: Kind, findings: str) -> str:
    """A SELECT of findings with their key and kind."""
    return f"""
        SELECT
          '{kind}:' || item || ':' || subject || ':' || subject_id AS key,
          '{kind}' AS kind,
          {FINDING_COLUMNS}
        FROM {findings}
        """


@dataclass(frozen=True)
class Compared:
    """Findings of a kind, to be compared with the active ones.

    `findings` and `disproved` are materialized tables of findings and of keys known to be false. `expiry`
    gives by item the days after which an unknown finding is cleared.
    """

    kind: Kind
    findings: str
    disproved: str
    expiry: Mapping[str, int]


def find_moves(
    engine: Engine, compared: Sequence[Compared], active: str, as_of: dt.date, *, scoped: bool
) -> dict[Kind, dict[str, dict[str, int]]]:
    """Compare findings with the table `active`, and materialize the `moved_table` of each kind.

    With `scoped`, only households in view are compared. Findings in the table `GONE` are cleared.
    Gives by kind and item how many were raised, changed and cleared.
    """
    engine.materialize_each((moved_table(c.kind), _moves(c, active, as_of, scoped), None) for c in compared)
    moved: dict[Kind, dict[str, dict[str, int]]] = {c.kind: {} for c in compared}
    counted = " UNION ALL ".join(
        f"SELECT '{c.kind}' AS kind, item, change FROM {moved_table(c.kind)}" for c in compared
    )
    for kind, item, change, count in engine.rows(
        f"SELECT kind, item, change, count(*) FROM ({counted}) GROUP BY ALL ORDER BY ALL"
    ):
        moved[kind].setdefault(item, {"raised": 0, "changed": 0, "cleared": 0})[change] = count
    return moved


def _moves(compared: Compared, active: str, as_of: dt.date, scoped: bool) -> str:
    found = keyed(compared.kind, compared.findings)
    in_view = "s.household_id IN (SELECT household_id FROM scope_household)" if scoped else "true"
    days = ", ".join(f"('{item}', {days}::BIGINT)" for item, days in compared.expiry.items())
    expired = (
        f"""
        DATE '{as_of}' - s.last_true > (
          SELECT days FROM (VALUES {days}) AS e(item, days) WHERE e.item = s.item
        )
        """
        if days
        else "false"
    )
    return f"""
        SELECT
          f.key,
          CASE WHEN s.key IS NULL THEN 'raised' ELSE 'changed' END AS change,
          f.item,
          f.subject,
          f.subject_id,
          f.household_id,
          f.person_id,
          f.area,
          f.level,
          f.severity
        FROM ({found}) AS f
        LEFT JOIN {active} AS s ON s.key = f.key
        WHERE s.key IS NULL OR s.digest <> f.digest
        UNION ALL
        SELECT
          s.key,
          'cleared',
          s.item,
          s.subject,
          s.subject_id,
          s.household_id,
          s.person_id,
          s.area,
          s.level,
          s.severity
        FROM {active} AS s
        WHERE s.kind = '{compared.kind}'
          AND {in_view}
          AND s.key NOT IN (SELECT key FROM ({found}))
          AND (s.key IN (SELECT key FROM {compared.disproved} UNION ALL SELECT key FROM {GONE}) OR {expired})
        """


def moved_items(engine: Engine, kind: Kind) -> list[str]:
    """The items of a kind with a finding that moved."""
    return [item for (item,) in engine.rows(f"SELECT DISTINCT item FROM {moved_table(kind)} ORDER BY item")]


def removed(kind: Kind, item: str, named: Mapping[str, str]) -> RenderedChange:
    """The rendered changes of an item that the pack has dropped: its findings are cleared by expiry."""
    parameters = {"body": json.dumps({**named, "reason": "removed"}), "item": item}
    select = f"""
        SELECT
          {", ".join(CHANGE_COLUMNS)},
          $body::JSON AS body
        FROM {moved_table(kind)}
        WHERE item = $item
        """
    return RenderedChange(select, parameters=parameters)


def materialize_concerned(engine: Engine, kinds: Iterable[Kind]) -> None:
    """Materialize `CONCERNED`: the households with a finding of `kinds` that moved."""
    union = " UNION ".join(f"SELECT household_id FROM {moved_table(kind)}" for kind in kinds)
    engine.materialize(CONCERNED, union)


def reconcile(
    engine: Engine, findings: Mapping[Kind, str], active: str, as_of: dt.date, *, scoped: bool
) -> None:
    """Bring the active findings up to date with this cycle's, whose tables are given by kind.

    `active` is the table of findings that were active in the scope; with `scoped` it is one of
    `active_findings_of`. Rows without a difference are not rewritten.
    """
    row = "s.row" if scoped else "s.rowid"
    cleared = " UNION ALL ".join(
        f"SELECT key FROM {moved_table(kind)} WHERE change = 'cleared'" for kind in findings
    )
    found = " UNION ALL ".join(keyed(kind, table) for kind, table in findings.items())
    columns = ("key", "kind", *FINDING_COLUMNS.split(", "))
    different = f"""
        SELECT
          {", ".join(f"f.{column}" for column in columns)},
          coalesce(s.opened, $as_of) AS opened,
          greatest(s.last_true, $as_of) AS last_true,
          {row} AS row
        FROM ({found}) AS f
        LEFT JOIN {active} AS s ON s.key = f.key
        WHERE s.key IS NULL
          OR s.last_true < $as_of
          OR {" OR ".join(f"s.{column} IS DISTINCT FROM f.{column}" for column in _UPDATED)}
        """
    engine.materialize(_DIFFERENT, different, {"as_of": as_of})
    replaced = f"""
        SELECT {row} AS row
        FROM {active} AS s
        WHERE s.key IN ({cleared})
        UNION ALL
        SELECT row
        FROM {_DIFFERENT}
        WHERE row IS NOT NULL
        """
    if engine.materialize(
        _REPLACED, replaced
    ):  # by rowid, because a search by key takes longer the more rows there are
        engine.execute(f"DELETE FROM assessment.standing WHERE rowid IN (SELECT row FROM {_REPLACED})")
    engine.execute(f"INSERT INTO assessment.standing SELECT * EXCLUDE (row) FROM {_DIFFERENT}")
    engine.drop(_REPLACED, _DIFFERENT)


def active_findings_of(condition: str) -> str:
    """A SELECT of the active findings that fulfil `condition`, with the rowid of each as `row`."""
    return f"SELECT *, rowid AS row FROM assessment.standing WHERE {condition}"


def decided(engine: Engine, *findings: tuple[Kind, str]) -> str:
    """A hash over all findings that hold now. A replay must arrive at the same."""
    union = " UNION ALL ".join(keyed(kind, table) for kind, table in findings)
    digest = hashlib.sha256()
    for batch in engine.batches(f"SELECT key, level, digest FROM ({union}) ORDER BY key"):
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            digest.update(repr(row).encode())
    return digest.hexdigest()


def write_cycle(engine: Engine, cycle: Mapping[str, Any]) -> None:
    """Record that a cycle ran: its day, scope and pack, and the hash of what it decided."""
    engine.execute(
        "INSERT INTO assessment.cycle VALUES ($cycle_id, $as_of, $known_at, $scope, $pack_hash, $decided)",
        cycle,
    )


def emit(engine: Engine, changes: Iterable[tuple[Kind, RenderedChange]]) -> list[OutboxBatch]:
    """Materialize the rendered changes, one table for each item that moved; the engine computes the bodies.

    `write_changes` puts them into the outbox.
    """
    batches: list[OutboxBatch] = []
    selects: list[tuple[str, str, Mapping[str, Any] | None]] = []
    for kind, change in changes:
        table = f"changes:{change.template.digest if change.template else f'{kind}:{len(batches)}'}"
        template = f"'{change.template.digest}'" if change.template else "NULL"
        select = f"""
            SELECT
              '{kind}' AS kind,
              {", ".join(CHANGE_COLUMNS)},
              {template}::VARCHAR AS form,
              body
            FROM ({change.select})
            """
        selects.append((table, select, change.parameters))
        batches.append(OutboxBatch(table, change.template))
    engine.materialize_each(selects)
    return batches


def write_changes(engine: Engine, cycle_id: int, batches: Sequence[OutboxBatch]) -> None:
    """Append the batches to the outbox, and drop the tables of the cycle.

    All changes of a household are together, its signals first, so that casework reads each case once.
    """
    if batches:
        _write_templates(engine, [batch.template for batch in batches if batch.template])
        seq = int(engine.value("SELECT coalesce(max(seq), 0) FROM assessment.change"))
        order = f"o.household_id, list_position({list(get_args(Kind))}, o.kind), o.key"
        union = " UNION ALL ".join(f"SELECT * FROM {quote(batch.table)}" for batch in batches)
        engine.execute(
            f"""
            INSERT INTO assessment.change
            SELECT
              $seq + row_number() OVER (ORDER BY {order}),
              c.cycle_id,
              c.as_of,
              c.known_at,
              o.kind,
              o.change,
              o.key,
              o.household_id,
              o.person_id,
              o.area,
              c.pack_hash,
              o.form,
              o.body
            FROM ({union}) AS o, assessment.cycle AS c
            WHERE c.cycle_id = $cycle_id
            ORDER BY {order}
            """,
            {"seq": seq, "cycle_id": cycle_id},
        )
    engine.drop(
        CONCERNED, *(moved_table(kind) for kind in get_args(Kind)), *(batch.table for batch in batches)
    )


def _write_templates(engine: Engine, templates: Sequence[Template]) -> None:
    rows = pa.table(
        {
            "digest": pa.array([template.digest for template in templates], pa.string()),
            "text": pa.array([template.text for template in templates], pa.string()),
        }
    )
    with engine.register("cycle_templates", rows):
        engine.execute(
            """
            INSERT INTO assessment.form
            SELECT DISTINCT digest, text
            FROM cycle_templates
            ON CONFLICT DO NOTHING
            """
        )
