"""CSV that is safe to open in spreadsheets: UTF-8 with a byte order mark, and no cell that is read as a
formula."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence

from almoner.spreadsheet import harmless

MARK = "\ufeff"


class _Echo:
    """A file object that returns what is written to it."""

    def write(self, text: str) -> str:
        return text


def lines(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a CSV file with the header `head`."""
    writer = csv.writer(_Echo())
    yield MARK + str(writer.writerow([harmless(cell) for cell in head]))
    for row in rows:
        yield str(writer.writerow([harmless(cell) for cell in row]))
