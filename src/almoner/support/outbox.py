"""Reading the outbox: changes in order, in slices, for casework to apply."""

from __future__ import annotations

import json
from collections.abc import Iterator

from almoner.engines import Engine
from almoner.support.changes import Change

SLICE = 5_000


def changes_after(engine: Engine, seq: int, rows: int = SLICE) -> Iterator[list[Change]]:
    """Changes with a larger `seq`, oldest first, in slices of at most `rows`."""
    sql = """SELECT seq, cycle_id, as_of, known_at, kind, change, key, household_id, person_id, area, pack_hash, body
             FROM assessment.change WHERE seq > $seq ORDER BY seq LIMIT $rows"""
    while found := engine.rows(sql, {"seq": seq, "rows": rows}):
        changes = [Change(*row[:-1], body=json.loads(row[-1])) for row in found]
        yield changes
        seq = changes[-1].seq
