"""List the feeds that are books: dated entries, corrected when something ends."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from almoner.lab.place.books import Book
from almoner.lab.place.faults import Faults
from almoner.lab.place.feeds import PlaceFeed, Rows
from almoner.lab.place.files import Shape
from almoner.lab.place.life import Life

_FEW = Faults(mistyped=0.003)
_AMOUNTS = Faults(mistyped=0.003, negative="amount")
# Feed, file form of the history, file form of a month, planted faults.
_MONTHLY: list[tuple[str, Shape, Shape, Faults]] = [
    ("serious_illness", "csv-gb18030", "xlsx", Faults(missing=0.002)),
    ("student_aid_paid", "csv", "csv", _AMOUNTS),
    ("deaths", "csv-gb18030", "csv-gb18030", Faults(mistyped=0.001, missing=0.0003, twice=0.001)),
    ("accidents", "csv-gb18030", "csv-gb18030", Faults(missing=0.004)),
    ("low_income_register", "xlsx", "xlsx", Faults()),
    ("monitored_households", "csv-bom", "xlsx", Faults()),
    ("house_safety", "csv", "csv", Faults(mistyped=0.006, missing=0.002, twice=0.003)),
    ("property_register", "parquet", "csv", _FEW),
    ("vehicles", "csv-gb18030", "csv-gb18030", Faults(mistyped=0.002)),
    ("asset_checks", "csv-bom", "csv-bom", Faults(mistyped=0.001, missing=0.0)),
    ("disaster_losses", "xlsx", "xlsx", Faults()),
    ("children_register", "xlsx", "xlsx", Faults(missing=0.003)),
    ("medical_assistance_paid", "csv", "csv", _AMOUNTS),
    ("public_posts", "csv-gb18030", "xlsx", _FEW),
    ("house_repair_paid", "xlsx", "xlsx", Faults()),
    ("disaster_relief_paid", "xlsx", "xlsx", Faults()),
    ("charity_aid", "csv", "csv", Faults(mistyped=0.006, missing=0.003, twice=0.004)),
]
_YEARLY: list[tuple[str, Shape, Shape, Faults]] = [
    ("insurance_enrolment", "parquet", "parquet", Faults(mistyped=0.002)),
    ("school_costs", "csv", "csv", Faults(mistyped=0.003)),
    ("farm_income", "csv-gb18030", "csv-gb18030", Faults(mistyped=0.005)),
]
_DAILY: list[tuple[str, Shape, Shape, Faults]] = [
    ("disability_register", "csv", "csv", Faults(mistyped=0.002)),
    ("help_requests", "csv-bom", "csv-bom", Faults(mistyped=0.004, missing=0.002)),
]


def office_feeds(life: Life) -> list[PlaceFeed]:
    """In the order in which a month's files arrive."""
    monthly = [_feed(life, *line) for line in _MONTHLY]
    yearly = [_feed(life, *line, sparse=True) for line in _YEARLY]
    daily = [_feed(life, *line, daily=True) for line in _DAILY]
    return [_allowances(life), *monthly, *yearly, *daily]


def _feed(
    life: Life,
    name: str,
    history: Shape,
    monthly: Shape,
    faults: Faults,
    sparse: bool = False,
    daily: bool = False,
) -> PlaceFeed:
    return PlaceFeed(
        name=name,
        rows=_rows(life, life.books[name]),
        history=history,
        monthly=monthly,
        faults=faults,
        daily=daily,
        sparse=sparse,
    )


def _rows(life: Life, book: Book) -> Rows:
    def rows(first: int, after: int) -> Iterator[pa.Table]:
        yield book.table(first, after, life.people.numbers, life.clock)

    return rows


def _allowances(life: Life) -> PlaceFeed:
    def rows(first: int, after: int) -> Iterator[pa.Table]:
        numbers, clock = life.people.numbers, life.clock
        return (life.allowances.table(month, numbers, clock) for month in range(first, after))

    return PlaceFeed(name="allowances_paid", rows=rows, history="parquet", monthly="csv", faults=_AMOUNTS)
