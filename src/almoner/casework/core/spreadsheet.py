"""CSV that spreadsheets open without harm: UTF-8 with its mark, and no cell that is taken for a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence

from almoner.spreadsheet import harmless

MARK = "\ufeff"


class _Echo:
    """A file that gives back what is written."""

    def write(self, text: str) -> str:
        return text


def lines(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a file with this head."""
    writer = csv.writer(_Echo())
    yield MARK + str(writer.writerow([harmless(cell) for cell in head]))
    for row in rows:
        yield str(writer.writerow([harmless(cell) for cell in row]))
