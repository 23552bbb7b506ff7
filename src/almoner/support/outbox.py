"""Reading the outbox: changes in order, in slices, for casework to apply."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from almoner.engines import Engine
from almoner.support.bodies import Body
from almoner.support.changes import Change

SLICE = 5_000
_COLUMNS = tuple(field.name for field in fields(Change))


def changes_after(engine: Engine, seq: int, rows: int = SLICE) -> Iterator[list[Change]]:
    """Changes with a larger `seq`, oldest first, in slices of at most `rows`."""
    sql = f"SELECT {', '.join(_COLUMNS)} FROM assessment.change WHERE seq > $seq ORDER BY seq LIMIT $rows"
    while found := engine.rows(sql, {"seq": seq, "rows": rows}):
        changes = [_change(row) for row in found]
        yield changes
        seq = changes[-1].seq


def _change(row: tuple[Any, ...]) -> Change:
    values = dict(zip(_COLUMNS, row, strict=True))
    return Change(**values | {"body": Body(values["body"])})
