"""What is odd about people in a delivery is said in its receipt, and nothing is held back for it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from almoner.policy.model.feeds import Feed, Property, Role
from almoner.registry import overview
from feeds import AREAS, FEEDS, REGISTER, Place, number, write_csv

RELATION = Property(name="relation", type="string", heads=("head",))
STATUS = Property(name="status", type="string", gone=("left",))
AREA = Property(name="area", type="string", role=Role.AREA)
PEOPLE = replace(REGISTER, properties=(*REGISTER.properties, RELATION, STATUS, AREA), most_members=5)
LISTING = replace(
    AREAS, properties=(*AREAS.properties, Property(name="above", type="string", role=Role.PARENT_AREA))
)
WITH_PEOPLE: dict[str, Feed] = {**FEEDS, "register": PEOPLE, "areas": LISTING}
COLUMNS = [
    "resident_no",
    "name",
    "birth_date",
    "household_no",
    "sex",
    "address",
    "phone",
    "updated_on",
    "relation",
    "status",
    "area",
]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path / "home", feeds=WITH_PEOPLE)
    yield place
    place.close()


def person(
    n: int, home: str = "A", name: str = "", relation: str = "other", status: str = "", area: str = ""
) -> list[object]:
    return [
        number(n),
        name or f"P{n}",
        "1970-01-01",
        home,
        "male",
        "Road 1",
        "",
        "2026-01-01",
        relation,
        status,
        area,
    ]


def remarks(place: Place, rows: Sequence[Sequence[object]], month: int = 0) -> str:
    file = write_csv(place.folder / f"{month}.csv", COLUMNS, rows)
    at = dt.datetime(2026, 1, 5, 8) + dt.timedelta(days=30 * month)
    receipt = place.take(file, "register", at.isoformat())
    assert receipt.rows_quarantined == 0
    return " ".join(receipt.notes)


HEADS = [
    ([("A", "head", ""), ("A", "other", "")], False),
    ([("A", "head", ""), ("A", "head", "")], True),
    ([("A", "head", "left"), ("A", "head", "")], False),
    ([("A", "head", ""), ("B", "head", "")], False),
    ([("A", "head", ""), ("A", "head", ""), ("B", "head", ""), ("B", "head", "")], True),
    ([("A", "other", ""), ("A", "other", "")], False),
]


@pytest.mark.parametrize("apart", [False, True], ids=["together", "one file each"])
@pytest.mark.parametrize(("people", "said"), HEADS)
def test_more_heads_than_one_are_said(
    place: Place, people: list[tuple[str, str, str]], said: bool, apart: bool
) -> None:
    rows = [person(n, home, relation=r, status=s) for n, (home, r, s) in enumerate(people)]
    parts = [[row] for row in rows] if apart else [rows]
    found = " ".join(remarks(place, part, month) for month, part in enumerate(parts))
    assert ("more than one head" in found) is said


@pytest.mark.parametrize(("people", "said"), [(1, False), (5, False), (6, True), (30, True)])
def test_a_collective_number_is_said(place: Place, people: int, said: bool) -> None:
    found = remarks(place, [person(n) for n in range(people)])
    assert (f"{people} persons are not assessed as a family" in found) is said


TWICE = [
    ([person(9, name="P0"), person(0)], True),  # the same name and home under another number
    ([person(9, name="P0"), person(0), person(1)], True),
    ([person(9, name="P0")], False),  # the same person: see test_lookalikes.py
    ([person(9, name="P7")], False),
    ([person(9, home="B", name="P0")], False),
    ([person(0)], False),  # the same number
    ([person(0), person(1), person(9)], False),  # a child is born
]


@pytest.mark.parametrize(("rows", "said"), TWICE)
def test_somebody_who_may_be_in_twice_is_said(place: Place, rows: list[list[object]], said: bool) -> None:
    remarks(place, [person(0), person(1)])
    assert ("in the register twice" in remarks(place, rows, 1)) is said


def test_two_of_one_name_in_the_first_delivery_are_two(place: Place) -> None:
    people = [person(0, name="Wei", relation="head"), person(1, name="Wei")]
    assert remarks(place, people) == ""


def test_an_area_that_nobody_knows_is_said_once_the_areas_came(place: Place) -> None:
    assert remarks(place, [person(0, relation="head", area="9")]) == ""
    areas = write_csv(place.folder / "areas.csv", ["area_code", "area_name", "above"], [["1", "a", ""]])
    place.take(areas, "areas", "2026-02-01T08:00:00")
    found = remarks(place, [person(n, f"H{n}", area=str(n)) for n in range(1, 7)], 2)
    assert "5 areas are not in `areas`: 2, 3, 4, ..." in found
    assert remarks(place, [person(1, "H1", relation="head", area="1")], 3) == ""


@pytest.mark.parametrize(
    ("people", "said"),
    [
        ([("A", "head", ""), ("A", "other", "")], ""),
        ([("A", "other", ""), ("A", "other", "")], "One household has no head"),
        ([("A", "head", "left"), ("A", "other", "")], "One household has no head"),
        ([("A", "other", ""), ("B", "other", "")], "2 households have no head"),
        ([("A", "head", ""), ("B", "other", "")], "One household has no head"),
        ([("A", "other", "left")], ""),
    ],
)
def test_a_household_without_a_head_is_said(
    place: Place, people: list[tuple[str, str, str]], said: str
) -> None:
    found = remarks(place, [person(n, home, relation=r, status=s) for n, (home, r, s) in enumerate(people)])
    assert said in found if said else "no head" not in found


@pytest.mark.parametrize(
    ("homes", "said"),
    [
        (["A"], False),
        (["A", "B"], True),
        (["A", "B", "C"], True),
    ],
)
def test_a_person_in_two_households_is_said(tmp_path: Path, homes: list[str], said: bool) -> None:
    by_home = replace(PEOPLE, properties=tuple(_key(p) for p in PEOPLE.properties))
    place = Place(tmp_path / "home", feeds=WITH_PEOPLE | {"register": by_home})
    found = remarks(place, [*(person(0, home, relation="head") for home in homes), person(1, "Z")])
    assert ("in two households" in found) is said
    place.close()


def _key(prop: Property) -> Property:
    return replace(prop, key=True) if prop.role in (Role.RESIDENT_ID, Role.HOUSEHOLD) else prop


def test_the_remarks_on_the_last_delivery_are_in_the_list_of_feeds(place: Place) -> None:
    said = remarks(place, [person(0), person(1)])
    assert {one.feed: " ".join(one.remarks) for one in overview.of_feeds(place.engine)} == {"register": said}
    assert said
    remarks(place, [person(0, relation="head"), person(1)], 1)
    assert [one.remarks for one in overview.of_feeds(place.engine)] == [()]
