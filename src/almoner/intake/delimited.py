"""Read delimited text (.csv): rows keep their line numbers, and a broken row affects no other."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import IO

from almoner.errors import DeliveryRefused
from almoner.intake import headers, limits
from almoner.intake.encodings import Encoding
from almoner.intake.faults import Broken
from almoner.intake.slices import Reading, Slice, rows_at_once, text_slice
from almoner.intake.trailers import Recogniser
from almoner.policy.model.feeds import Feed

DELIMITERS = ",;\t"
_LINES_LOOKED_AT = 100  # for the first twenty records, which may be blank or have several lines
LONGEST_LINE = (
    1024 * 1024
)  # characters; what is longer is dropped while reading, so that memory stays bounded


class Lines:
    """Physical lines with their numbers.

    Lines that a broken record has consumed can be put back. `name` is the file's, for messages.
    """

    def __init__(self, text: IO[str], encoding: Encoding, name: str) -> None:
        self._text, self._name = text, name
        self._is_doubtful = encoding.is_doubtful
        self.notes = [encoding.note] if encoding.note else []
        self._back: deque[tuple[int, str]] = deque()
        self._number = 0
        self.record: list[tuple[int, str]] = []
        self.fault: str | None = None

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        number, line = self._back.popleft() if self._back else self._read()
        self.record.append((number, line))
        if not line.isascii() and _undecodable(line):
            self.fault = "encoding"
        elif "\0" in line:
            self.fault = "control_character"
        elif len(line) >= LONGEST_LINE:
            self.fault = "too_long"
        elif self._is_doubtful and not line.isascii() and self._is_doubtful(line):
            self.fault = "encoding_doubtful"
        return line

    def peek(self, most: int) -> list[tuple[int, str]]:
        """The next lines, which will be read again: at most so many, and not much more than a long line."""
        found: list[tuple[int, str]] = []
        size = 0
        while len(found) < most and size < LONGEST_LINE:
            try:
                found.append(self._back.popleft() if self._back else self._read())
            except StopIteration:
                break
            size += len(found[-1][1])
        self._back.extendleft(reversed(found))
        return found

    def skip(self, count: int) -> None:
        """Pass over some lines that were looked at."""
        for _ in range(count):
            self._back.popleft()

    def begin(self) -> None:
        """Begin a new record."""
        self.record = []
        self.fault = None

    def put_back(self) -> None:
        """Keep the record's first line only; the others will be read again."""
        self._back.extendleft(reversed(self.record[1:]))
        del self.record[1:]

    def _read(self) -> tuple[int, str]:
        line = self._text.readline(LONGEST_LINE)
        if not line:
            raise StopIteration
        self._number += 1
        if self._number > limits.MOST_ROWS:
            limits.refuse_rows(self._name, self._number)
        if len(line) == LONGEST_LINE and line[-1] not in "\r\n":
            while (more := self._text.readline(LONGEST_LINE)) and more[-1] not in "\r\n":
                pass
        return self._number, line


def read(
    path: Path, text: IO[str], encoding: Encoding, feed: Feed, advance: Callable[[int], None]
) -> Reading:
    """Open a delimited delivery. `advance` is called with the number of rows of each slice."""
    lines = Lines(text, encoding, path.name)
    delimiter, found = _header(path, lines, feed)
    notes = [*lines.notes, *found.notes()]
    header = found.header
    return Reading(
        path,
        _slices(lines, delimiter, header, advance, Recogniser.of(feed, header)),
        list(header.unknown),
        notes=notes,
    )


@dataclass(frozen=True)
class _Records:
    """The first records of a table, read with one delimiter, and how many lines there are to each end."""

    delimiter: str
    rows: list[headers.HeaderRow]
    ends: list[int]


def _header(path: Path, lines: Lines, feed: Feed) -> tuple[str, headers.FoundHeader]:
    first = lines.peek(_LINES_LOOKED_AT)
    if not any(line.strip("\ufeff \r\n") for _, line in first):
        raise DeliveryRefused(f"{path.name} is empty. Deliver at least a header.")
    ways = [way(first, delimiter) for way in (_by_record, _by_line) for delimiter in DELIMITERS]
    ways = [way for way in ways if way.rows]
    labels = headers.Labels(feed)
    complete = (w for w in ways if any(labels.is_complete(row.cells) for row in w.rows))
    best = next(complete, None) or max(ways, key=lambda w: max(labels.score(row.cells) for row in w.rows))
    limits.refuse_columns(path.name, max(len(row.cells) for row in best.rows))
    found = headers.find(feed, best.rows)
    lines.skip(best.ends[found.place])
    return best.delimiter, found


