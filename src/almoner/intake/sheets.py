"""Read workbooks (.xlsx).

Every visible sheet with a header, with cells as text as a department would write it.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from almoner.errors import DeliveryRefused
from almoner.intake import headers, limits, workbooks
from almoner.intake.faults import Broken, masked
from almoner.intake.slices import Reading, Slice, rows_at_once, text_slice
from almoner.intake.trailers import Recogniser
from almoner.policy.model.feeds import Feed, Property

EXACT_BELOW = 10**15  # a spreadsheet keeps 15 digits of a number
SHEET_LINES = 10_000_000  # row 5 of the second sheet is line 20,000,005, so that no two rows share a line

_Rows = Iterator[tuple[int, Sequence[Any]]]


@dataclass(frozen=True)
class _Sheet:
    """A sheet with a header. `rows` are those below it; `first_line` is added to their numbers."""

    header: headers.Header
    rows: _Rows
    merged: workbooks.MergedRows
    first_line: int
    totals: Recogniser | None


def read(path: Path, stream: IO[bytes], feed: Feed, advance: Callable[[int], None]) -> Reading:
    """Open a workbook. Raises DeliveryRefused for another kind of file."""
    workbooks.refuse_unreadable(path, stream)
    try:
        return _read(path, stream, feed, advance)
    except (DeliveryRefused, MemoryError):
        raise
    except Exception:  # noqa: BLE001 - whatever openpyxl and its libraries raise
        raise workbooks.unreadable(path) from None


def _read(path: Path, stream: IO[bytes], feed: Feed, advance: Callable[[int], None]) -> Reading:
    import openpyxl  # takes long to load, and few deliveries are workbooks

    book = openpyxl.load_workbook(stream, read_only=True)
    reading = Reading(path, iter(()))
    visible = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    if len(visible) > limits.MOST_SHEETS:
        raise DeliveryRefused(f"{path.name} has {len(visible):,} sheets. Deliver several files.")
    sheets: list[_Sheet] = []
    refusals: list[DeliveryRefused] = []
    for sheet in visible:
        sheet.reset_dimensions()
        try:
            found = _opened(sheet, stream, feed, len(sheets), reading)
        except DeliveryRefused as refused:
            refusals.append(refused)
            reading.unread.append(f"sheet {sheet.title!r}")
        else:
            if found is not None:
                sheets.append(found)
    if refusals and not sheets:
        raise refusals[0]
    if not sheets:
        raise DeliveryRefused(f"{path.name} is empty. Deliver at least a header.")
    _note_sheets(book, sheets, reading)
    slices = itertools.chain.from_iterable(_slices(sheet, advance) for sheet in sheets)
    reading.slices = _guarded(path, slices)
    return reading


def _opened(sheet: Any, stream: IO[bytes], feed: Feed, place: int, reading: Reading) -> _Sheet | None:
    """A sheet up to its header; None when it is empty."""
    rows: _Rows = enumerate(sheet.iter_rows(), start=1)
    first = list(itertools.islice((row for row in rows if any(map(_filled, row[1]))), limits.HEADER_ROWS))
    if not first:
        return None
    limits.refuse_columns(f"Sheet {sheet.title!r}", max(len(cells) for _, cells in first))
    looked = [headers.HeaderRow(n, [_text(c.value) or "" for c in cells]) for n, cells in first]
    found = headers.find(feed, looked)
    reading.notes += found.notes()
    known = reading.unknown_columns
    known += [name for name in found.header.unknown if name not in known]
    ranges = workbooks.merged(stream, sheet._worksheet_path)
    merged = workbooks.MergedRows(ranges, [position for position, _ in found.header.columns])
    below = itertools.chain(first[found.place + 1 :], rows)
    return _Sheet(
        found.header,
        below,
        merged,
        (place + 1) * SHEET_LINES if place else 0,
        Recogniser.of(feed, found.header),
    )


def _note_sheets(book: Any, sheets: list[_Sheet], reading: Reading) -> None:
    """Notes on what is not as in a workbook with one sheet."""
    hidden = [sheet.title for sheet in book.worksheets if sheet.sheet_state != "visible"]
    if hidden:
        reading.notes.append(f"Hidden sheets are not read: {limits.some([repr(name) for name in hidden])}.")
    if len(sheets) > 1:
        reading.notes.append(
            f"{len(sheets)} sheets were read. Row 5 of the second is called line {2 * SHEET_LINES + 5:,},"
            f" and so on."
        )


def _guarded(path: Path, slices: Iterator[Slice]) -> Iterator[Slice]:
    try:
        yield from slices
    except (DeliveryRefused, MemoryError, GeneratorExit):
        raise
    except Exception:  # noqa: BLE001 - whatever openpyxl and its libraries raise
        raise workbooks.unreadable(path) from None


def _slices(sheet: _Sheet, advance: Callable[[int], None]) -> Iterator[Slice]:
    most = rows_at_once(sheet.header.width)
    finished = False
    while not finished:
        lines: list[int] = []
        columns: list[list[str | None]] = [[] for _ in sheet.header.columns]
        broken: list[Broken] = []
        room = limits.MOST_CHARACTERS_AT_ONCE
        finished = True
        for number, cells in sheet.rows:
            room -= _take(number, cells, sheet, lines, columns, broken)
            if room < 0 or len(lines) + len(broken) >= most:
                finished = False
                break
        yield text_slice(sheet.header.names, lines, columns, broken)
        advance(len(lines) + len(broken))


def _take(
    number: int,
    cells: Sequence[Any],
    sheet: _Sheet,
    lines: list[int],
    columns: list[list[str | None]],
    broken: list[Broken],
) -> int:
    """Take one row. Gives how many characters were kept of it."""
    limits.refuse_columns("A row of a sheet", len(cells))
    if not any(_filled(c) for c in cells):
        return 0
    line, size = sheet.first_line + number, 0
    total = sheet.totals.broken(line, [_text(c.value) for c in cells], _raw(cells)) if sheet.totals else None
    if total:
        broken.append(total)
        return len(total.raw)
    rule = "merged_cell" if sheet.merged.touch(number) else None
    fault = Broken(line, rule, _raw(cells)) if rule else _fault(line, cells, sheet.header)
    if fault:
        broken.append(fault)
        return len(fault.raw)
    lines.append(line)
    for column, (position, _) in zip(columns, sheet.header.columns, strict=True):
        text = _text(cells[position].value) if position < len(cells) else None
        size += len(text or "")
        column.append(text)
    return size


def _fault(line: int, cells: Sequence[Any], header: headers.Header) -> Broken | None:
    """A fault that only a workbook can have, if any."""
    if any(_filled(c) for c in cells[header.width :]):
        return Broken(line, "cells", _raw(cells))
    for position, prop in header.columns:
        cell = cells[position] if position < len(cells) else None
        rule = _cell_rule(cell, prop) if cell is not None else None
        if cell is not None and rule:
            return Broken(line, rule, _raw(cells), prop.name, masked(_text(cell.value), prop))
    return None


def _cell_rule(cell: Any, prop: Property) -> str | None:
    if cell.data_type == "f":
        return "formula"
    if cell.data_type == "e":
        return "error_cell"
    rounded = isinstance(cell.value, int | float) and abs(cell.value) >= EXACT_BELOW
    return "precision_lost" if rounded and prop.type == "string" else None


def _text(value: object) -> str | None:
    """A cell as text: whole numbers without a point, midnight as a date."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < EXACT_BELOW else repr(value)
    if isinstance(value, dt.datetime):
        return str(value.date()) if value.time() == dt.time() else str(value)
    return str(value)


def _filled(cell: Any) -> bool:
    return cell.value is not None and str(cell.value).strip() != ""


def _raw(cells: Sequence[Any]) -> str:
    return json.dumps([_text(c.value) for c in cells], ensure_ascii=False)
