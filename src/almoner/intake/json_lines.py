"""Read JSON Lines: one object a line. A property that an object does not have is left out, not empty."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any

from almoner.errors import DeliveryRefused
from almoner.intake import absent, headers, limits
from almoner.intake.delimited import Lines
from almoner.intake.encodings import Encoding
from almoner.intake.faults import Broken, masked
from almoner.intake.row_actions import ACTION
from almoner.intake.slices import TEXT_ROWS, Reading, Slice, text_slice
from almoner.policy.model.feeds import Feed, Property

_Cells = dict[str, str | None]
MOST_KEYS = 1_000  # spellings of property names that are cached


class _DuplicateKey(ValueError):  # noqa: N818 - says what was found
    """An object has a key twice."""


def read(
    path: Path, text: IO[str], encoding: Encoding, feed: Feed, advance: Callable[[int], None]
) -> Reading:
    """Open a delivery in JSON Lines.

    Raises DeliveryRefused when no line of the first slice is an object with the contract's keys.
    """
    lines = Lines(text, encoding, path.name)
    reading = Reading(path, iter(()), notes=lines.notes)
    slices = _Slices(lines, feed, reading)
    first = slices.take()
    if first is None:
        raise DeliveryRefused(f"{path.name} is empty. Deliver at least one object, or a .csv with a header.")
    _refuse_foreign(path, feed, first)
    reading.slices = _all(first, slices, advance)
    return reading


def _all(first: Slice, slices: _Slices, advance: Callable[[int], None]) -> Iterator[Slice]:
    found: Slice | None = first
    while found is not None:
        yield found
        advance(found.rows)
        found = slices.take()


class Objects:
    """Reads JSON objects against a contract. `unknown` collects keys that the contract does not have."""

    def __init__(self, feed: Feed, unknown: list[str]) -> None:
        self._labels, self._unknown = headers.Labels(feed), unknown
        self._met: dict[str, Property] = {}  # by key as it is written
        self._names = [p.name for p in feed.properties]
        self._kept = [p.name for p in absent.kept(feed)]

    def slice(self, found: Iterable[tuple[int, _Cells] | Broken]) -> Slice:
        numbers: list[int] = []
        rows: list[_Cells] = []
        broken: list[Broken] = []
        for each in found:
            if isinstance(each, Broken):
                broken.append(each)
            else:
                numbers.append(each[0])
                rows.append(each[1])
        names = [*self._names, *([ACTION.name] if any(ACTION.name in row for row in rows) else [])]
        columns = [[row.get(name) for row in rows] for name in names]
        if not self._kept:
            return text_slice(names, numbers, columns, broken)
        left_out: list[str | None] = [self._left_out(row) for row in rows]
        return text_slice([*names, absent.ABSENT], numbers, [*columns, left_out], broken)

    def _left_out(self, row: _Cells) -> str:
        if len(row) == len(self._names) and ACTION.name not in row:  # most
            return ""
        return absent.text(name for name in self._kept if name not in row)

    def read(self, number: int, raw: str) -> tuple[int, _Cells] | Broken:
        """The cells of one object; `number` is its line."""
        try:
            found = _DECODER.decode(raw)
        except _DuplicateKey:
            return Broken(number, "duplicate_column", raw)
        except (ValueError, RecursionError):
            return Broken(number, "json", raw)
        if not isinstance(found, dict):
            return Broken(number, "json", raw)
        return self._cells(number, found, raw)

    def _cells(self, number: int, found: dict[str, Any], raw: str) -> tuple[int, _Cells] | Broken:
        cells: _Cells = {}
        for key, value in found.items():
            prop = self._met.get(key) or self._property(key)
            if prop is None:
                self._report(key)
            elif prop.name in cells:
                return Broken(number, "duplicate_column", raw, prop.name)
            elif type(value) is str and value.isascii():  # most
                cells[prop.name] = value
            elif isinstance(value, dict | list) or _surrogates(value):
                return Broken(number, "json", raw, prop.name, _shown(value, prop))
            else:
                cells[prop.name] = _text(value)
        return number, cells

    def _property(self, key: str) -> Property | None:
        prop = self._labels.find(key) if len(key) < headers.LONGEST_LABEL else None
        if prop is not None and len(self._met) < MOST_KEYS:
            self._met[key] = prop
        return prop

    def _report(self, key: str) -> None:
        name = key.strip()[:40]
        if name not in self._unknown and len(self._unknown) < 100:
            self._unknown.append(name)


class _Slices:
    def __init__(self, lines: Lines, feed: Feed, reading: Reading) -> None:
        self._lines, self._reader = lines, Objects(feed, reading.unknown_columns)

    def take(self) -> Slice | None:
        """The next slice; None at the end."""
        found = self._reader.slice(islice(self._objects(limits.MOST_CHARACTERS_AT_ONCE), TEXT_ROWS))
        return found if found.rows else None

    def _objects(self, room: int) -> Iterator[tuple[int, _Cells] | Broken]:
        """Objects, of at most so many characters together and the one that passes them."""
        for line in self._lines:
            number, _ = self._lines.record[-1]
            rule = self._lines.fault
            self._lines.begin()
            if line.strip("\ufeff \t\r\n"):
                raw = line.rstrip("\r\n")
                room -= len(raw)
                yield Broken(number, rule, raw) if rule else self._reader.read(number, raw)
                if room < 0:
                    return


def _shown(value: object, prop: Property) -> str:
    return "" if isinstance(value, dict | list) else masked(str(value), prop)


def _surrogates(value: object) -> bool:
    return isinstance(value, str) and not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value)


def _object_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _DuplicateKey
    return found


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object_once, parse_float=str
)  # `json.loads` with a hook makes one for each text


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _refuse_foreign(path: Path, feed: Feed, first: Slice) -> None:
    if first.table.num_rows == 0:
        raise DeliveryRefused(
            f"{path.name} is not JSON Lines: no line of it is one JSON object. Deliver one object a line,"
            f" without a"
            " list around them."
        )
    filled = {n for n in first.table.column_names if first.table[n].null_count < first.table.num_rows}
    known = {ACTION.name, *(p.name for p in feed.properties)}
    headers.refuse_missing(feed, filled & known, len(filled))
