"""What was set can be set back, with a trail: a release, a last day withdrawn, a delivery undone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from almoner.errors import AlmonerError
from almoner.policy.model.feeds import FullList
from almoner.registry import completeness, dirty, releasing, trail, undoing, vouching
from almoner.registry.deliveries import last_received
from feeds import FEEDS, WAGES, Place, number, write_csv

NAMES = ["resident_no", "month", "employer_code", "wage"]
NOW = dt.datetime(2026, 12, 1, 12)
WHO = {"who": "Lin", "reason": "a wrong file", "at": NOW}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path / "home")
    dirty.ensure(place.engine) if place.engine.rows(
        "SELECT 1 FROM information_schema.schemata WHERE schema_name = 'registry'"
    ) else None
    yield place
    place.close()


def take(place: Place, wages: dict[int, float], month: str, at: str, stated: str | None = None) -> int:
    rows = [[number(n), month, "E", wage] for n, wage in wages.items()]
    file = write_csv(place.folder / f"{at}.csv", NAMES, rows)
    receipt = place.take(file, "wages", f"{at}T08:00:00", through=stated)
    dirty.ensure(place.engine)
    return receipt.delivery_id


def wages(place: Place, at: dt.datetime | None = None) -> dict[str, float]:
    known = "known_to = 'infinity'" if at is None else f"known_from <= '{at}' AND known_to > '{at}'"
    persons = {place.vault.index(number(n)): n for n in range(50)}
    index = dict(place.engine.rows("SELECT person_id, number_index FROM registry.person"))
    rows = place.engine.rows(f"SELECT person_id, month, wage FROM facts.wages WHERE {known}")
    found = {f"{persons[bytes(index[p])]} {str(month)[:7]}": float(wage) for p, month, wage in rows}
    assert len(found) == len(rows)
    return found


BEFORE = {1: 10.0, 2: 20.0, 3: 30.0}


@pytest.mark.parametrize(
    "came",
    [
        {1: 11.0},
        {1: 11.0, 2: 20.0},
        {1: 11.0, 2: 22.0, 3: 33.0},
        {4: 40.0},
        {1: 11.0, 4: 40.0},
        {1: 10.0, 2: 20.0, 3: 30.0, 5: 1.0},
        dict.fromkeys(range(6, 40), 1.0),
    ],
)
@pytest.mark.parametrize("month", ["2026-09", "2026-10"])
@pytest.mark.parametrize("at", ["2026-11-06", "2026-11-05", "2036-11-05"])
def test_an_undone_delivery_leaves_what_was_before(
    place: Place, came: dict[int, float], month: str, at: str
) -> None:
    take(place, BEFORE, "2026-09", "2026-10-05")
    before, periods = wages(place), completeness.runs(place.engine)
    last = take(place, came, month, at)
    with_it, moment = wages(place), dt.datetime.fromisoformat(f"{at}T09:00:00")
    undone = undoing.undo(place.engine, WAGES, **WHO)
    assert (undone.delivery_id, wages(place)) == (last, before)
    assert completeness.runs(place.engine) == periods
    assert wages(place, NOW) == before
    if moment < NOW:
        assert wages(place, moment) == with_it, "what was known in between stays"
    assert last_received(place.engine, "wages") == dt.datetime(2026, 10, 5, 8)
    assert dirty.all_are_dirty(place.engine)
    (step,) = trail.steps(place.engine)
    assert (step.who, step.act, step.delivery_id, step.reason) == ("Lin", "undo", last, "a wrong file")
    again = take(place, came, month, "2026-12-02")
    assert (again > last, wages(place)) == (True, with_it)


def test_deliveries_are_undone_one_after_the_other(place: Place) -> None:
    states = []
    for day, wage in enumerate((1.0, 2.0, 3.0), 5):
        take(place, {1: wage}, "2026-09", f"2026-10-0{day}")
        states.append(wages(place))
    undoing.undo(place.engine, WAGES, **WHO)
    assert wages(place) == states[1]
    undoing.undo(place.engine, WAGES, **WHO)
    assert wages(place) == states[0]
    undoing.undo(place.engine, WAGES, **WHO)
    assert wages(place) == {}
    with pytest.raises(AlmonerError, match="no delivery"):
        undoing.undo(place.engine, WAGES, **WHO)


def test_a_release_vouches_and_is_kept(place: Place) -> None:
    place.feeds = {**FEEDS, "wages": replace(WAGES, row_count=(5, None))}
    number_ = take(place, BEFORE, "2026-09", "2026-10-05")
    assert completeness.watermarks(place.engine) == {}
    with pytest.raises(AlmonerError, match="reason"):
        releasing.release(place.engine, "wages", number_, who="Lin", reason=" ", at=NOW)
    releasing.release(place.engine, "wages", number_, **WHO)
    assert completeness.watermarks(place.engine) == {"wages": dt.date(2026, 9, 30)}
    assert completeness.watermarks(place.engine, NOW - dt.timedelta(seconds=1)) == {}
    assert vouching.waiting(place.engine) == []
    assert dirty.moved(place.engine) == ["wages"]
    assert [s.act for s in trail.steps(place.engine, "wages")] == ["release"]
    with pytest.raises(AlmonerError, match="waits"):
        releasing.release(place.engine, "wages", number_, **WHO)


@pytest.mark.parametrize(
    ("through", "left"),
    [
        ("2026-09-30", ["2026-09-30"]),
        ("2026-09-15", ["2026-09-15"]),
        ("2026-08-31", ["2026-08-31"]),
        ("2026-01-01", []),
    ],
)
def test_days_that_were_stated_by_mistake_are_withdrawn(place: Place, through: str, left: list[str]) -> None:
    take(place, BEFORE, "2026-08", "2026-09-05", "2026-08-31")
    take(place, BEFORE, "2026-09", "2026-11-05", "2026-10-31")
    day = dt.date.fromisoformat(through)
    assert releasing.withdraw(place.engine, "wages", day, **WHO) == dt.date(2026, 10, 31)
    assert [str(d) for d in completeness.watermarks(place.engine).values()] == left
    assert completeness.watermarks(place.engine, NOW - dt.timedelta(1)) == {"wages": dt.date(2026, 10, 31)}
    with pytest.raises(AlmonerError, match="nothing after"):
        releasing.withdraw(place.engine, "wages", dt.date(2026, 12, 31), **WHO)
    take(place, BEFORE, "2026-09", "2026-12-02", "2026-10-31")
    assert completeness.watermarks(place.engine) == {"wages": dt.date(2026, 10, 31)}


@pytest.mark.parametrize("way", ["reverses", "whole list"])
def test_an_undone_delivery_may_come_again(place: Place, way: str) -> None:
    amount = replace(WAGES.properties[-1], negative="reverses")
    feed = (
        replace(WAGES, properties=(*WAGES.properties[:-1], amount), reversal_of=("month", "employer_code"))
        if way == "reverses"
        else replace(WAGES, full_list=FullList(by_period=True))
    )
    place.feeds = {**FEEDS, "wages": feed}
    many = dict.fromkeys(range(40), 10.0)
    take(place, many, "2026-09", "2026-10-05")
    before = wages(place)
    table = "registry.reversal" if way == "reverses" else "registry.withdrawal"
    for day in ("2026-10-06", "2026-10-07"):
        take(place, {1: -10.0} if way == "reverses" else {1: 10.0}, "2026-09", day)
        assert place.engine.value(f"SELECT count(*) FROM {table}")
        assert ("1 2026-09" in wages(place)) is (way != "reverses")
        undoing.undo(
            place.engine, feed, who="Lin", reason="wrong", at=dt.datetime.fromisoformat(f"{day}T09:00")
        )
        assert wages(place) == before
        assert place.engine.value(f"SELECT count(*) FROM {table}") == 0
