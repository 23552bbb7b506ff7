"""Slices of a delivery, as every reader yields them: cells are still as delivered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from almoner.intake.faults import Broken
from almoner.intake.limits import MOST_CELLS_AT_ONCE

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
class Totals:
    """What rows of totals below the tables of a file say, once all its slices are read.

    `at_end`: the last table ends with one. `rows` is the number of rows that they state together; None where
    one of them has no number.
    """

    at_end: bool = False
    rows: int | None = 0


@dataclass
class Reading:
    """An opened delivery.

    `unknown_columns` are in the file but not in the contract, and are not read. `unread` names parts of the
    file that were not read, such as a sheet without a header: then the delivery may not count as complete.
    `notes` are sentences about how the file was understood. All are known before the first slice. `totals` is
    known after the last one, where the contract describes a last row that is no record.
    """

    file: Path
    slices: Iterator[Slice]
    unknown_columns: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    totals: Totals | None = field(default=None, init=False)


def rows_at_once(width: int) -> int:
    """How many rows a slice of text takes, so that a wide table needs no more memory than others."""
    return max(1, min(TEXT_ROWS, MOST_CELLS_AT_ONCE // max(width, 1)))


def text_slice(
    names: list[str], lines: list[int], columns: list[list[str | None]], broken: list[Broken]
) -> Slice:
    """A slice of text cells, given by column."""
    arrays = [pa.array(lines, pa.int64()), *(pa.array(column, pa.string()) for column in columns)]
    return Slice(pa.Table.from_arrays(arrays, names=[LINE, *names]), tuple(broken))
