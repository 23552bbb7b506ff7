"""A household keeps its id under another number; a number that is given to others takes nothing along."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from almoner.policy.model.feeds import Feed, Property
from almoner.registry.household_numbers import undo_numbers
from feeds import FEEDS, REGISTER, Place, number, write_csv

RELATION = Property(name="relation", type="string", heads=("head",))
STATUS = Property(
    name="status",
    type="string",
    gone=("left",),
    valid_values=("resident", "left", "dormitory"),
    collective=("dormitory",),
)
FAMILIES = replace(REGISTER, properties=(*REGISTER.properties, RELATION, STATUS), most_members=6)
WITH_FAMILIES: dict[str, Feed] = {**FEEDS, "register": FAMILIES}
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
    "delivery",  # not in the contract: two deliveries are never the same file
]
Homes = Mapping[int, str]  # number of the household, by person


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path / "home", feeds=WITH_FAMILIES)
    yield place
    place.close()


def deliver(
    place: Place,
    month: int,
    homes: Homes,
    *,
    left: Sequence[int] = (),
    head: int = -1,
    status: str = "resident",
    backwards: bool = False,
) -> None:
    rows = [
        [
            number(n),
            f"P{n}",
            "1970-01-01",
            home,
            "male",
            "",
            "",
            "2026-01-01",
            "head" if n == head else "other",
            "left" if n in left else status,
            month,
        ]
        for n, home in homes.items()
    ]
    file = write_csv(place.folder / f"{month}.csv", COLUMNS, rows[::-1] if backwards else rows)
    place.take(file, "register", (dt.datetime(2026, 1, 5, 8) + dt.timedelta(days=30 * month)).isoformat())


def ids(place: Place) -> dict[int, int | None]:
    """The household of each person."""
    whose = {number(n): n for n in range(60)}
    return {whose[no]: home for no, home in place.open_rows("register", "household_id")}


def numbers(place: Place) -> dict[bytes, int]:
    rows = place.engine.rows(
        "SELECT key_index, household_id FROM registry.household WHERE key_index NOT NULL"
    )
    return {bytes(key): home for key, home in rows}


@dataclass(frozen=True)
class Move:
    """Deliveries of a register, and who ends in the first household (that of person 0, or of `of`)."""

    name: str
    before: Homes
    steps: Sequence[Homes]
    keep: Sequence[int]  # have the household's id at the end
    other: Sequence[int] = ()  # have another one
    of: int = 0
    left: Sequence[int] = ()
    head: int = -1


THREE = dict.fromkeys((0, 1, 2), "A")
MOVES = [
    Move("nothing changes", THREE, [THREE], (0, 1, 2)),
    Move("a family moves", THREE, [dict.fromkeys((0, 1, 2), "B")], (0, 1, 2)),
    Move("it moves twice", THREE, [dict.fromkeys((0, 1, 2), "B"), dict.fromkeys((0, 1, 2), "C")], (0, 1, 2)),
    Move("it moves and comes back", THREE, [dict.fromkeys((0, 1, 2), "B"), THREE], (0, 1, 2)),
    Move("a person alone moves", {0: "A"}, [{0: "B"}], (0,)),
    Move("it comes one after the other", THREE, [{0: "B"}, {1: "B"}, {2: "B"}], (0, 1, 2)),
    Move("the last comes first", THREE, [{2: "B"}, {1: "B"}, {0: "B"}], (0, 1, 2)),
    Move("two move and one stays", THREE, [{0: "B", 1: "B"}], (0, 1), (2,)),
    Move("one moves and two stay", THREE, [{2: "B"}], (0, 1), (2,)),
    Move("a couple parts", {0: "A", 1: "A"}, [{1: "B"}], (0,), (1,)),
    Move(
        "a couple parts, both under new numbers", {0: "A", 1: "A"}, [{0: "B", 1: "C"}], (1,), (0,), 0, (), 1
    ),
    Move("a child goes to its grandparents", {**THREE, 8: "G", 9: "G"}, [{2: "G"}], (0, 1), (2, 8, 9)),
    Move("the grandparents keep theirs", {**THREE, 8: "G", 9: "G"}, [{2: "G"}], (2, 8, 9), (0, 1), 8),
    Move("a family joins another", {**THREE, 8: "G"}, [dict.fromkeys((0, 1, 2), "G")], (0, 1, 2, 8)),
    Move(
        "two families join under a new number",
        {**THREE, 8: "G", 9: "G"},
        [dict.fromkeys((0, 1, 2, 8, 9), "N")],
        (0, 1, 2, 8, 9),
    ),
    Move(
        "the number goes to others",
        THREE,
        [{**dict.fromkeys((0, 1, 2), "B"), 20: "A", 21: "A"}],
        (0, 1, 2),
        (20, 21),
    ),
    Move(
        "the number goes to others later",
        THREE,
        [dict.fromkeys((0, 1, 2), "B"), {20: "A", 21: "A"}],
        (0, 1, 2),
        (20, 21),
    ),
    Move(
        "two families change numbers",
        {**THREE, 8: "G", 9: "G"},
        [{**dict.fromkeys((0, 1, 2), "G"), 8: "A", 9: "A"}],
        (0, 1, 2),
        (8, 9),
    ),
    Move(
        "three change in a circle",
        {0: "A", 1: "A", 8: "G", 9: "G", 10: "M"},
        [{0: "G", 1: "G", 8: "M", 9: "M", 10: "A"}],
        (0, 1),
        (8, 9, 10),
    ),
    Move(
        "all are numbered anew",
        {**THREE, 8: "G", 9: "G", 10: "M"},
        [{0: "1", 1: "1", 2: "1", 8: "2", 9: "2", 10: "3"}],
        (0, 1, 2),
        (8, 9, 10),
    ),
    Move(
        "they are numbered anew with new members",
        THREE,
        [{**dict.fromkeys((0, 1, 2), "B"), 20: "B"}],
        (0, 1, 2, 20),
    ),
    Move("a child is born", THREE, [{20: "A"}], (0, 1, 2, 20)),
    Move(
        "the head died and the number follows the head",
        THREE,
        [{0: "A", 1: "B", 2: "B"}],
        (1, 2),
        (),
        0,
        (0,),
    ),
    Move(
        "all of them left and others have the number",
        THREE,
        [{**THREE, 20: "A"}],
        (0, 1, 2),
        (20,),
        0,
        (0, 1, 2),
    ),
]


def in_parts(move: Move) -> bool:
    """Whether the order of its rows does not matter: nobody comes where others are yet to leave."""
    return len(move.before) <= 3 and "others" not in move.name and "parts, both" not in move.name


CASES = [pytest.param(move, False, id=f"{move.name}, together") for move in MOVES]
CASES += [pytest.param(move, True, id=f"{move.name}, one by one") for move in MOVES if in_parts(move)]


@pytest.mark.parametrize("backwards", [False, True], ids=["in order", "backwards"])
@pytest.mark.parametrize(("move", "one_by_one"), CASES)
def test_the_people_keep_their_household(place: Place, move: Move, one_by_one: bool, backwards: bool) -> None:
    deliver(place, 0, move.before, backwards=backwards)
    first = ids(place)[move.of]
    month = 0
    for step in move.steps:
        people = list(step.items())[::-1] if backwards else list(step.items())
        for part in [dict([one]) for one in people] if one_by_one else [step]:
            month += 0 if one_by_one and part != dict([people[0]]) else 1
            deliver(place, month, part, left=move.left, head=move.head, backwards=backwards)
    after = ids(place)
    assert [n for n in move.keep if after[n] != first] == []
    assert [n for n in move.other if after[n] == first] == []


def test_what_was_known_before_a_move_stays(place: Place) -> None:
    deliver(place, 0, {**THREE, 3: "A"})
    before = ids(place)[0]
    deliver(place, 1, {0: "B", 1: "B", 2: "B"})
    rows = place.engine.rows(
        "SELECT count(DISTINCT household_id), count(*) FROM facts.register WHERE known_from < '2026-01-06'"
    )
    assert rows == [(1, 4)]
    assert {ids(place)[n] for n in (0, 1, 2)} == {before}
    assert ids(place)[3] != before  # who stayed has another household from now on


_step = st.dictionaries(st.integers(0, 9), st.sampled_from("ABCDE"), min_size=1)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_step, min_size=1, max_size=5))
def test_people_of_one_number_are_one_household_and_of_two_are_two(steps: list[dict[int, str]]) -> None:
    with TemporaryDirectory() as folder:
        place = Place(Path(folder), feeds=WITH_FAMILIES, in_file=False)
        register: dict[int, str] = {}
        try:
            for month, step in enumerate(steps):
                deliver(place, month, step)
                register |= step
                found = ids(place)
                sizes = {no: list(register.values()).count(no) for no in register.values()}
                if max(sizes.values()) > 6 or None in found.values():
                    return  # no family any more
                assert found.keys() == register.keys()
                homes = {no: {found[n] for n in register if register[n] == no} for no in sizes}
                assert all(len(home) == 1 for home in homes.values())
                assert len(set.union(*homes.values())) == len(homes)
                stored = place.engine.rows(
                    "SELECT count(key_index), count(DISTINCT key_index) FROM registry.household"
                )
                assert stored[0][0] == stored[0][1]
                assert set(found.values()) <= set(numbers(place).values())
        finally:
            place.close()


@pytest.mark.parametrize("step", [move.steps[0] for move in MOVES if move.of == 0 and not move.left])
def test_numbers_that_a_delivery_moved_can_be_given_back(place: Place, step: Homes) -> None:
    deliver(place, 0, {**THREE, 8: "G", 9: "G", 10: "M"})
    before = numbers(place)
    deliver(place, 1, step)
    undo_numbers(place.engine, 2)
    after = numbers(place)
    assert {key: after[key] for key in before} == before


@pytest.mark.parametrize(("people", "is_family"), [(1, True), (5, True), (6, True), (7, False), (40, False)])
def test_a_number_with_too_many_people_is_no_family(place: Place, people: int, is_family: bool) -> None:
    deliver(place, 0, {**dict.fromkeys(range(people), "JT1"), 50: "A", 51: "A"})
    found = ids(place)
    assert len({found[n] for n in range(people)}) == 1
    assert (found[0] is not None) is is_family
    assert found[50] == found[51] is not None
    deliver(place, 1, dict.fromkeys(range(people), "JT1"))
    assert ids(place)[0] == found[0]  # and stays so
    assert place.engine.value("SELECT count(*) FROM facts.register") == people + 2


def test_a_number_grows_beyond_a_family_over_several_deliveries(place: Place) -> None:
    for n in range(8):
        deliver(place, n, {n: "JT1"})
        assert (ids(place)[0] is None) is (n >= 6)
    assert set(ids(place).values()) == {None}


def test_who_left_does_not_count(place: Place) -> None:
    deliver(place, 0, dict.fromkeys(range(9), "A"), left=range(5))
    assert None not in ids(place).values()


def test_a_number_that_the_register_marks_is_no_family(place: Place) -> None:
    deliver(place, 0, {0: "A", 1: "A"}, status="dormitory")
    deliver(place, 1, {2: "B"})
    found = ids(place)
    assert (found[0], found[1]) == (None, None)
    assert found[2] is not None


def test_a_family_moves_out_of_a_collective_number(place: Place) -> None:
    deliver(place, 0, dict.fromkeys(range(9), "JT1"))
    deliver(place, 1, {0: "A", 1: "A"})
    found = ids(place)
    assert found[0] == found[1] is not None
    assert found[2] is None
