"""Plant faults in the rows between the office and the file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from almoner.lab.place.arrays import Bools, Ints, Rng

IMPOSSIBLE_DATE = "2026-02-30"
_HANDFUL = 3
_MOST = 0.01  # of the rows of a file have a bad number


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Shares of rows with a mistyped or missing resident number and of rows written twice.

    A handful of rows a monthly file gets a negative amount in `negative` and, where dates are text, an
    impossible date in `impossible`. `misstated` is a column whose value is wrong at first in a few rows.
    """

    mistyped: float = 0.004
    missing: float = 0.001
    twice: float = 0.002
    negative: str | None = None
    impossible: str | None = None
    misstated: str | None = None


NO_FAULTS = Faults(mistyped=0.0, missing=0.0, twice=0.0)


def misstate(table: pa.Table, column: str, rng: Rng) -> tuple[pa.Table, pa.Table]:
    """Lose a digit of the amount in one row of 200. Gives all rows, and the wrong ones as they should be."""
    wrong = rng.random(len(table)) < 0.005
    values = table[column].to_numpy()
    lost = pa.array(np.where(wrong, np.round(values / 10, 2), values))
    return _replace(table, column, lost), table.filter(pa.array(wrong))


def spoil(table: pa.Table, faults: Faults, monthly: bool, as_text: bool, rng: Rng) -> pa.Table:
    """The rows as they arrive. Impossible dates need `as_text`; odd values occur in `monthly` files only."""
    if not len(table) or faults == NO_FAULTS:
        return table
    spoiled = _repeat(table, faults.twice, rng)
    if monthly and faults.negative:
        spoiled = _negate(spoiled, faults.negative, rng)
    if monthly and as_text and faults.impossible:
        spoiled = _impossible(spoiled, faults.impossible, rng)
    return _mistype(spoiled, faults, rng)


def _repeat(table: pa.Table, share: float, rng: Rng) -> pa.Table:
    twice = np.flatnonzero(rng.random(len(table)) < share)
    return pa.concat_tables([table, table.take(pa.array(twice))]) if len(twice) else table


def _mistype(table: pa.Table, faults: Faults, rng: Rng) -> pa.Table:
    """Change one digit of the sequence, which the checksum always detects, or leave the number empty."""
    chance = rng.random(len(table))
    wrong = chance < faults.mistyped
    missing = (chance >= faults.mistyped) & (chance < faults.mistyped + faults.missing)
    beyond = np.cumsum(wrong | missing) > _MOST * len(table)  # a small file would vouch for nothing
    wrong, missing = wrong & ~beyond, missing & ~beyond
    numbers = table["resident_no"].combine_chunks()
    typed = numbers.filter(pa.array(wrong)).to_pylist()
    steps = rng.integers(1, 10, len(typed)).tolist()
    slips = [
        number[:15] + str((int(number[15]) + step) % 10) + number[16:]
        for number, step in zip(typed, steps, strict=True)
    ]
    numbers = pc.replace_with_mask(numbers, pa.array(wrong), pa.array(slips, pa.string()))
    numbers = pc.if_else(pa.array(missing), pa.scalar(None, pa.string()), numbers)
    return _replace(table, "resident_no", numbers)


def _negate(table: pa.Table, column: str, rng: Rng) -> pa.Table:
    values = table[column].to_numpy()
    return _replace(table, column, pa.array(np.where(_handful(len(table), rng), -values - 1, values)))


def _impossible(table: pa.Table, column: str, rng: Rng) -> pa.Table:
    text = table[column].combine_chunks().cast(pa.string())
    return _replace(table, column, pc.if_else(pa.array(_handful(len(table), rng)), IMPOSSIBLE_DATE, text))


def _handful(size: int, rng: Rng) -> Bools:
    chosen = np.zeros(size, bool)
    rows: Ints = rng.integers(0, size, _HANDFUL)
    chosen[rows] = size > 100 * _HANDFUL
    return chosen


def _replace(table: pa.Table, column: str, values: pa.Array) -> pa.Table:
    return table.set_column(table.schema.get_field_index(column), column, values)
