"""Model an office's book: entries recorded some days after an event, and closed when it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from almoner.lab.place.arrays import NEVER, Bools, Days, Floats, Ints, Rng
from almoner.lab.place.clock import Clock
from almoner.lab.place.numbers import numbered

Values: TypeAlias = pa.Array | Ints | Floats | Bools | Days


@dataclass(frozen=True, kw_only=True)
class Book:
    """One entry a row: `person` is whom it is about, `columns` its other values while it is open.

    `known_on` is the day on which the office recorded it; without a day the entry is never delivered. On
    `ended_on` the entry is closed: the column `closing` then shows the day, and `later` replaces columns.
    """

    person: Ints
    columns: Mapping[str, Values]
    known_on: Days
    closing: str | None = None
    ended_on: Days | None = None
    later: Mapping[str, Values] = field(default_factory=dict)

    def table(self, first: int, after: int, numbers: pa.Array, clock: Clock) -> pa.Table:
        """Entries made or closed in the months from `first` up to and without `after`, as known then."""
        end = min(clock.starts[after], clock.today)
        begin = clock.starts[first] if first > 0 else np.datetime64("1900-01-01", "D")
        ended = np.full(len(self.person), NEVER) if self.ended_on is None else self.ended_on
        closed = ended < end
        rows = (self.known_on < end) & ((self.known_on >= begin) | (closed & (ended >= begin)))
        chosen = np.flatnonzero(rows)
        shut = closed[chosen]
        table = {"resident_no": numbers.take(pa.array(self.person[chosen]))}
        for name, values in self.columns.items():
            now = _take(values, chosen)
            table[name] = _where(shut, _take(self.later[name], chosen), now) if name in self.later else now
        if self.closing:
            table[self.closing] = pa.array(np.where(shut, ended[chosen], NEVER))
        return pa.table(table)


def payments(prefix: str, person: Ints, paid_on: Days, columns: Mapping[str, Values]) -> Book:
    """Numbered payments in order of their days, without those that have no day (never made)."""
    order = np.argsort(paid_on, kind="stable")
    order = order[~np.isnat(paid_on[order])]
    fields: dict[str, Values] = {
        "payment_no": numbered(prefix, np.arange(len(order)) + 1, 7),
        "paid_on": paid_on[order],
    }
    fields |= {name: _values(values).take(pa.array(order)) for name, values in columns.items()}
    return Book(person=person[order], columns=fields, known_on=paid_on[order])


def words(names: list[str], which: Ints | Bools) -> pa.DictionaryArray:
    """The name at each position of `which`; null for a negative position."""
    positions = np.asarray(which, np.int8)
    return pa.DictionaryArray.from_arrays(
        pa.array(positions, mask=positions < 0), pa.array(names, pa.string())
    )


def once(person: Ints, day: Days) -> Ints:
    """Rows of the first entry of each person and day, in order of persons, without rows that have no day."""
    dated = np.flatnonzero(~np.isnat(day))
    key = person[dated].astype(np.int64) * 10**6 + day[dated].astype(np.int64) + 200_000
    return dated[np.unique(key, return_index=True)[1]]


def delayed(days: Days, lowest: int, highest: int, rng: Rng) -> Days:
    """Each day and a delay of `lowest` up to and without `highest` days."""
    return np.asarray(days + rng.integers(lowest, highest, len(days)).astype("timedelta64[D]"))


def chosen_of(book: Book, rows: Ints) -> Book:
    """The same book with only these entries."""
    at = pa.array(rows)
    return Book(
        person=book.person[rows],
        columns={name: _values(values).take(at) for name, values in book.columns.items()},
        known_on=book.known_on[rows],
        closing=book.closing,
        ended_on=None if book.ended_on is None else book.ended_on[rows],
        later={name: _values(values).take(at) for name, values in book.later.items()},
    )


def _values(values: Values) -> pa.Array:
    return values if isinstance(values, pa.Array) else pa.array(values)


def _take(values: Values, rows: Ints) -> pa.Array:
    taken = _values(values).take(pa.array(rows))
    return taken.cast(pa.string()) if isinstance(taken, pa.DictionaryArray) else taken


def _where(holds: Bools, then: pa.Array, otherwise: pa.Array) -> pa.Array:
    return pc.if_else(pa.array(holds), then, otherwise)
