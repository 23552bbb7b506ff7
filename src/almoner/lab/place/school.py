"""Generate pupils, their grades, missed days and failed courses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from almoner.lab.place.arrays import NEVER, Bools, Days, Floats, Ints, Rng
from almoner.lab.place.clock import Clock
from almoner.lab.place.numbers import numbered
from almoner.lab.place.people import People
from almoner.lab.place.shocks import NO_MONTH, Shocks

_SCHOOL_DAYS = np.array([12, 8, 22, 20, 20, 20, 0, 0, 22, 17, 21, 22])  # January to December
_STAGES = ("primary", "junior", "senior")
_FIRST_GRADE, _LAST_GRADE = np.array([1, 7, 10]), np.array([6, 9, 12])
_STATUSES = ["enrolled", "left", "graduated"]
ENROLLED, LEFT, GRADUATED = range(3)


@dataclass(frozen=True, kw_only=True)
class School:
    """Pupils by row; `started` is the calendar year in which they entered the first grade.

    `left_on` is the day on which they left; `transfers` marks those who went to a school elsewhere.
    `absent_from` is the month from which enrolled pupils no longer come, and `stays_away` the same for those
    who go to no other school. `never` are children of school age (by person) who were never enrolled.
    """

    person: Ints
    started: Ints
    last_grade: Ints
    ability: Floats
    health: Floats
    boards: Bools
    code: Ints
    leans_out: Ints
    left_on: Days
    transfers: Bools
    absent_from: Ints
    stays_away: Ints
    ill_from: Ints
    ill_until: Ints
    never: Ints

    def grade(self, year: int, month_of_year: int) -> Ints:
        """Grade in a month; above 12 or below 1 for those not at school."""
        return year - (month_of_year < 9) - self.started + 1

    def disengagement(self, month: int) -> Floats:
        """0 for engaged pupils; for those who disengage it rises to 1 within five months."""
        return np.clip((month - self.leans_out + 1) / 5, 0, 1)


def enrol_pupils(people: People, shocks: Shocks, clock: Clock, rng: Rng) -> School:
    """Enrol everybody from 6 years to the end of schooling; some of those who disengage leave earlier."""
    year = people.birth.astype("datetime64[Y]").astype(np.int64) + 1970
    born_late = people.birth.astype("datetime64[M]").astype(np.int64) % 12 >= 8
    started = year + 6 + born_late
    first_year = int(clock.year[0]) - 1
    person = np.flatnonzero(
        (started <= clock.until.year) & (started + 12 >= first_year) & np.isnat(people.away_since)
    )
    size = len(person)
    last = np.where(rng.random(size) < 0.72, 12, 9)
    months = shocks.disengaged[person]
    leaves = (rng.random(size) < 0.2) & (months + 6 < clock.months)
    left = clock.starts[np.minimum(months + 6, clock.months)] + rng.integers(0, 25, size).astype(
        "timedelta64[D]"
    )
    moves = rng.random(size) < 0.02 * clock.months / 12
    transfer = clock.starts[0] + rng.integers(0, 30 * clock.months + 100, size).astype("timedelta64[D]")
    quiet = ~leaves & (rng.random(size) < 0.2) & (months + 3 < clock.months)
    here, never = _seen_by_a_school(person, started, clock, rng)
    village_school = people.village[people.household[person]] * 3
    left = np.where(leaves, left, NEVER)
    return School(
        person=person[here],
        started=started[person][here],
        last_grade=last[here],
        ability=rng.normal(0, 1, size)[here],
        health=rng.gamma(1.6, 0.012, size)[here],
        boards=(rng.random(size) < 0.35)[here],
        code=village_school[here],
        leans_out=months[here],
        left_on=np.where(moves, np.fmin(left, transfer), left)[here],
        transfers=(moves & ~(left < transfer))[here],
        absent_from=np.where(moves, clock.month_of(transfer) - rng.integers(0, 4, size), NO_MONTH)[here],
        stays_away=np.where(quiet, months + 3, NO_MONTH)[here],
        ill_from=shocks.ill[person][here],
        ill_until=(shocks.ill + shocks.ill_for)[person][here],
        never=person[never],
    )


def _seen_by_a_school(person: Ints, started: Ints, clock: Clock, rng: Rng) -> tuple[Bools, Ints]:
    """Whether each goes to a local school, and the rows of the very few who go to none.

    Others go to a school elsewhere, which is not recorded here.
    """
    elsewhere = rng.random(len(person)) < 0.013
    years = clock.until.year - started[person]
    never = (rng.random(len(person)) < 0.0012) & (years >= 0) & (years < 9)
    return ~(elsewhere | never), np.flatnonzero(never)


def attendance(
    school: School, people: People, month: int, numbers: pa.Array, clock: Clock, rng: Rng
) -> pa.Table:
    """The feed's rows of one month, drawn from `rng`; none in the summer holidays."""
    of_year = int(clock.month_of_year[month])
    days = int(_SCHOOL_DAYS[of_year - 1])
    grade = school.grade(int(clock.year[month]), of_year)
    gone = np.fmin(clock.month_of(people.gone_on[school.person]), clock.month_of(school.left_on))
    rows = np.flatnonzero((grade >= 1) & (grade <= school.last_grade) & (gone > month) & (days > 0))
    away = school.disengagement(month)[rows]
    ill = (rng.random(len(rows)) < (0.09 if of_year in (11, 12, 1) else 0.035)) * rng.uniform(
        0.1, 0.45, len(rows)
    )
    chance = np.clip(
        school.health[rows] * (1.8 if of_year in (11, 12, 1) else 1) + ill + 0.32 * away, 0, 0.95
    )
    in_hospital = (school.ill_from[rows] <= month) & (month < school.ill_until[rows])
    chance = np.where(in_hospital, 0.9, chance)
    gone_already = np.minimum(school.stays_away, school.absent_from)[rows] <= month
    chance = np.where(gone_already, 1.0, chance)
    return pa.table(
        {
            "resident_no": numbers.take(pa.array(school.person[rows])),
            "month": pa.array(np.full(len(rows), clock.starts[month])),
            "school_days": pa.array(np.full(len(rows), days)),
            "absent_days": pa.array(rng.binomial(days, chance).astype(np.int64)),
            "failed_courses": _failed(school.ability[rows], away, of_year, rng),
            "incidents": pa.array(_incidents(people.male[school.person[rows]], grade[rows], away, rng)),
        }
    )


