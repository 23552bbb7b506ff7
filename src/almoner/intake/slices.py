"""Slices of a delivery, as every reader yields them: cells are still as delivered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from almoner.intake.faults import Broken

LINE = "_line"
TEXT_ROWS = 65_536
COLUMN_ROWS = 1_000_000


@dataclass(frozen=True)
class Slice:
    """Some rows. `table` has the column `_line` and a column for each property in the file."""

    table: pa.Table
    broken: tuple[Broken, ...] = ()

    @property
    def rows(self) -> int:
        return int(self.table.num_rows) + len(self.broken)


@dataclass
class Reading:
    """An opened delivery. `unknown_columns` are in the file but not in the contract, and are not read."""

    file: Path
    slices: Iterator[Slice]
    unknown_columns: list[str] = field(default_factory=list)


def text_slice(
    names: list[str], lines: list[int], columns: list[list[str | None]], broken: list[Broken]
) -> Slice:
    """A slice of text cells, given by column."""
    arrays = [pa.array(lines, pa.int64()), *(pa.array(column, pa.string()) for column in columns)]
    return Slice(pa.Table.from_arrays(arrays, names=[LINE, *names]), tuple(broken))
