"""Read workbooks (.xlsx): the first visible sheet, with cells as text as a department would write it."""

from __future__ import annotations

import datetime as dt
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any
from xml.etree.ElementTree import ParseError

from almoner.errors import DeliveryRefused
from almoner.intake import headers
from almoner.intake.faults import Broken, masked
from almoner.intake.slices import TEXT_ROWS, Reading, Slice, text_slice
from almoner.policy.model.feeds import Feed, Property

EXACT_BELOW = 10**15  # a spreadsheet keeps 15 digits of a number
DAMAGED = (zipfile.BadZipFile, KeyError, ValueError, OSError, ParseError, TypeError)


def read(path: Path, stream: IO[bytes], feed: Feed, advance: Callable[[int], None]) -> Reading:
    """Open a workbook. Raises DeliveryRefused for another kind of file."""
    rows = _rows(path, stream)
    first = next((cells for _, cells in rows if any(_filled(c) for c in cells)), None)
    if first is None:
        raise DeliveryRefused(f"{path.name} is empty. Deliver at least a header.")
    header = headers.match(feed, [_text(c.value) or "" for c in first])
    return Reading(path, _slices(rows, header, advance), list(header.unknown))


def _rows(path: Path, stream: IO[bytes]) -> Iterator[tuple[int, Sequence[Any]]]:
    """Rows of cells with their numbers. Raises DeliveryRefused, also midway, for what openpyxl
    cannot read.
    """
    import openpyxl  # takes long to load, and few deliveries are workbooks
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = openpyxl.load_workbook(stream, read_only=True)
        sheet = next((s for s in book.worksheets if s.sheet_state == "visible"), None)
        if sheet is None:
            return
        sheet.reset_dimensions()
        yield from enumerate(sheet.iter_rows(), start=1)
    except (*DAMAGED, InvalidFileException):
        raise DeliveryRefused(
            f"{path.name} is not a readable .xlsx workbook. Save it again as .xlsx or .csv."
        ) from None


def _slices(
    rows: Iterator[tuple[int, Sequence[Any]]], header: headers.Header, advance: Callable[[int], None]
) -> Iterator[Slice]:
    finished = False
    while not finished:
        lines: list[int] = []
        columns: list[list[str | None]] = [[] for _ in header.columns]
        broken: list[Broken] = []
        finished = True
        for number, cells in rows:
            _take(number, cells, header, lines, columns, broken)
            if len(lines) + len(broken) >= TEXT_ROWS:
                finished = False
                break
        yield text_slice(header.names, lines, columns, broken)
        advance(len(lines) + len(broken))


def _take(
    number: int,
    cells: Sequence[Any],
    header: headers.Header,
    lines: list[int],
    columns: list[list[str | None]],
    broken: list[Broken],
) -> None:
    if not any(_filled(c) for c in cells):
        return
    fault = _fault(number, cells, header)
    if fault:
        broken.append(fault)
        return
    lines.append(number)
    for column, (position, _) in zip(columns, header.columns, strict=True):
        column.append(_text(cells[position].value) if position < len(cells) else None)


def _fault(number: int, cells: Sequence[Any], header: headers.Header) -> Broken | None:
    """A fault that only a workbook can have, if any."""
    if any(_filled(c) for c in cells[header.width :]):
        return Broken(number, "cells", _raw(cells))
    for position, prop in header.columns:
        cell = cells[position] if position < len(cells) else None
        rule = _cell_rule(cell, prop) if cell is not None else None
        if cell is not None and rule:
            return Broken(number, rule, _raw(cells), prop.name, masked(_text(cell.value), prop))
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
