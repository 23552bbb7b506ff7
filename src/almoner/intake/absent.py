"""Tell what a file or an event leaves out from what it says is empty.

A column that is left out keeps the values that are stored, unless the contract says `absent: empty`. Rows
that left out columns have the column `ABSENT` of text: the columns' names, each between two commas.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import pyarrow as pa

from almoner.engines.base import quote
from almoner.intake.headers import needed
from almoner.policy.model.feeds import Feed, Property

ABSENT = "_absent"


def kept(feed: Feed) -> tuple[Property, ...]:
    """The columns that may be left out of a correction and then keep their values."""
    if feed.absent == "empty":
        return ()
    return tuple(p for p in feed.properties if not needed(p))


def text(names: Iterable[str]) -> str:
    """The names of columns as rows have them in `ABSENT`; empty without names."""
    listed = ",".join(names)
    return f",{listed}," if listed else ""


def left_out(feed: Feed, columns: Collection[str]) -> tuple[str, ...]:
    """The names of kept columns that are not among `columns`, which a file has."""
    return tuple(p.name for p in kept(feed) if p.name not in columns)


def of_table(feed: Feed, table: pa.Table) -> str | None:
    """SQL of the column `ABSENT` of the rows of a slice; None where they leave out nothing."""
    if ABSENT in table.column_names:
        return f"coalesce({ABSENT}, '')"
    names = left_out(feed, table.column_names)
    return f"'{text(names)}'" if names else None


def is_absent(name: str, rows: str = "") -> str:
    """SQL for whether the column `name` was left out of a row; `rows` is the alias of their table."""
    column = f"{rows}.{ABSENT}" if rows else ABSENT
    return f"contains({column}, ',{name},')"


def unless_absent(prop: Property, left: str, right: str) -> str:
    """SQL of a fact's column: of `left` rows, or of `right` ones where it was left out of `left`."""
    column = quote(prop.fact_column or prop.name)
    return f"CASE WHEN {is_absent(prop.name, left)} THEN {right}.{column} ELSE {left}.{column} END"