def _by_record(lines: Sequence[tuple[int, str]], delimiter: str) -> _Records:
    """Headers may have line breaks within quotation marks."""
    found = _Records(delimiter, [], [])
    reader = csv.reader((line for _, line in lines), delimiter=delimiter)
    while len(found.rows) < limits.HEADER_ROWS:
        start = reader.line_num
        try:
            cells = next(reader, None)
        except csv.Error:
            break
        if cells is None:
            break
        if any(cell.strip("\ufeff ") for cell in cells):
            found.rows.append(headers.HeaderRow(lines[start][0], cells))
            found.ends.append(reader.line_num)
    return found


def _by_line(lines: Sequence[tuple[int, str]], delimiter: str) -> _Records:
    """Where a quotation mark in a title is never closed."""
    found = _Records(delimiter, [], [])
    for place, (number, line) in enumerate(lines):
        if len(found.rows) < limits.HEADER_ROWS and line.strip("\ufeff \r\n"):
            found.rows.append(headers.HeaderRow(number, _cells(line, delimiter)))
            found.ends.append(place + 1)
    return found


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _slices(
    lines: Lines,
    delimiter: str,
    header: headers.Header,
    advance: Callable[[int], None],
    totals: Recogniser | None,
) -> Iterator[Slice]:
    records = _records(lines, delimiter, header.width, totals)
    cells = _Cells([position for position, _ in header.columns])
    most = rows_at_once(len(header.columns))
    finished = False
    while not finished:
        numbers: list[int] = []
        rows: list[tuple[str, ...]] = []
        broken: list[Broken] = []
        finished = _fill(records, cells, most, numbers, rows, broken)
        columns = list(zip(*rows, strict=True)) or [()] * len(header.columns)
        yield text_slice(header.names, numbers, [list(column) for column in columns], broken)
        advance(len(rows) + len(broken))


class _Cells:
    """Takes a record's cells that the contract knows, in the order of the header."""

    def __init__(self, positions: list[int]) -> None:
        self._get = itemgetter(*positions)
        self._one = len(positions) == 1

    def of(self, row: list[str]) -> tuple[str, ...]:
        found = self._get(row)
        return (found,) if self._one else found


def _fill(
    records: Iterator[tuple[int, list[str]] | Broken],
    cells: _Cells,
    most: int,
    numbers: list[int],
    rows: list[tuple[str, ...]],
    broken: list[Broken],
) -> bool:
    """Take rows for one slice. True when there are no more."""
    room = limits.MOST_CHARACTERS_AT_ONCE
    for record in records:
        if isinstance(record, Broken):
            broken.append(record)
            room -= len(record.raw)
        else:
            row = cells.of(record[1])
            numbers.append(record[0])
            rows.append(row)
            room -= len(row[0]) if len(row) == 1 else sum(map(len, row))
        if room < 0 or len(rows) + len(broken) >= most:
            return False
    return True


def _records(
    lines: Lines, delimiter: str, width: int, totals: Recogniser | None
) -> Iterator[tuple[int, list[str]] | Broken]:
    """Records in order, without blank lines."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.begin()
        try:
            row, rule = next(reader), lines.fault
        except StopIteration:
            return
        except csv.Error as error:
            row, rule = None, "too_long" if "field larger" in str(error) else "quoting"
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
        if totals and row is not None and rule is None:
            number, line = lines.record[0]
            total = totals.broken(number, row, line.rstrip("\r\n"))
            if total:
                yield total
                continue
        if row is not None and rule is None and len(row) == width:
            yield lines.record[0][0], row
        elif row is None or rule or any(cell.strip() for cell in row):
            yield _broken(lines, rule or "cells")


def _broken(lines: Lines, rule: str) -> Broken:
    """The first line of a record that does not fit. Lines that it has consumed are read again."""
    if len(lines.record) > 1:
        lines.put_back()
        rule = "quoting" if rule == "cells" else rule
    number, line = lines.record[0]
    return Broken(number, rule, line.rstrip("\r\n"))


def _undecodable(line: str) -> bool:
    try:
        line.encode()
    except UnicodeEncodeError:
        return True
    return False
