"""Find the header of a table, and match its columns with the properties of a contract.

A label is known with its usual decorations: an asterisk, line breaks and spaces, full-width signs, and in
brackets the unit of the contract, the form of a date, or whether the column must be filled in.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

from almoner.errors import DeliveryRefused
from almoner.intake.faults import LONG_DIGITS
from almoner.intake.limits import HEADER_ROWS, some
from almoner.intake.row_actions import ACTION
from almoner.policy.model.feeds import Feed, Property

_LONGEST_NAME = 40
_SPACES = re.compile(r"[\s\u200b-\u200f\u2060\ufeff\u00ad]+")
_MARKS = " *#:★☆▲△●"  # before or after a label; NFKC has made the full-width ones narrow
_ADDITION = re.compile(r"^(.+?)[(\[【〔{]([^()\[\]【】〔〕{}]*)[)\]】〕}]$")
_DUTIES = frozenset(
    ["required", "optional", "mandatory", "必填", "必填项", "选填", "非必填", "可选", "必输", "必录"]
)  # say whether a column must be filled in


@dataclass(frozen=True)
class Header:
    """A matched header.

    `columns` are (position in the file, property); `unknown` are names of columns that the contract does not
    have.
    """

    columns: tuple[tuple[int, Property], ...]
    unknown: tuple[str, ...]
    width: int

    @property
    def names(self) -> list[str]:
        return [p.name for _, p in self.columns]


@dataclass(frozen=True)
class HeaderRow:
    """One of the first rows of a table: its number in the file, from 1, and its cells."""

    number: int
    cells: Sequence[str]


@dataclass(frozen=True)
class FoundHeader:
    """A header, the place of its row among those that were looked at, and its number in the file."""

    header: Header
    place: int
    number: int

    def notes(self) -> list[str]:
        """What is said of rows that were left out above the header."""
        return [f"The header is row {self.number}; what stands above it was taken for a title."] * bool(
            self.place
        )


class Labels:
    """Knows the properties of a contract by name, and by their label in every language."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self._known = lookup(feed)
        self._additions = {p.name: _additions(p) for p in (*feed.properties, ACTION)}
        self.find: Callable[[str], Property | None] = lru_cache(MOST_LABELS)(self._find)

    def _find(self, cell: str) -> Property | None:
        folded = folded_label(cell)
        found = self._known.get(folded)
        if found is None:
            label, addition = _split(folded)
            prop = self._known.get(label) if addition is not None else None
            found = prop if prop and addition in self._additions[prop.name] else None
        return found

    def nearly(self, cell: str) -> Property | None:
        """The property whose label this is, but for an unknown addition in brackets."""
        return self._known.get(_split(folded_label(cell))[0]) if self.find(cell) is None else None

    def score(self, cells: Sequence[str]) -> int:
        """How many properties the cells name."""
        return len(self._found(cells))

    def is_complete(self, cells: Sequence[str]) -> bool:
        """Whether the cells name every property that a row needs."""
        found = self._found(cells)
        return bool(found) and not lacking(self.feed, found)

    def _found(self, cells: Sequence[str]) -> set[str]:
        return {p.name for c in cells if len(c) < LONGEST_LABEL and (p := self.find(c)) is not None}


MOST_LABELS = 40_000  # spellings that are remembered
LONGEST_LABEL = 400  # characters


def lookup(feed: Feed) -> dict[str, Property]:
    """Properties by name, and by their label in every language, as `folded_label` writes them."""
    found: dict[str, Property] = {}
    for prop in (ACTION, *feed.properties):
        for text in prop.label.values():
            found[folded_label(text)] = prop
            if _split(folded_label(text))[1] is not None:  # a label may have brackets of its own
                found.setdefault(_split(folded_label(text))[0], prop)
    return found | {folded_label(p.name): p for p in feed.properties}


