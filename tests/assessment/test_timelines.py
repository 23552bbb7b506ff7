"""Timelines of the base pack: the values that somebody counts by hand, and nothing for a month that is not
complete."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from almoner.assessment.timelines import TimelineSeries, circumstances, lines
from almoner.engines import Engine, open_engine
from almoner.policy.model.pack import Pack
from almoner.registry.deliveries import Delivery
from county import AREA, AS_OF, KNOWN_AT, Book, deliveries, months, number, taken_in

EARNER, ELDER, PUPIL = (number(n, dt.date(1990 - n, 1, 1)) for n in range(3))
FIRST, LATER = dt.datetime(2026, 11, 7, 23), KNOWN_AT
JULY, AUGUST, SEPTEMBER, OCTOBER = (dt.date(2026, month, 1) for month in (7, 8, 9, 10))


def by_hand() -> Book:
    """One household of three. Part 0 is complete through August, part 1 through October; part 2 corrects."""
    book = Book({})
    register = {
        "household_no": "H1",
        "registration": "urban",
        "area_code": AREA,
        "sex": "female",
        "status": "resident",
        "updated_on": "2025-01-01",
    }
    for who, born in ((EARNER, "1990-01-01"), (ELDER, "1989-01-01"), (PUPIL, "1988-01-01")):
        book.add(
            "population_register", 0, resident_no=who, name="N", birth_date=born, relation="head", **register
        )
    wage: dict[str, Any] = {"resident_no": EARNER, "employer_code": "E1"}
    for month, amount in (("2026-06", 1000), ("2026-08", 800)):
        book.add("insured_wages", 0, month=month, wage=amount, **wage)
    book.add("insured_wages", 1, month="2026-10", wage=700, **wage)
    book.add("insured_wages", 1, resident_no=EARNER, employer_code="E2", month="2026-10", wage=50.5)
    book.add("insured_wages", 2, month="2026-10", wage=600, **wage)
    book.add("pensions", 0, resident_no=ELDER, month="2026-08", scheme="resident", amount=180)
    book.add("pensions", 1, resident_no=ELDER, month="2026-09", scheme="resident", amount=185)
    cared: dict[str, Any] = {"resident_no": ELDER, "kind": "outpatient", "total_cost": 900}
    book.add("medical_settlements", 0, settlement_no="M1", settled_on="2026-07-31", self_paid=100, **cared)
    book.add("medical_settlements", 0, settlement_no="M2", settled_on="2026-07-01", self_paid=20.25, **cared)
    book.add("medical_settlements", 1, settlement_no="M3", settled_on="2026-09-30", self_paid=9, **cared)
    book.add("medical_settlements", 1, settlement_no="M4", settled_on="2026-11-02", self_paid=7, **cared)
    school = {
        "resident_no": PUPIL,
        "enrolled_on": "2025-09-01",
        "school_code": "S1",
        "stage": "junior",
        "grade": 8,
        "boarding": False,
    }
    book.add("school_register", 0, status="enrolled", **school)
    for month, days, absent, part in (("2026-06", 20, 1, 0), ("2026-07", 0, 0, 0), ("2026-09", 22, 11, 1)):
        book.add(
            "school_attendance", part, resident_no=PUPIL, month=month, school_days=days, absent_days=absent
        )
    for day, litres, part in (
        ("2026-08-30", 10, 0),
        ("2026-08-31", 30, 0),
        ("2026-10-01", 50, 1),
        ("2026-11-03", 9, 1),
    ):
        book.add("elderly_meters", part, resident_no=ELDER, day=day, litres=litres)
    return book


@pytest.fixture(scope="module")
def place(base: Pack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with taken_in(base, deliveries(tmp_path_factory.mktemp("hand"), by_hand())) as engine:
        yield engine


def wanted(pack: Pack, households: Sequence[int]) -> dict[str, Sequence[int]]:
    return dict.fromkeys(pack.timelines, households)


def found(
    engine: Engine, pack: Pack, known_at: dt.datetime = KNOWN_AT, as_of: dt.date = AS_OF
) -> dict[str, dict[dt.date, float]]:
    made = list(lines(engine, pack, as_of, known_at, wanted(pack, [1])))
    assert {line.household_id for line in made} <= {1}
    assert len({line.timeline for line in made}) == len(made)
    return {line.timeline: dict(line.points) for line in made}


def test_the_values_are_those_counted_by_hand(base: Pack, place: Engine) -> None:
    made = found(place, base)
    assert made["income_by_month"] == {
        dt.date(2026, 6, 1): 1000,
        JULY: 0,
        AUGUST: 980,
        SEPTEMBER: 185,
        OCTOBER: 650.5,
    }
    assert made["medical_by_month"] == {JULY: 120.25, AUGUST: 0, SEPTEMBER: 9, OCTOBER: 0}
    assert made["absence_by_month"] == {dt.date(2026, 6, 1): 5, SEPTEMBER: 50}  # July had no school days
    assert made["water_by_month"] == {AUGUST: 20, OCTOBER: 50}


def test_a_month_that_a_feed_is_not_complete_for_is_missing_and_not_zero(base: Pack, place: Engine) -> None:
    made = found(place, base, FIRST)
    assert list(made["income_by_month"]) == [dt.date(2026, 6, 1), JULY, AUGUST]
    assert list(made["medical_by_month"]) == [JULY, AUGUST]
    assert found(place, base)["medical_by_month"].keys() == {
        JULY,
        AUGUST,
        SEPTEMBER,
        OCTOBER,
    }  # and not November


def test_one_late_feed_of_two_holds_the_month_back(base: Pack, tmp_path: Path) -> None:
    every = deliveries(tmp_path, by_hand())
    without = [d for d in every if not (d.feed == "pensions" and d.file.name.endswith("-1.jsonl"))]
    with taken_in(base, without) as engine:
        assert list(found(engine, base)["income_by_month"]) == [dt.date(2026, 6, 1), JULY, AUGUST]
    with taken_in(base, [d for d in every if d.feed != "pensions"]) as engine:
        assert "income_by_month" not in found(engine, base)  # one of its feeds was never delivered


def test_a_corrected_record_changes_the_value_and_the_past_stays_as_it_was_known(
    base: Pack, place: Engine
) -> None:
    before = found(place, base, dt.datetime(2026, 11, 8, 23))
    assert (before["income_by_month"][OCTOBER], found(place, base)["income_by_month"][OCTOBER]) == (
        750.5,
        650.5,
    )


def test_only_the_last_24_months_are_looked_back_on(base: Pack, place: Engine, tmp_path: Path) -> None:
    book = by_hand()
    for month in months(dt.date(2024, 1, 1), 20):
        book.add("insured_wages", 0, resident_no=EARNER, employer_code="E9", month=f"{month:%Y-%m}", wage=10)
    with taken_in(base, deliveries(tmp_path, book)) as engine:
        made = found(engine, base)["income_by_month"]
    assert (min(made), max(made)) == (dt.date(2024, 12, 1), OCTOBER)


def test_only_those_are_told_that_a_timeline_is_wanted_for(base: Pack, place: Engine) -> None:
    asked = {"income_by_month": [1], "water_by_month": [], "medical_by_month": [10**9]}
    assert {line.timeline for line in lines(place, base, AS_OF, KNOWN_AT, asked)} == {"income_by_month"}
    assert list(lines(place, base, AS_OF, KNOWN_AT, {})) == []


def test_lines_of_a_person_name_the_person_by_number_and_their_household(base: Pack, place: Engine) -> None:
    by_id = {line.timeline: line for line in lines(place, base, AS_OF, KNOWN_AT, wanted(base, [1]))}
    elder = place.value("SELECT DISTINCT person_id FROM facts.elderly_meters")
    assert (by_id["water_by_month"].person_id, by_id["water_by_month"].household_id) == (elder, 1)
    assert by_id["income_by_month"].person_id is None


def test_some_households_have_the_lines_of_the_whole_place_filtered(base: Pack, hundred: Path) -> None:
    with open_engine(hundred, read_only=True) as engine:
        homes = [
            h
            for (h,) in engine.rows("SELECT DISTINCT household_id FROM facts.population_register ORDER BY 1")
        ]
        whole = list(lines(engine, base, AS_OF, KNOWN_AT, wanted(base, homes)))
        assert {line.timeline for line in whole} == set(base.timelines)
        for chosen in ([homes[3]], homes[1::3], homes[:60]):
            some = list(lines(engine, base, AS_OF, KNOWN_AT, wanted(base, chosen)))
            assert some == [line for line in whole if line.household_id in chosen]


def test_what_was_computed_is_old_when_a_month_ends_and_not_when_a_day_does(
    base: Pack, tmp_path: Path
) -> None:
    every: list[Delivery] = deliveries(tmp_path, by_hand())
    with taken_in(base, every) as engine:
        now = circumstances(engine, base, AS_OF, KNOWN_AT)
        assert circumstances(engine, base, AS_OF + dt.timedelta(days=1), KNOWN_AT) == now
        assert circumstances(engine, base, AS_OF, FIRST) != now
        assert circumstances(engine, base, dt.date(2026, 12, 1), KNOWN_AT) != now


def test_nothing_of_it_is_left_in_the_engine(base: Pack, place: Engine) -> None:
    made: list[TimelineSeries] = list(lines(place, base, AS_OF, KNOWN_AT, wanted(base, [1])))
    assert made
    left = place.rows(
        "SELECT table_name FROM information_schema.tables WHERE table_name LIKE '%timeline%' OR table_name ="
        " 'scope_household'"
    )
    assert left == []
