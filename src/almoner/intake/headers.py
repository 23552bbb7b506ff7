"""Match the columns of a file with the properties of a contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from almoner.errors import DeliveryRefused
from almoner.policy.model.feeds import Feed, Property

_PADDING = " \t\r\n\u3000\u00a0\ufeff"
_LONGEST_NAME = 40


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


def lookup(feed: Feed) -> dict[str, Property]:
    """Properties by name, and by their label in every language."""
    found = {_folded(text): p for p in feed.properties for text in p.label.values()}
    return found | {_folded(p.name): p for p in feed.properties}


def match(feed: Feed, cells: Sequence[str]) -> Header:
    """Match a header with the contract. Raises DeliveryRefused for a missing or repeated column.

    Messages never quote cells, which may be data.
    """
    known = lookup(feed)
    found = [
        (position, known[_folded(cell)]) for position, cell in enumerate(cells) if _folded(cell) in known
    ]
    _refuse_duplicates(feed, [p for _, p in found])
    refuse_missing(feed, {p.name for _, p in found}, len(cells))
    unknown = (cell.strip(_PADDING)[:_LONGEST_NAME] for cell in cells if _folded(cell) not in known)
    return Header(tuple(found), tuple(dict.fromkeys(name for name in unknown if name)), len(cells))


def score(feed: Feed, cells: Sequence[str]) -> int:
    """How many cells of a header the contract knows."""
    known = lookup(feed)
    return sum(_folded(cell) in known for cell in cells)


def refuse_missing(feed: Feed, present: set[str], width: int) -> None:
    missing = [p.name for p in feed.properties if needed(p) and p.name not in present]
    if missing:
        raise DeliveryRefused(
            f"The file lacks the columns {', '.join(missing)} that the contract of {feed.id} requires "
            f"({len(present)} of its {width} columns are known). Add them to the header, by name or by label."
        )


def needed(prop: Property) -> bool:
    return prop.required or prop.key


def _refuse_duplicates(feed: Feed, found: Sequence[Property]) -> None:
    names = [p.name for p in found]
    duplicates = sorted({name for name in names if names.count(name) > 1})
    if duplicates:
        raise DeliveryRefused(
            f"The file has the column {', '.join(duplicates)} of {feed.id} more than once. Keep one."
        )


def _folded(text: str) -> str:
    return text.strip(_PADDING).casefold()
