"""A whole list takes back what it no longer names; one that would take back too much waits for a person."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from almoner.errors import AlmonerError
from almoner.policy.model.feeds import Feed, FullList
from almoner.registry import dirty, withdrawals
from almoner.registry.scope import scope_views
from feeds import FEEDS, REGISTER, SCHOOL, WAGES, Place, number, write_csv

BY_MONTH = replace(WAGES, full_list=FullList(by_period=True))
BY_EMPLOYER = replace(WAGES, full_list=FullList(by_period=True, by=("employer_code",)))
OF_ALL = replace(SCHOOL, full_list=FullList())
HEADER = ["resident_no", "month", "employer_code", "wage"]
Row = tuple[int, str, str, object]


class Lists:
    """Delivers lists of wages, one minute after the other."""

    def __init__(self, folder: Path, feed: Feed) -> None:
        self.place = Place(folder, FEEDS | {feed.id: feed}, in_file=False)
        self.feed, self.count, self.at = feed, 0, dt.datetime(2026, 11, 5, 8)

    def take(self, rows: list[Row], through: str | None = None) -> Any:
        self.count += 1
        self.at += dt.timedelta(minutes=1)
        cells = [[number(who), month, employer, wage] for who, month, employer, wage in rows]
        file = write_csv(self.place.folder / f"list{self.count}.csv", HEADER, cells)
        return self.place.take(file, "wages", str(self.at), through)

    def open(self) -> set[tuple[str, str, str]]:
        found = self.place.open_rows("wages", "month, employer_code")
        return {(who, str(month)[:7], employer) for who, month, employer in found}


@pytest.fixture
def months(tmp_path: Path) -> Iterator[Lists]:
    lists = Lists(tmp_path, BY_MONTH)
    yield lists
    lists.place.close()


def keys(rows: list[Row]) -> set[tuple[str, str, str]]:
    return {(number(who), month, employer) for who, month, employer, _ in rows}


def month_of(month: str, people: range | list[int], wage: object = 1) -> list[Row]:
    return [(who, month, "E", wage) for who in people]


def test_whoever_is_on_the_corrected_list_no_more_is_taken_off(months: Lists) -> None:
    months.take(month_of("2026-10", [1, 2]))
    receipt = months.take(month_of("2026-10", [1]))
    assert months.open() == {(number(1), "2026-10", "E")}
    assert (receipt.rows_unchanged, receipt.rows_withdrawn, receipt.withdrawals_waiting) == (1, 1, 0)


def test_a_list_is_about_its_own_months_only(months: Lists) -> None:
    august, october = month_of("2026-08", range(30)), month_of("2026-10", range(30))
    months.take(august)
    months.take(october)
    months.take(month_of("2026-10", range(2, 30)))
    assert months.open() == keys(august) | keys(month_of("2026-10", range(2, 30)))


@pytest.mark.parametrize("seed", range(12))
def test_after_any_lists_the_last_of_each_month_holds(tmp_path: Path, seed: int) -> None:
    """96 lists of 1 to 3 months with 20 to 60 persons; each names nine in ten of them, and some others."""
    chance, lists = random.Random(seed), Lists(tmp_path, replace(BY_MONTH, full_list=FullList(
        by_period=True, most_share=0.5
    )))  # fmt: skip
    held: dict[str, set[int]] = {}
    for _ in range(8):
        rows: list[Row] = []
        for month in chance.sample(["2026-07", "2026-08", "2026-09", "2026-10"], chance.randint(1, 3)):
            before = held.get(month, set(chance.sample(range(150), chance.randint(20, 60))))
            now = {who for who in before if chance.random() < 0.9} | set(chance.sample(range(150), 3))
            rows += [(who, month, "E", chance.randint(1, 3)) for who in sorted(now)]
            held[month] = now
        receipt = lists.take(rows)
        assert receipt.withdrawals_waiting == 0
        assert lists.open() == {(number(w), m, "E") for m, people in held.items() for w in people}
    lists.place.close()


BAD: list[tuple[str, object, bool]] = [
    ("a wage that is no number", "much", True),
    ("a wage that is missing", "", True),
    ("a negative wage", -5, True),
    ("too large a wage", 5_000_000, True),
    ("a formula", "=1+1", True),
]


@pytest.mark.parametrize(("what", "wage", "named"), BAD, ids=[b[0] for b in BAD])
def test_a_row_that_is_held_back_is_named(months: Lists, what: str, wage: object, named: bool) -> None:
    del what, named
    months.take(month_of("2026-10", range(40)))
    receipt = months.take([*month_of("2026-10", range(2, 40)), (1, "2026-10", "E", wage)])
    assert receipt.rows_quarantined == 1
    assert receipt.rows_withdrawn == 1  # of person 0; person 1 keeps what was known
    assert months.open() == keys(month_of("2026-10", range(1, 40)))


BROKEN = {
    "no number": ["", "2026-10", "E", 1],
    "a wrong digit": [number(1)[:-1] + ("0" if number(1)[-1] != "0" else "1"), "2026-10", "E", 1],
    "no month": [number(1), "", "E", 1],
    "a month that does not exist": [number(1), "2026-13", "E", 1],
    "no employer": [number(1), "2026-10", "", 1],
    "too few cells": [number(1), "2026-10"],
}


@pytest.mark.parametrize("row", BROKEN.values(), ids=BROKEN.keys())
def test_nobody_is_taken_off_while_a_key_cannot_be_read(months: Lists, row: list[object]) -> None:
    months.take(month_of("2026-10", range(40)))
    cells = [[number(w), "2026-10", "E", 1] for w in range(2, 40)]
    file = write_csv(months.place.folder / "broken.csv", HEADER, [*cells, row])
    receipt = months.place.take(file, "wages", "2026-11-06T08:00:00")
    assert (receipt.rows_quarantined, receipt.rows_withdrawn, receipt.withdrawals_waiting) == (1, 0, 2)
    assert months.open() == keys(month_of("2026-10", range(40)))


@pytest.mark.parametrize(
    ("before", "named", "waits"),
    [
        (2, 1, 0),
        (40, 21, 0),
        (40, 20, 0),
        (40, 19, 21),
        (100, 80, 0),
        (100, 79, 21),
        (3, 1, 2),
        (150, 1, 149),
        (150, 129, 21),
        (150, 130, 0),
    ],
)
def test_a_list_that_would_take_back_much_waits(months: Lists, before: int, named: int, waits: int) -> None:
    months.take(month_of("2026-10", range(before)))
    receipt = months.take(month_of("2026-10", range(named)))
    assert (receipt.withdrawals_waiting, receipt.rows_withdrawn) == (waits, 0 if waits else before - named)
    assert len(months.open()) == (before if waits else named)
    found = withdrawals.waiting(months.place.engine)
    assert [(w.rows, w.scope) for w in found] == ([(waits, "2026-10-01")] if waits else [])


def test_a_stray_row_of_another_month_takes_nobody_off(months: Lists) -> None:
    months.take(month_of("2026-09", range(30)))
    receipt = months.take([*month_of("2026-10", range(30)), (3, "2026-09", "E", 1)])
    assert (receipt.rows_withdrawn, receipt.withdrawals_waiting) == (0, 29)
    assert months.open() == keys(month_of("2026-09", range(30)) + month_of("2026-10", range(30)))


def test_a_person_lets_it_go_or_stay(months: Lists) -> None:
    engine, feeds = months.place.engine, months.place.feeds
    months.take(month_of("2026-10", range(60)))
    first = months.take(month_of("2026-10", range(10)))
    assert withdrawals.keep(engine, feeds, first.delivery_id, months.at) == 50
    assert (len(months.open()), withdrawals.waiting(engine)) == (60, [])
    second = months.take([*month_of("2026-10", range(10)), (70, "2026-10", "E", 1)])
    closed: list[str] = []
    at = months.at + dt.timedelta(hours=1)
    assert withdrawals.release(engine, feeds, second.delivery_id, at, lambda f, _: closed.append(f.id)) == 50
    assert (len(months.open()), withdrawals.waiting(engine), closed) == (11, [], ["wages"])
    with pytest.raises(AlmonerError, match="Nothing of delivery"):
        withdrawals.release(engine, feeds, second.delivery_id, at)


def test_a_later_list_takes_the_place_of_what_waits(months: Lists) -> None:
    months.take(month_of("2026-10", range(60)))
    months.take(month_of("2026-10", range(10)))
    assert len(withdrawals.waiting(months.place.engine)) == 1
    months.take(month_of("2026-10", range(59)))
    assert withdrawals.waiting(months.place.engine) == []
    assert months.open() == keys(month_of("2026-10", range(59)))


def test_an_empty_list_of_a_month_waits(months: Lists) -> None:
    months.take(month_of("2026-10", range(5)))
    receipt = months.take([], through="2026-10-31")
    assert (receipt.rows_withdrawn, receipt.withdrawals_waiting) == (0, 5)


def test_who_was_taken_off_is_there_for_the_past(months: Lists) -> None:
    months.take(month_of("2026-10", [1, 2]))
    before = months.at
    months.take(month_of("2026-10", [1]))

    def seen(at: dt.datetime) -> int:
        select = scope_views(months.place.feeds, at, None)["wages"]
        return int(months.place.engine.value(f"SELECT count(*) FROM ({select})"))

    assert (seen(before), seen(months.at)) == (2, 1)


def test_who_comes_back_holds_again(months: Lists) -> None:
    for people in ([1, 2], [1], [2, 1]):
        months.take(month_of("2026-10", people))
    assert months.open() == keys(month_of("2026-10", [1, 2]))


def test_a_list_of_one_employer_takes_nobody_off_at_another(tmp_path: Path) -> None:
    lists = Lists(tmp_path, BY_EMPLOYER)
    first = [(w, "2026-10", "A", 1) for w in range(4)]
    second = [(w, "2026-10", "B", 1) for w in range(4)]
    lists.take([*first, *second])
    receipt = lists.take(first[:3])
    assert receipt.rows_withdrawn == 1
    assert lists.open() == keys([*first[:3], *second])
    lists.place.close()


def test_a_list_of_all_takes_off_whoever_it_does_not_name(tmp_path: Path) -> None:
    place = Place(tmp_path, FEEDS | {"school": OF_ALL}, in_file=False)
    rows = [[number(n), f"2026-0{n % 6 + 1}-01", 3] for n in range(40)]
    for n, named in enumerate((rows, rows[1:])):
        file = write_csv(tmp_path / f"s{n}.csv", ["resident_no", "day", "grade"], named)
        place.take(file, "school", f"2026-11-0{n + 1}T08:00:00")
    assert [who for (who, _) in place.open_rows("school", "grade")] == sorted(r[0] for r in rows[1:])
    place.close()


def test_households_that_were_taken_off_are_assessed_anew(months: Lists) -> None:
    names = ["resident_no", "name", "birth_date", "household_no", "sex", "updated_on"]
    people = [[number(n), "A", "1970-01-01", f"H{n}", "male", "2026-10-01"] for n in range(30)]
    place = months.place
    place.take(write_csv(place.folder / "r.csv", names, people), "register", "2026-11-01T08:00:00")
    months.take(month_of("2026-10", range(30)))
    dirty.ensure(place.engine)
    file = write_csv(
        place.folder / "less.csv", HEADER, [[number(w), "2026-10", "E", 1] for w in range(1, 30)]
    )
    from almoner.registry.deliveries import Delivery, take_in

    note = dirty.noting(place.engine, BY_MONTH, REGISTER)
    at = dt.datetime(2026, 11, 6)
    take_in(place.engine, place.vault, place.store, place.feeds, Delivery(file, "wages", at), note=note)
    assert len(dirty.dirty_households(place.engine, 100)) == 1
    assert dirty.any_closed(place.engine)


def test_a_list_of_changes_tells_what_it_does_not_repeat(tmp_path: Path) -> None:
    lists = Lists(tmp_path, WAGES)
    lists.take(month_of("2026-10", range(20)))
    assert lists.take(month_of("2026-10", range(19))).not_named == 1
    assert lists.take(month_of("2026-10", [3], wage=2)).not_named == 0  # a correction
    assert lists.take(month_of("2026-11", range(20))).not_named == 0  # another month
    assert len(lists.open()) == 40
    lists.place.close()
