"""Keep rows that break their contract: the row sealed, its faults masked, until somebody settles it."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from almoner.engines.base import Engine
from almoner.errors import AlmonerError
from almoner.intake import limits
from almoner.intake.faults import BadRow, RowFault
from almoner.registry.vault import Vault
from almoner.spreadsheet import harmless

ROWS_AT_ONCE = 20_000
SEALED_FIELD = "row"
STATES = ("open", "retried", "dismissed")


@dataclass(frozen=True)
class Entry:
    """One row in quarantine. Values in its faults are masked."""

    quarantine_id: int
    delivery_id: int
    state: str
    reason: str | None
    faults: tuple[RowFault, ...]

    @property
    def feed(self) -> str:
        return self.faults[0].feed


@dataclass(kw_only=True)
class Sink:
    """Collects a delivery's bad rows and writes them. `rules` counts faults by rule.

    Raises DeliveryRefused where they are more than `limits` allow.
    """

    engine: Engine
    vault: Vault
    feed: str
    file: str
    delivery_id: int
    received_at: dt.datetime
    rows: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    _characters: int = 0
    _waiting: list[BadRow] = field(default_factory=list)

    def add(self, rows: Iterable[BadRow]) -> None:
        for row in rows:
            self._waiting.append(row)
            self._characters += len(row.raw)
            limits.refuse_bad_rows(self.file, self.rows + len(self._waiting), self._characters)
            if len(self._waiting) >= ROWS_AT_ONCE:
                self.flush()

    def flush(self) -> None:
        """Write the collected rows."""
        if not self._waiting:
            return
        first = int(self.engine.value("SELECT coalesce(max(quarantine_id), 0) + 1 FROM registry.quarantine"))
        with self.engine.register("bad_rows", self._row_table(first)):
            self.engine.execute(
                """
                INSERT INTO registry.quarantine
                SELECT
                  quarantine_id,
                  $delivery_id,
                  $feed,
                  $file,
                  line,
                  row_sealed,
                  'open',
                  NULL,
                  $received_at,
                  NULL
                FROM bad_rows
                """,
                {
                    "delivery_id": self.delivery_id,
                    "feed": self.feed,
                    "file": self.file,
                    "received_at": self.received_at,
                },
            )
        insert_faults(self.engine, enumerate((row.faults for row in self._waiting), first))
        self.rows += len(self._waiting)
        self.rules.update(rule for row in self._waiting for _, _, rule in row.faults)
        self._waiting.clear()

    def _row_table(self, first: int) -> pa.Table:
        ids = list(range(first, first + len(self._waiting)))
        sealed = self.vault.seal_all(ids, SEALED_FIELD, [row.raw for row in self._waiting])
        return pa.table(
            {"quarantine_id": ids, "line": [row.line for row in self._waiting], "row_sealed": sealed}
        )


def insert_faults(
    engine: Engine, faults: Iterable[tuple[int, Sequence[tuple[str | None, str, str]]]]
) -> None:
    """Record faults by quarantine id."""
    flat = [(id_, *fault) for id_, found in faults for fault in found]
    ids, columns, values, rules = zip(*flat, strict=True) if flat else ((), (), (), ())
    table = pa.table(
        [
            pa.array(ids, pa.int64()),
            pa.array(columns, pa.string()),
            pa.array(values, pa.string()),
            pa.array(rules, pa.string()),
        ],
        names=["quarantine_id", "column_name", "value", "rule"],
    )
    with engine.register("found_faults", table):
        engine.execute("INSERT INTO registry.fault FROM found_faults")


def count_open(engine: Engine) -> int:
    """The number of rows that are neither taken in since nor dismissed."""
    return int(engine.value("SELECT count(*) FROM registry.quarantine WHERE state = 'open'"))


def entries(
    engine: Engine,
    *,
    feed: str | None = None,
    rule: str | None = None,
    delivery_id: int | None = None,
    state: str | None = "open",
    limit: int = 1_000,
    offset: int = 0,
) -> list[Entry]:
    """Rows in quarantine, oldest first; None means any."""
    wanted: dict[str, Any] = {"feed": feed, "rule": rule, "delivery_id": delivery_id, "state": state}
    filters = {k: v for k, v in wanted.items() if v is not None}
    where = " AND ".join(_FILTERS[k] for k in filters) or "true"
    found = engine.rows(
        f"""
        WITH chosen AS (
          SELECT *
          FROM registry.quarantine q
          WHERE {where}
          ORDER BY quarantine_id
          LIMIT {int(limit)}
          OFFSET {int(offset)}
        )
        SELECT quarantine_id, delivery_id, state, reason, feed, file, line, column_name, value, rule
        FROM chosen
        JOIN registry.fault USING (quarantine_id)
        ORDER BY quarantine_id, rule, column_name
        """,
        filters,
    )
    return _grouped(found)


_FILTERS = {
    "feed": "q.feed = $feed",
    "state": "q.state = $state",
    "delivery_id": "q.delivery_id = $delivery_id",
    "rule": "q.quarantine_id IN (SELECT quarantine_id FROM registry.fault WHERE rule = $rule)",
}


def export_csv(found: Iterable[Entry]) -> str:
    """Faults as CSV, one a line, for the department that delivered.

    Values are masked, advice is in English and Chinese, and text that a spreadsheet would run is made
    harmless.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(
        ["id", "feed", "file", "line", "column", "value", "rule", "advice_en", "advice_zh", "state"]
    )
    for entry in found:
        for f in entry.faults:
            cells = [
                f.feed,
                f.file,
                f.line,
                f.column or "",
                f.value,
                f.rule,
                f.advice["en"],
                f.advice["zh"],
                entry.state,
            ]
            writer.writerow([entry.quarantine_id, *map(harmless, cells)])
    return text.getvalue()


def dismiss(engine: Engine, quarantine_ids: Sequence[int], reason: str, at: dt.datetime) -> int:
    """Dismiss open rows for a reason. Gives how many were open. Raises AlmonerError without a reason."""
    if not reason.strip():
        raise AlmonerError("Give a reason for dismissing a row: somebody will ask.")
    chosen = (
        f"state = 'open' AND quarantine_id IN ({', '.join(str(int(i)) for i in quarantine_ids) or 'NULL'})"
    )
    with engine.transaction():
        count = int(engine.value(f"SELECT count(*) FROM registry.quarantine WHERE {chosen}"))
        engine.execute(
            f"""
            UPDATE registry.quarantine
            SET state = 'dismissed', reason = $reason, changed_at = $at
            WHERE {chosen}
            """,
            {"reason": reason.strip(), "at": at},
        )
    return count


def _grouped(rows: list[tuple[Any, ...]]) -> list[Entry]:
    found: dict[int, tuple[int, str, str | None, list[RowFault]]] = {}
    for id_, delivery_id, state, reason, feed, file, line, column, value, rule in rows:
        faults = found.setdefault(id_, (delivery_id, state, reason, []))[3]
        faults.append(RowFault(feed=feed, file=file, line=line, column=column, value=value, rule=rule))
    return [
        Entry(id_, origin, state, reason, tuple(faults))
        for id_, (origin, state, reason, faults) in found.items()
    ]