def _failed(ability: Floats, away: Floats, month_of_year: int, rng: Rng) -> pa.Array:
    """Courses failed in the months of examination, unknown in the others."""
    if month_of_year not in (1, 6):
        return pa.nulls(len(ability), pa.int64())
    rate = np.exp(-1.6 - 0.9 * ability) + 2.2 * away
    return pa.array(np.minimum(rng.poisson(np.minimum(rate, 8)), 9).astype(np.int64))


def _incidents(boys: Bools, grade: Ints, away: Floats, rng: Rng) -> Ints:
    """Disciplinary incidents, more often of boys in middle grades and of pupils who disengage."""
    rate = 0.012 + 0.04 * boys * (grade >= 7) + 0.9 * away
    return np.minimum(rng.poisson(rate), 20).astype(np.int64)


def register(
    school: School, people: People, first: int, after: int, numbers: pa.Array, clock: Clock
) -> pa.Table:
    """Enrolments as the register shows them at the end of the months `first` to `after`.

    Everything at first; later all who are enrolled, and whose schooling came to an end in these months.
    """
    end = clock.starts[after]
    parts = [_stage(school, people, stage, end, clock) for stage in range(3)]
    row, stage, enrolled, status, ended = (np.concatenate(column) for column in zip(*parts, strict=True))
    if first > 0:
        kept = (status == ENROLLED) | (ended >= clock.starts[first])
        row, stage, enrolled, status = row[kept], stage[kept], enrolled[kept], status[kept]
    statuses = pa.DictionaryArray.from_arrays(pa.array(status.astype(np.int32)), pa.array(_STATUSES))
    return pa.table(
        {
            "resident_no": numbers.take(pa.array(school.person[row])),
            "enrolled_on": pa.array(enrolled),
            "school_code": numbered("SCH", school.code[row] + stage, 5),
            "stage": pa.array(np.array(_STAGES)[stage].tolist(), pa.string()),
            "grade": pa.array(_grade_at(school, row, stage, end)),
            "boarding": pa.array(school.boards[row] & (stage > 0)),
            "status": statuses.cast(pa.string()),
        }
    )


def _stage(
    school: School, people: People, stage: int, end: np.datetime64, clock: Clock
) -> tuple[Ints, Ints, Days, Ints, Days]:
    """Rows, stage, day of enrolment, status and day of the last change of one stage, as known at `end`."""
    begins = _september(school.started + _FIRST_GRADE[stage] - 1)
    ends = _september(school.started + _LAST_GRADE[stage]) - np.timedelta64(55, "D")
    quits = np.fmin(school.left_on, people.gone_on[school.person])
    here = (begins < end) & (ends >= clock.starts[0]) & (school.last_grade >= _FIRST_GRADE[stage])
    here &= ~(quits < np.maximum(begins, clock.starts[0]))
    row = np.flatnonzero(here)
    left, graduated = quits[row] < np.minimum(end, ends[row]), ends[row] < end
    status = np.where(left, LEFT, np.where(graduated, GRADUATED, ENROLLED))
    ended = np.where(left, quits[row], np.where(graduated, ends[row], NEVER))
    return row, np.full(len(row), stage), begins[row], status, ended


def _september(year: Ints) -> Days:
    return ((year - 1970).astype("datetime64[Y]").astype("datetime64[M]") + 8).astype("datetime64[D]")


def _grade_at(school: School, row: Ints, stage: Ints, end: np.datetime64) -> Ints:
    last_day = end - np.timedelta64(1, "D")
    year = int(last_day.astype("datetime64[Y]").astype(np.int64)) + 1970
    of_year = int(last_day.astype("datetime64[M]").astype(np.int64)) % 12 + 1
    return np.clip(school.grade(year, of_year)[row], _FIRST_GRADE[stage], _LAST_GRADE[stage])
