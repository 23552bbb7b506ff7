"""Somebody whose number is corrected stays who they are, counts once, and the receipt says so."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path

import pytest

from almoner.intake.json_lines import Objects
from almoner.policy.model.feeds import Feed, Property
from almoner.registry import dirty, undoing
from almoner.registry.deliveries import DeliveryLog, take_rows
from almoner.registry.heads import DeliveryHead
from almoner.registry.lookalikes import NUMBER_LOG
from almoner.registry.writing import clean_up
from feeds import FEEDS, REGISTER, Place, number, write_csv

RELATION = Property(name="relation", type="string", heads=("head",))
STATUS = Property(name="status", type="string", gone=("left",))
PEOPLE = replace(REGISTER, properties=(*REGISTER.properties, RELATION, STATUS), most_members=9)
WITH_PEOPLE: dict[str, Feed] = {**FEEDS, "register": PEOPLE}
COLUMNS = ["resident_no", "name", "birth_date", "household_no", "sex", "address", "phone", "updated_on"]
COLUMNS += ["relation", "status", "delivery"]  # the last: two deliveries are never the same file


@dataclass(frozen=True)
class Row:
    """Somebody in the register, under the n-th number."""

    n: int
    name: str = "Zhou"
    home: str = "A"
    born: str = "1960-03-12"
    address: str = "Lane 1"
    phone: str = ""
    gone: bool = False


WIFE = Row(1, "Qian", born="1962-05-12")
OLD = Row(0)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path / "home", feeds=WITH_PEOPLE)
    yield place
    place.close()


def deliver(place: Place, month: int, rows: Sequence[Row]) -> str:
    lines = [
        [
            *(number(r.n), r.name, r.born, r.home, "male", r.address, r.phone, "2026-01-01", "other"),
            *("left" if r.gone else "", month),
        ]
        for r in rows
    ]
    file = write_csv(place.folder / f"{month}.csv", COLUMNS, lines)
    at = dt.datetime(2026, 1, 5, 8) + dt.timedelta(days=30 * month)
    receipt = place.take(file, "register", at.isoformat())
    assert receipt.rows_quarantined == 0
    return " ".join(receipt.notes)


def ids(place: Place) -> dict[int, int]:
    """The person of each number."""
    whose = {place.vault.index(number(n)): n for n in range(60)}
    rows = place.engine.rows("SELECT number_index, person_id FROM registry.person")
    return {whose[bytes(index)]: person for index, person in rows}


def living(place: Place) -> int:
    return int(
        place.engine.value(
            "SELECT count(*) FROM facts.register"
            " WHERE known_to = 'infinity' AND coalesce(status, '') <> 'left'"
        )
    )


@dataclass(frozen=True)
class Story:
    """Deliveries; which numbers are one person in the end, how many live, and what the last receipt says."""

    name: str
    steps: Sequence[Sequence[Row]]
    same: Sequence[tuple[int, int]] = ()
    other: Sequence[tuple[int, int]] = ()
    count: int = 2
    says: str = ""


ONE, TWICE, PROBABLY = "another number now", "in the register twice", "probably came under another number"
NEW = Row(5)
STORIES = [
    Story("a whole list", [[OLD, WIFE], [NEW, WIFE]], [(0, 5)], [(0, 1)], 2, ONE),
    Story("only the new row", [[OLD, WIFE], [NEW]], [(0, 5)], [], 2, ONE),
    Story("somebody alone", [[OLD], [NEW]], [(0, 5)], [], 1, ONE),
    Story("the old one goes with it", [[OLD, WIFE], [NEW, replace(OLD, gone=True)]], [(0, 5)], [], 2, ONE),
    Story("the old one goes before", [[OLD, WIFE], [replace(OLD, gone=True)], [NEW]], [(0, 5)], [], 2, ONE),
    Story("the old one goes after", [[OLD, WIFE], [NEW], [replace(OLD, gone=True)]], [(0, 5)], [], 2),
    Story("another telephone", [[OLD, WIFE], [replace(NEW, phone="1"), WIFE]], [(0, 5)], [], 2, ONE),
    Story("a blank in the name", [[OLD, WIFE], [replace(NEW, name="Z hou"), WIFE]], [(0, 5)], [], 2, ONE),
    Story("and it moved", [[OLD, WIFE], [replace(NEW, home="B"), WIFE]], [(0, 5)], [], 2, ONE),
    Story("elsewhere", [[OLD, WIFE], [replace(NEW, home="B", address="Road 2"), WIFE]], [], [(0, 5)], 3),
    Story(
        "without an address",
        [[replace(OLD, address="")], [replace(NEW, home="B", address="")]],
        [],
        [(0, 5)],
        2,
    ),
    Story("both are in the list", [[OLD, WIFE], [OLD, NEW, WIFE]], [], [(0, 5)], 3, TWICE),
    Story("another name", [[OLD, WIFE], [replace(NEW, name="Sun"), WIFE]], [], [(0, 5)], 3),
    Story("twins", [[OLD, WIFE], [replace(NEW, name="Sun"), OLD, WIFE]], [], [(0, 5)], 3),
    Story(
        "twins of whom one is corrected",
        [[OLD, Row(2, "Sun"), WIFE], [NEW, Row(2, "Sun"), WIFE]],
        [(0, 5)],
        [(2, 5)],
        3,
        ONE,
    ),
    Story("twins of one name", [[OLD, Row(2), WIFE], [NEW, WIFE]], [], [(0, 5), (2, 5)], 4, TWICE),
    Story("two came for one", [[OLD, WIFE], [NEW, Row(6), WIFE]], [], [(0, 5), (0, 6)], 4, TWICE),
    Story(
        "a namesake in another household stays",
        [[OLD, Row(2, home="B")], [NEW, Row(2, home="B")]],
        [(0, 5)],
        [(2, 5)],
        2,
        ONE,
    ),
    Story(
        "a namesake elsewhere went too",
        [[OLD, Row(2, home="B", address="x")], [NEW]],
        [(0, 5)],
        [(2, 5)],
        2,
        ONE,
    ),
    Story(
        "numbers swapped between two", [[OLD, WIFE], [replace(OLD, n=1), replace(WIFE, n=0)]], [], [(0, 1)], 2
    ),
    Story("corrected twice", [[OLD, WIFE], [NEW, WIFE], [Row(6), WIFE]], [(0, 5), (5, 6)], [], 2, ONE),
    Story("corrected and back", [[OLD, WIFE], [NEW, WIFE], [OLD, WIFE]], [(0, 5)], [], 2),
    Story(
        "corrected, and both stand later",
        [[OLD, WIFE], [NEW, WIFE], [OLD, NEW, WIFE]],
        [],
        [(0, 5)],
        3,
        TWICE,
    ),
    Story("and they stay two", [[OLD], [NEW], [OLD, NEW], [NEW], [OLD, NEW]], [], [(0, 5)], 2),
    Story(
        "several at once",
        [[OLD, WIFE], [NEW, replace(WIFE, n=6)]],
        [(0, 5), (1, 6)],
        [(5, 6)],
        2,
        "2 persons have another number",
    ),
    Story(
        "the birth date with it",
        [[OLD, WIFE], [replace(NEW, born="1960-03-21"), WIFE]],
        [],
        [(0, 5)],
        2,
        PROBABLY,
    ),
    Story("a month with it", [[OLD], [replace(NEW, born="1960-04-12")]], [], [(0, 5)], 1, PROBABLY),
    Story(
        "a day with it, the old one stands",
        [[OLD], [replace(NEW, born="1960-03-21"), OLD]],
        [],
        [(0, 5)],
        2,
        TWICE,
    ),
    Story("a son with the father's name", [[OLD], [replace(NEW, born="1990-03-12")]], [], [(0, 5)], 2, TWICE),
    Story("a child is born", [[OLD, WIFE], [Row(7, "Zhou C", born="2026-01-01")]], [], [(0, 7)], 3),
    Story(
        "the old one is long gone",
        [[OLD, WIFE], [replace(OLD, gone=True)], [WIFE], [WIFE], [WIFE], [WIFE], [NEW]],
        [(0, 5)],
        [],
        2,
        ONE,
    ),
]


@pytest.mark.parametrize("order", ["in order", "backwards"])
@pytest.mark.parametrize("story", STORIES, ids=lambda s: s.name)
def test_who_is_who(place: Place, story: Story, order: str) -> None:
    for month, step in enumerate(story.steps):
        said = deliver(place, month, step if order == "in order" else step[::-1])
    found = ids(place)
    assert [pair for pair in story.same if found[pair[0]] != found[pair[1]]] == []
    assert [pair for pair in story.other if found[pair[0]] == found[pair[1]]] == []
    assert living(place) == story.count
    assert story.says in said
    if not story.says:
        assert ONE not in said
        assert PROBABLY not in said
    stored = place.store.connection.execute("SELECT count(*), count(DISTINCT number_index) FROM identity")
    persons, numbers = stored.fetchone()
    assert persons == numbers == len(set(found.values()))


@pytest.mark.parametrize("rows", list(permutations([NEW, replace(OLD, gone=True), WIFE, Row(8, "Wu", "B")])))
def test_the_order_of_rows_does_not_matter(place: Place, rows: Sequence[Row]) -> None:
    deliver(place, 0, [OLD, WIFE])
    deliver(place, 1, rows)
    found = ids(place)
    assert found[0] == found[5]
    assert living(place) == 3


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("born", ["1960-03-12", "1960-03-21"])
def test_a_correction_can_be_undone(place: Place, born: str, together: bool) -> None:
    deliver(place, 0, [OLD, WIFE])
    before = ids(place)
    deliver(place, 1, [replace(NEW, born=born), WIFE])
    dirty.ensure(place.engine)
    undoing.undo(place.engine, PEOPLE, who="Lin", reason="two persons", at=dt.datetime(2026, 3, 1))
    assert {n: ids(place)[n] for n in before} == before
    assert living(place) == 2
    assert place.engine.value("SELECT count(*) FROM registry.household") == 1
    rows = [OLD, replace(NEW, born=born), WIFE]
    for month, part in enumerate([rows] if together else [[OLD], [replace(NEW, born=born), OLD]], 2):
        deliver(place, month, part)
    assert ids(place)[0] != ids(place)[5]
    assert living(place) == 3
    left = f"SELECT count(*) FROM {NUMBER_LOG} WHERE state IN ('linked', 'superseded')"
    assert place.engine.value(left) == 0


def test_wages_under_both_numbers_are_of_one_person(place: Place) -> None:
    deliver(place, 0, [OLD, WIFE])
    deliver(place, 1, [NEW, WIFE])
    names = ["resident_no", "month", "employer_code", "wage"]
    rows = [[number(0), "2026-02", "E", 1], [number(5), "2026-03", "E", 2]]
    place.take(write_csv(place.folder / "w.csv", names, rows), "wages", "2026-04-05T08:00:00")
    assert place.engine.rows("SELECT DISTINCT person_id FROM facts.wages") == [(ids(place)[0],)]


def test_no_number_or_name_is_stored_plain(place: Place) -> None:
    deliver(place, 0, [OLD, WIFE])
    deliver(place, 1, [NEW, WIFE])
    for table in ("registry.person", NUMBER_LOG):
        text = str(place.engine.rows(f"SELECT * FROM {table}"))
        assert [plain for plain in (number(0), number(5), "Zhou") if plain in text] == []


def event(place: Place, minute: int, rows: Sequence[Row], *, withdraws: bool = False) -> None:
    """Deliver rows as one slice of a stream, or take them back by their keys."""
    names = ["resident_no"] if withdraws else COLUMNS[:-1]
    cells = [
        [
            *(number(r.n), r.name, r.born, r.home, "male", r.address, r.phone, "2026-01-01", "other"),
            "left" if r.gone else "resident",
        ]
        for r in rows
    ]
    objects = [dict(zip(names, line, strict=False)) for line in cells]
    head = DeliveryHead(
        feed=PEOPLE,
        name="events",
        sha256=str(minute),
        received_at=dt.datetime(2026, 2, 1, 8) + dt.timedelta(minutes=minute),
        ordered=True,
        withdraws=withdraws,
    )
    reader = Objects(head.row_feed, [])
    part = reader.slice(reader.read(line, json.dumps(each)) for line, each in enumerate(objects, 1))
    with place.engine.transaction():
        log = DeliveryLog(place.engine)
        receipt = take_rows(place.engine, place.vault, place.store, log, head, [part])
        log.write()
    assert receipt.rows_quarantined == 0
    clean_up(place.engine, PEOPLE)
    clean_up(place.engine, head.row_feed)


GONE = replace(OLD, gone=True)
EVENTS: list[tuple[str, list[tuple[list[Row], bool]], int]] = [
    ("the new row alone", [([NEW], False)], 2),
    ("then the old one leaves", [([NEW], False), ([GONE], False)], 2),
    ("first the old one leaves", [([GONE], False), ([NEW], False)], 2),
    ("both in one slice", [([NEW, GONE], False)], 2),
    ("both in one slice, the old one first", [([GONE, NEW], False)], 2),
    ("the old row is withdrawn after", [([NEW], False), ([OLD], True)], 2),
    ("the old row is withdrawn before", [([OLD], True), ([NEW], False)], 2),
    ("the new row is withdrawn", [([NEW], False), ([NEW], True)], 1),
    ("the new one leaves", [([NEW], False), ([replace(NEW, gone=True)], False)], 1),
    ("back to the old one, who leaves", [([NEW], False), ([OLD], False), ([GONE], False)], 1),
    ("back to the old one, whose row is withdrawn", [([NEW], False), ([OLD], False), ([OLD], True)], 1),
]


@pytest.mark.parametrize(("name", "slices", "count"), EVENTS, ids=[e[0] for e in EVENTS])
def test_a_correction_by_events(
    place: Place, name: str, slices: list[tuple[list[Row], bool]], count: int
) -> None:
    deliver(place, 0, [OLD, WIFE])
    for minute, (rows, withdraws) in enumerate(slices):
        event(place, minute, rows, withdraws=withdraws)
    assert ids(place)[0] == ids(place)[5]
    assert living(place) == count, name
