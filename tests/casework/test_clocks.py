"""Due times in working time."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almoner.casework.core.clocks import Clocks, WorkingDays, due_at, nominal_hours
from almoner.errors import AlmonerError
from casework.makers import base_terms

TERMS = base_terms()
WEEKDAYS = WorkingDays(TERMS)
FIVE = dt.time(17)
SPRING_FESTIVAL = WorkingDays(
    TERMS,
    {
        dt.date(2026, 2, 14): True,
        **{dt.date(2026, 2, day): False for day in range(16, 21)},
    },
)
moments = st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2030, 1, 1))


def test_five_working_days_from_friday_afternoon_end_next_friday_at_closing() -> None:
    assert due_at(dt.datetime(2026, 11, 6, 16), 5, "working_days", WEEKDAYS, FIVE) == dt.datetime(
        2026, 11, 13, 17
    )


@pytest.mark.parametrize(("day", "due"), [(7, 13), (8, 13), (9, 16)])
def test_a_weekend_day_is_not_counted(day: int, due: int) -> None:
    start = dt.datetime(2026, 11, day, 11)
    assert due_at(start, 5, "working_days", WEEKDAYS, FIVE) == dt.datetime(2026, 11, due, 17)


def test_spring_festival_is_not_counted_and_its_working_saturday_is() -> None:
    start = dt.datetime(2026, 2, 13, 10)
    assert due_at(start, 1, "working_days", SPRING_FESTIVAL, FIVE) == dt.datetime(2026, 2, 14, 17)
    assert due_at(start, 2, "working_days", SPRING_FESTIVAL, FIVE) == dt.datetime(2026, 2, 23, 17)


def test_hours_run_round_the_clock() -> None:
    assert due_at(dt.datetime(2026, 2, 14, 22), 24, "hours", SPRING_FESTIVAL, FIVE) == dt.datetime(
        2026, 2, 15, 22
    )


def test_days_end_at_closing_whether_worked_or_not() -> None:
    assert due_at(dt.datetime(2026, 11, 6, 9), 2, "days", WEEKDAYS, FIVE) == dt.datetime(2026, 11, 8, 17)


def test_a_department_closes_at_its_own_hour() -> None:
    clocks = Clocks(WEEKDAYS, {"late": dt.time(20)})
    within = {"amount": 1, "unit": "working_days"}
    start = dt.datetime(2026, 11, 6, 9)
    assert clocks.due(start, within, "late") == dt.datetime(2026, 11, 9, 20)
    assert clocks.due(start, within, "not known") == dt.datetime(2026, 11, 9, 17)


def test_an_unknown_unit_is_refused() -> None:
    with pytest.raises(AlmonerError, match="moons"):
        due_at(dt.datetime(2026, 11, 6), 1, "moons", WEEKDAYS, FIVE)


def test_shorter_times_are_more_urgent() -> None:
    terms = [(24, "hours"), (2, "days"), (2, "working_days"), (5, "working_days")]
    start = dt.date(2026, 11, 6)
    hours = [nominal_hours(TERMS, {"amount": amount, "unit": unit}, start) for amount, unit in terms]
    assert hours == sorted(hours)


@given(start=moments, amount=st.integers(1, 60))
def test_working_days_end_on_a_working_day_and_hold_exactly_that_many(
    start: dt.datetime, amount: int
) -> None:
    due = due_at(start, amount, "working_days", SPRING_FESTIVAL, FIVE)
    days = [start.date() + dt.timedelta(days=n + 1) for n in range((due.date() - start.date()).days)]
    assert due.date() in SPRING_FESTIVAL
    assert sum(day in SPRING_FESTIVAL for day in days) == amount
