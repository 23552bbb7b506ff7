"""Whoever is in the feed of deaths is no member from that day on, whatever the register says."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almoner.engines.duck import DuckEngine
from almoner.policy.model.feeds import Feed, Property, Role
from almoner.registry import schema
from almoner.registry.living import current_deaths
from almoner.registry.scope import SCOPE_TABLE, everywhere, scope_views, up_to, within
from feeds import FEEDS, Place, number, write_csv

DEATHS = replace(
    FEEDS["wages"],
    id="deaths",
    deaths=True,
    properties=(
        FEEDS["wages"].properties[0],
        Property(name="died_on", type="date", role=Role.EVENT_TIME, required=True),
    ),
)
WITH_DEATHS: dict[str, Feed] = {**FEEDS, "deaths": DEATHS}
PEOPLE = ["resident_no", "name", "birth_date", "household_no", "sex", "address", "phone", "updated_on"]
FIRST = dt.date(2026, 7, 1)
MOMENTS = [dt.datetime.combine(FIRST + dt.timedelta(days=n), dt.time(8)) for n in range(6)]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path / "home", feeds=WITH_DEATHS)
    yield place
    place.close()


def register(place: Place, *people: int) -> None:
    rows = [[number(n), f"P{n}", "1940-01-01", f"H{n // 2}", "male", "", "", "2026-06-01"] for n in people]
    place.take(write_csv(place.folder / "register.csv", PEOPLE, rows), "register", "2026-06-02T08:00:00")


def deaths(place: Place, at: str, *died: tuple[int, str]) -> None:
    file = write_csv(
        place.folder / f"deaths{at[:10]}.csv", ["resident_no", "died_on"], [[number(n), d] for n, d in died]
    )
    place.take(file, "deaths", at)


def living(place: Place, at: str, view: str = "register", day: str | None = None) -> int:
    moment = dt.datetime.fromisoformat(at)
    views = scope_views(WITH_DEATHS, moment, None, day=dt.date.fromisoformat(day) if day else None)
    return int(place.engine.value(f"SELECT count(*) FROM ({views[view]})"))


def test_the_register_is_silent_and_the_dead_are_no_members(place: Place) -> None:
    register(place, 0, 1, 2, 3)
    deaths(place, "2026-08-02T08:00:00", (0, "2026-07-20"), (3, "2026-08-01"))
    assert living(place, "2026-08-01T00:00:00") == 4  # not known yet
    assert living(place, "2026-08-03T00:00:00") == 2
    assert living(place, "2026-08-03T00:00:00", "member") == 4  # what they earned is their household's
    days = dict(place.engine.rows(current_deaths(WITH_DEATHS))).values()
    assert sorted(map(str, days)) == ["2026-07-20", "2026-08-01"]


@pytest.mark.parametrize(
    ("day", "alive"), [("2026-07-19", 4), ("2026-07-20", 3), ("2026-07-31", 3), ("2026-08-01", 2)]
)
def test_a_death_counts_from_its_day_on(place: Place, day: str, alive: int) -> None:
    register(place, 0, 1, 2, 3)
    deaths(place, "2026-08-02T08:00:00", (0, "2026-07-20"), (3, "2026-08-01"))
    assert living(place, "2026-09-01T00:00:00", day=day) == alive


def test_a_corrected_day_of_death_replaces_the_first_one(place: Place) -> None:
    register(place, 0, 1)
    deaths(place, "2026-08-02T08:00:00", (0, "2026-07-20"))
    deaths(place, "2026-08-03T08:00:00", (0, "2026-08-02"))
    assert living(place, "2026-08-04T00:00:00", day="2026-08-01") == 2
    assert living(place, "2026-08-04T00:00:00", day="2026-08-02") == 1
    assert living(place, "2026-08-02T09:00:00", day="2026-08-01") == 1  # as it was known then


def test_a_feed_that_never_came_and_a_pack_without_one_leave_everybody(place: Place) -> None:
    register(place, 0, 1)
    moment = dt.datetime.fromisoformat("2026-08-02")
    absent = {"deaths": frozenset(schema.fact_columns(DEATHS) | schema.CLOCKS)}
    for feeds, missing in ((WITH_DEATHS, absent), (dict(FEEDS), {}), (WITH_DEATHS, {})):
        views = scope_views(feeds, moment, None, missing)
        assert place.engine.value(f"SELECT count(*) FROM ({views['register']})") == 2


_death = st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.integers(1, 6))


@settings(max_examples=150, deadline=None)
@given(st.lists(_death, max_size=8), st.sampled_from(MOMENTS), st.integers(0, 5))
def test_everybody_else_and_nobody_dead_is_in_view(
    known: list[tuple[int, int, int, int]], at: dt.datetime, back: int
) -> None:
    """A death is of a person, on a day, known from a day, for some days."""
    day = FIRST + dt.timedelta(days=back)
    engine = DuckEngine(None)
    schema.ensure(engine, WITH_DEATHS)
    engine.execute(
        "INSERT INTO facts.register (person_id, household_id, known_from, known_to) "
        "SELECT n, n // 2, '2026-01-01', 'infinity' FROM range(6) AS r(n)"
    )
    for person, died, since, days in known:
        until = MOMENTS[0] + dt.timedelta(days=since + days)
        engine.execute(
            "INSERT INTO facts.deaths VALUES ($person, $died, $since, $until, 1)",
            {
                "person": person,
                "died": FIRST + dt.timedelta(days=died),
                "since": MOMENTS[since],
                "until": until,
            },
        )
    dead = {
        person
        for person, died, since, days in known
        if FIRST + dt.timedelta(days=died) <= day
        and MOMENTS[since] <= at < MOMENTS[0] + dt.timedelta(days=since + days)
    }
    expected = sorted(set(range(6)) - dead)

    def persons(select: str) -> list[int]:
        return sorted(n for (n,) in engine.rows(f"SELECT person_id FROM ({select})"))

    whole = scope_views(WITH_DEATHS, at, None, day=day)
    assert persons(whole["register"]) == persons(everywhere(WITH_DEATHS, at, day)) == expected
    assert persons(up_to(whole, WITH_DEATHS, day, at)["register"]) == expected
    assert persons(whole["member"]) == list(range(6))
    with engine.register(SCOPE_TABLE, pa.table({"household_id": pa.array([0, 2], pa.int64())})):
        some = [n for n in expected if n // 2 in (0, 2)]
        assert persons(scope_views(WITH_DEATHS, at, [0, 2], day=day)["register"]) == some
        assert persons(within(whole, WITH_DEATHS, SCOPE_TABLE)["register"]) == some
    engine.close()


def test_the_dead_of_any_subset_are_left_out(place: Place) -> None:
    register(place, *range(6))
    for n, chosen in enumerate(product((False, True), repeat=3)):
        died = [(person, "2026-07-20") for person, is_dead in enumerate(chosen) if is_dead]
        at = dt.datetime(2026, 8, 2 + n, 8)
        deaths(place, at.isoformat(), *died)
    assert living(place, "2026-09-01T00:00:00") == 3  # a list that leaves somebody out takes nothing back