def folded_label(text: str) -> str:
    """A label as it is compared: without decorations, spaces and differences of width and case."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return _SPACES.sub("", plain).strip(_MARKS)


def find(feed: Feed, rows: Sequence[HeaderRow]) -> FoundHeader:
    """The header among the first rows of a table.

    Rows above it are left out when they are titles. Raises DeliveryRefused, and says where the header seems
    to be, when no row has all columns that the contract requires.
    """
    labels = Labels(feed)
    place = next((n for n, row in enumerate(rows) if labels.is_complete(row.cells)), None)
    if place is None:
        _refuse_incomplete(labels, rows)
        place = 0
    for row in rows[:place]:
        if _holds_data(labels, row.cells, rows[place].cells):
            raise DeliveryRefused(
                f"Row {rows[place].number} looks like the header of {feed.id}, but row {row.number} above it"
                " holds data. Put the header first."
            )
    return FoundHeader(match(feed, rows[place].cells, labels), place, rows[place].number)


def match(feed: Feed, cells: Sequence[str], labels: Labels | None = None) -> Header:
    """Match a header with the contract. Raises DeliveryRefused for a missing or repeated column.

    Messages never quote cells, which may be data.
    """
    known = labels or Labels(feed)
    props = [known.find(cell) for cell in cells]
    found = [(position, prop) for position, prop in enumerate(props) if prop is not None]
    _refuse_duplicates(feed, [p for _, p in found])
    refuse_missing(feed, {p.name for _, p in found}, len(cells))
    unknown = (
        _SPACES.sub(" ", cell).strip()[:_LONGEST_NAME]
        for cell, prop in zip(cells, props, strict=True)
        if prop is None
    )
    return Header(tuple(found), tuple(dict.fromkeys(name for name in unknown if name)), len(cells))


def refuse_missing(feed: Feed, present: set[str], width: int, hint: str = "") -> None:
    """Refuse a file that lacks columns. `hint` is a sentence that helps to find the reason."""
    missing = lacking(feed, present)
    if missing:
        raise DeliveryRefused(
            f"The file lacks the columns {some(missing)} that the contract of {feed.id} requires "
            f"({len(present)} of its {width} columns are known).{hint} Add them to the header, by name or by"
            " label."
        )


def lacking(feed: Feed, present: Collection[str]) -> list[str]:
    """The columns that a file must have and that are not `present`.

    One that says what is to be done with its rows needs only the key: its rows may all withdraw.
    """
    keyed = ACTION.name in present and bool(feed.key)
    return [p.name for p in feed.properties if (p.key if keyed else needed(p)) and p.name not in present]


def needed(prop: Property) -> bool:
    return prop.required or prop.key


def _refuse_incomplete(labels: Labels, rows: Sequence[HeaderRow]) -> None:
    scores = [labels.score(row.cells) for row in rows]
    best = max(range(len(rows)), key=lambda n: scores[n])
    row = rows[best]
    if best == 0:
        hint = f" Row {row.number} was taken for the header."
        if scores[0] == 0 and len(rows) > 1:
            hint += f" Nor do the first {HEADER_ROWS} rows have one."
    else:
        hint = f" Row {row.number} seems to be the header."
    near = [
        f"column {n} names {prop.name}, but what stands in brackets is not the contract's unit"
        + (f" ({prop.unit})" if prop.unit else "")
        for n, cell in enumerate(row.cells, start=1)
        if len(cell) < LONGEST_LABEL and (prop := labels.nearly(cell)) is not None
    ]
    if near and scores[best]:
        hint += f" {'; '.join(near[:5]).capitalize()}."
    present = {p.name for c in row.cells if len(c) < LONGEST_LABEL and (p := labels.find(c)) is not None}
    refuse_missing(labels.feed, present, len(row.cells), hint)


def _holds_data(labels: Labels, cells: Sequence[str], header: Sequence[str]) -> bool:
    """Whether a row above a header may be a row of the table. Titles, units and groups of columns are not."""
    filled = [cell for cell in cells if cell.strip()]
    if any(LONG_DIGITS.search(cell) for cell in filled) and len(filled) > 1:
        return True
    known = sum(labels.find(cell) is not None for cell in filled)
    figures = sum(any(c.isdigit() for c in cell) for cell in filled)
    wide = 2 * len(filled) >= sum(1 for cell in header if cell.strip())
    return wide and len(filled) > 2 and (figures > 1 or known > 1)


def _split(folded: str) -> tuple[str, str | None]:
    """A label and what stands in brackets behind it."""
    found = _ADDITION.match(folded)
    return (found[1].strip(_MARKS), found[2]) if found else (folded, None)


def _additions(prop: Property) -> frozenset[str]:
    """What may stand in brackets behind the label of a property."""
    words = [*_DUTIES, *prop.unit_words]
    if prop.unit:
        words += [prop.unit, prop.unit.split("/")[0]]
    if prop.format:
        words.append(prop.format)
    if prop.type in ("date", "timestamp"):
        words += ["yyyy-mm-dd", "yyyy-mm", "yyyy/mm/dd", "yyyy-mm-ddhh:mm:ss"]
    return frozenset(folded_label(word) for word in words)


def _refuse_duplicates(feed: Feed, found: Sequence[Property]) -> None:
    names = [p.name for p in found]
    duplicates = sorted({name for name in names if names.count(name) > 1})
    if duplicates:
        raise DeliveryRefused(
            f"The file has the column {some(duplicates)} of {feed.id} more than once. Keep one."
        )
