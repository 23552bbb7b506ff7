"""List the departments' feeds: the rows of a period, the form of the files, and the planted faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from almoner.lab.place import register, school
from almoner.lab.place.arrays import stream
from almoner.lab.place.faults import NO_FAULTS, Faults
from almoner.lab.place.files import Shape
from almoner.lab.place.life import Life

Rows = Callable[[int, int], Iterator[pa.Table]]


@dataclass(frozen=True, kw_only=True)
class PlaceFeed:
    """`rows(first, after)` yields the tables of the months from `first` up to and without `after`.

    `daily` feeds continue after the last month; `months_late` is how many monthly files have not come yet;
    `sparse` feeds send a file only when they have rows.
    """

    name: str
    rows: Rows
    history: Shape
    monthly: Shape
    faults: Faults
    months_late: int = 0
    daily: bool = False
    sparse: bool = False


def feeds(life: Life) -> list[PlaceFeed]:
    """All feeds but the list of areas, in the order in which a month's files arrive."""
    numbers, clock = life.people.numbers, life.clock
    amounts = Faults(negative="amount")
    return [
        PlaceFeed(
            name="population_register",
            rows=_population(life),
            history="csv-gb18030",
            monthly="csv-gb18030",
            faults=Faults(mistyped=0.001, missing=0.0003, twice=0.001),
        ),
        PlaceFeed(
            name="insured_wages",
            rows=_by_month(lambda month: life.jobs.table(month, numbers, clock)),
            history="parquet",
            monthly="csv-bom",
            faults=Faults(negative="wage", misstated="wage"),
        ),
        PlaceFeed(
            name="registered_unemployment",
            rows=_once(lambda a, b: life.unemployment.table(a, b, numbers, clock)),
            history="xlsx",
            monthly="xlsx",
            faults=Faults(missing=0.002),
        ),
        PlaceFeed(
            name="medical_settlements",
            rows=_care(life),
            history="parquet",
            monthly="csv",
            faults=Faults(negative="total_cost", impossible="settled_on", misstated="self_paid"),
        ),
        PlaceFeed(
            name="pensions",
            rows=_by_month(lambda month: life.pensions.table(month, numbers, clock)),
            history="parquet",
            monthly="csv-gb18030",
            faults=Faults(mistyped=0.003),
            months_late=1,
        ),
        PlaceFeed(
            name="school_register",
            rows=_once(lambda a, b: school.register(life.school, life.people, a, b, numbers, clock)),
            history="csv-gb18030",
            monthly="csv-gb18030",
            faults=Faults(mistyped=0.003),
        ),
        PlaceFeed(
            name="school_attendance",
            rows=_by_month(lambda month: _attendance(life, month)),
            history="parquet",
            monthly="csv",
            faults=Faults(mistyped=0.003),
        ),
        PlaceFeed(
            name="minimum_living_recipients",
            rows=_by_month(lambda month: life.recipients.table(month, numbers, clock)),
            history="csv",
            monthly="xlsx",
            faults=amounts,
        ),
        PlaceFeed(
            name="temporary_assistance_paid",
            rows=_once(lambda a, b: life.assistance.table(a, b, numbers, clock)),
            history="xlsx",
            monthly="xlsx",
            faults=Faults(),
        ),
        PlaceFeed(
            name="elderly_contacts",
            rows=_by_days(life, life.contacts.table),
            history="csv",
            monthly="csv",
            faults=Faults(impossible="contacted_on"),
            daily=True,
            sparse=True,
        ),
        PlaceFeed(
            name="elderly_meters",
            rows=_by_days(life, life.meters.table),
            history="jsonl.gz",
            monthly="jsonl.gz",
            faults=Faults(mistyped=0.003),
            daily=True,
            sparse=True,
        ),
    ]


def areas(life: Life) -> PlaceFeed:
    """The list of areas, which comes once and first."""
    return PlaceFeed(
        name="areas",
        rows=_once(lambda _first, _after: life.land.table()),
        history="csv",
        monthly="csv",
        faults=NO_FAULTS,
    )


def _by_month(table: Callable[[int], pa.Table]) -> Rows:
    def rows(first: int, after: int) -> Iterator[pa.Table]:
        return (table(month) for month in range(first, after))

    return rows


def _once(table: Callable[[int, int], pa.Table]) -> Rows:
    def rows(first: int, after: int) -> Iterator[pa.Table]:
        yield table(first, after)

    return rows


def _by_days(life: Life, table: Callable[[np.datetime64, np.datetime64, pa.Array], pa.Table]) -> Rows:
    def rows(first: int, after: int) -> Iterator[pa.Table]:
        yield table(life.clock.starts[first], life.clock.starts[after], life.people.numbers)

    return rows


def _population(life: Life) -> Rows:
    written = register.write_down(life.people, life.land, life.clock, stream(life.seed, "register"))
    return _once(lambda first, after: written.table(first, after, life.people, life.clock))


def _care(life: Life) -> Rows:
    def table(first: int, after: int) -> pa.Table:
        chance = stream(life.seed, f"settlements {first}")
        return life.care.table(first, after, life.people.numbers, life.poor, life.clock, chance)

    return _once(table)


def _attendance(life: Life, month: int) -> pa.Table:
    chance = stream(life.seed, f"attendance {month}")
    return school.attendance(life.school, life.people, month, life.people.numbers, life.clock, chance)
