"""Read delimited text (.csv): rows keep their line numbers, and a broken row affects no other."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from almoner.errors import DeliveryRefused
from almoner.intake import headers
from almoner.intake.faults import Broken
from almoner.intake.slices import TEXT_ROWS, Reading, Slice, text_slice
from almoner.policy.model.feeds import Feed

DELIMITERS = ",;\t"
LONGEST_LINE = (
    1024 * 1024
)  # characters; what is longer is dropped while reading, so that memory stays bounded


class Lines:
    """Physical lines with their numbers.

    Lines that a broken record has consumed can be put back.
    """

    def __init__(self, text: IO[str]) -> None:
        self._text = text
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
        return line

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
        if len(line) == LONGEST_LINE and line[-1] not in "\r\n":
            while (more := self._text.readline(LONGEST_LINE)) and more[-1] not in "\r\n":
                pass
        return self._number, line


def read(path: Path, text: IO[str], feed: Feed, advance: Callable[[int], None]) -> Reading:
    """Open a delimited delivery. `advance` is called with the number of rows of each slice."""
    lines = Lines(text)
    delimiter, header = _header(path, lines, feed)
    return Reading(path, _slices(lines, delimiter, header, advance), list(header.unknown))


def _header(path: Path, lines: Lines, feed: Feed) -> tuple[str, headers.Header]:
    first = next((line for line in lines if line.strip("\ufeff \r\n")), None)
    if first is None:
        raise DeliveryRefused(f"{path.name} is empty. Deliver at least a header.")
    delimiter = max(DELIMITERS, key=lambda d: headers.score(feed, _cells(first, d)))
    return delimiter, headers.match(feed, _cells(first, delimiter))


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _slices(
    lines: Lines, delimiter: str, header: headers.Header, advance: Callable[[int], None]
) -> Iterator[Slice]:
    records = _records(lines, delimiter, header.width)
    positions = [position for position, _ in header.columns]
    finished = False
    while not finished:
        numbers: list[int] = []
        rows: list[list[str]] = []
        broken: list[Broken] = []
        finished = _fill(records, numbers, rows, broken)
        columns = list(zip(*rows, strict=True)) or [()] * header.width
        yield text_slice(header.names, numbers, [list(columns[p]) for p in positions], broken)
        advance(len(rows) + len(broken))


def _fill(
    records: Iterator[tuple[int, list[str]] | Broken],
    numbers: list[int],
    rows: list[list[str]],
    broken: list[Broken],
) -> bool:
    """Take rows for one slice. True when there are no more."""
    for record in records:
        if isinstance(record, Broken):
            broken.append(record)
        else:
            numbers.append(record[0])
            rows.append(record[1])
        if len(rows) + len(broken) >= TEXT_ROWS:
            return False
    return True


def _records(lines: Lines, delimiter: str, width: int) -> Iterator[tuple[int, list[str]] | Broken]:
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
