"""Rows of totals below a table, such as "Total: 1,200": they are no records, and they count the records.

Readers mark them by the rule `trailer`. The last row of a table is taken off; others go to quarantine.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace

from almoner.intake.faults import Broken
from almoner.intake.headers import Header
from almoner.intake.slices import Slice, Totals
from almoner.policy.model.feeds import Feed, Trailer

RULE = "trailer"
_NUMBER = re.compile(r"\d+(?:\.0+)?")


class Recogniser:
    """Tells rows of totals from records, by their first cell that is not empty."""

    def __init__(self, terms: Trailer, header: Header) -> None:
        self._words = tuple(_spelled(word) for word in terms.words)
        columns = {prop.name: position for position, prop in header.columns}
        self._rows = columns.get(terms.rows) if terms.rows else None

    @classmethod
    def of(cls, feed: Feed, header: Header) -> Recogniser | None:
        """For tables of the feed; None where its contract describes no such row."""
        return cls(feed.trailer, header) if feed.trailer else None

    def broken(self, line: int, cells: Sequence[str | None], raw: str) -> Broken | None:
        """The row if it is one of totals, with its number of rows as the `value`; None for a record."""
        first = next((cell for cell in cells if cell and not cell.isspace()), None)
        rest = None if first is None else self._behind(first)
        if rest is None:
            return None
        cell = cells[self._rows] if self._rows is not None and self._rows < len(cells) else None
        return Broken(line, RULE, raw, value=_count(cell or "") or _count(rest))

    def _behind(self, cell: str) -> str | None:
        """What stands behind the word; None where the cell does not begin with one."""
        text = _spelled(cell)
        for word in self._words:
            following = text[len(word) : len(word) + 1]
            if text.startswith(word) and not (
                word[-1].isascii() and following.isascii() and following.isalpha()
            ):
                return text[len(word) :]
        return None


def taken_off(totals: Totals, slices: Iterator[Slice], lines_a_table: int | None) -> Iterator[Slice]:
    """The slices without the last row of each table where it is one of totals, which goes to `totals`.

    `lines_a_table`: tables of one file have lines of as many numbers each (None: there is one table).
    """
    held: Slice | None = None
    for part in slices:
        if not part.rows:
            yield part
            continue
        if held is not None:
            new = lines_a_table and _last(held) // lines_a_table < _last(part) // lines_a_table
            yield _without(totals, held) if new else held
        held = part
    if held is not None:
        yield _without(totals, held)


def _without(totals: Totals, part: Slice) -> Slice:
    last = part.broken[-1] if part.broken else None
    totals.at_end = last is not None and last.rule == RULE and last.line == _last(part)
    if last is None or not totals.at_end:
        return part
    stated = int(last.value) if last.value else None
    totals.rows = None if stated is None or totals.rows is None else totals.rows + stated
    return replace(part, broken=part.broken[:-1])


def _last(part: Slice) -> int:
    """The line of the slice's last row."""
    lines = [row.line for row in part.broken[-1:]]
    if part.table.num_rows:
        lines.append(int(part.table.column(0)[-1].as_py()))
    return max(lines)


def _spelled(text: str) -> str:
    """In one spelling: without blanks between signs that are not of the Latin alphabet, as in "合 计"."""
    plain = unicodedata.normalize("NFKC", text).strip("\ufeff \t\r\n*#").casefold()
    return plain if plain[:1].isascii() else "".join(plain.split())


def _count(text: str) -> str:
    """The one whole number in a text, without separators; empty where there is none or several."""
    found = _NUMBER.findall(re.sub(r"(?<=\d),(?=\d{3})", "", unicodedata.normalize("NFKC", text)))
    return found[0].split(".")[0] if len(found) == 1 and len(found[0]) < 16 else ""
