"""Generate the cost of school for families, and the student aid that they get."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from almoner.lab.place.arrays import Bools, Days, Floats, Ints, Rng, lognormal, sum_by
from almoner.lab.place.books import Book, payments, words
from almoner.lab.place.clock import Clock
from almoner.lab.place.people import People
from almoner.lab.place.school import School
from almoner.lab.place.work import NONE, Livelihoods

_STAGES = ["preschool", "primary", "junior", "senior", "vocational", "college"]
PRESCHOOL, PRIMARY, JUNIOR, SENIOR, VOCATIONAL, COLLEGE = range(6)
# CNY a year by stage: tuition of public and of private schools, boarding, books.
_PUBLIC = np.array([3600.0, 0.0, 0.0, 1700.0, 300.0, 5300.0])
_PRIVATE = np.array([8200.0, 9000.0, 9500.0, 13_000.0, 7200.0, 18_500.0])
_PRIVATE_SHARE = np.array([0.25, 0.01, 0.015, 0.05, 0.12, 0.2])
_BOARDING = np.array([0.0, 320.0, 380.0, 900.0, 850.0, 1150.0])
_BOOKS = np.array([220.0, 170.0, 260.0, 640.0, 480.0, 760.0])
_KINDS = ["living_subsidy", "nutrition", "tuition_waiver", "grant"]
_TERM_AID = np.array([420.0, 480.0, 600.0, 1050.0, 1000.0, 1700.0])


@dataclass(frozen=True, kw_only=True)
class Costs:
    """By student and school year: CNY for the year. `month` is the one in which it falls due."""

    person: Ints
    year: Ints
    stage: Ints
    tuition: Floats
    boarding: Floats
    books: Floats
    aid: Floats
    boards: Bools

    @property
    def net(self) -> Floats:
        """What the family pays after aid, CNY a school year."""
        return np.asarray(self.tuition + self.boarding + self.books - self.aid)

    def by_month(self, people: People, clock: Clock) -> Floats:
        """CNY by household (row) and month (column): all of it in September."""
        month = clock.month_of(_first_of_september(self.year))
        within = (month >= 0) & (month < clock.months)
        cell = people.household[self.person[within]] * clock.months + month[within]
        flat = sum_by(cell, self.net[within], people.households * clock.months)
        return flat.reshape(people.households, clock.months).astype(np.float32)

    def book(self) -> Book:
        """The yearly inquiry at the end of September."""
        day = _first_of_september(self.year)
        return Book(
            person=self.person,
            columns={
                "school_year": day,
                "stage": words(_STAGES, self.stage),
                "tuition": self.tuition,
                "boarding": self.boarding,
                "books": self.books,
                "aid_received": self.aid,
            },
            known_on=day + np.timedelta64(25, "D"),
        )


def charge(people: People, work: Livelihoods, school: School, poor: Bools, clock: Clock, rng: Rng) -> Costs:
    """School years that touch the place's months. `poor` marks the persons whom schools know as poor."""
    years = range(int(clock.year[0]) - (clock.month_of_year[0] < 9), clock.until.year + 1)
    studies = rng.random(people.count)
    parts = [_students(people, work, school, year, studies) for year in years if year <= clock.until.year]
    person = np.concatenate([part[0] for part in parts])
    stage = np.concatenate([part[1] for part in parts])
    year = np.repeat(list(years), [len(part[0]) for part in parts])
    count = len(person)
    private = rng.random(people.count)[person] < _PRIVATE_SHARE[stage]
    tuition = np.where(private, _PRIVATE[stage], _PUBLIC[stage]) * lognormal(rng, 1.0, 0.15, count)
    boards = np.zeros(people.count, bool)
    boards[school.person] = school.boards
    sleeps = (boards[person] & (stage > PRIMARY)) | (stage >= VOCATIONAL)
    boarding = np.where(sleeps, _BOARDING[stage] * lognormal(rng, 1.0, 0.2, count), 0.0)
    books = _BOOKS[stage] * lognormal(rng, 1.0, 0.3, count)
    reached = rng.random(count) < np.where(poor[person], 0.72, 0.04)
    aid = np.where(reached, np.minimum(tuition, _PUBLIC[stage]) + 0.5 * boarding, 0.0)
    rounded = (np.round(part, -1) for part in (tuition, boarding, books, aid))
    tuition, boarding, books, aid = rounded
    return Costs(
        person=person,
        year=year,
        stage=stage,
        tuition=tuition,
        boarding=boarding,
        books=books,
        aid=np.minimum(aid, tuition + boarding),
        boards=sleeps,
    )


def _students(
    people: People, work: Livelihoods, school: School, year: int, studies: Floats
) -> tuple[Ints, Ints]:
    """Who goes to which stage in a school year."""
    september = np.datetime64(f"{year}-09-01", "D")
    here = ~(people.gone_on <= september)
    grade = school.grade(year, 9)
    rows = np.flatnonzero((grade >= 1) & (grade <= 12) & here[school.person] & ~(school.left_on <= september))
    of_grade = np.digitize(grade[rows], [1, 7, 10])
    leaver = grade[rows] > school.last_grade[rows]
    stage = np.where(leaver & (of_grade == SENIOR), VOCATIONAL, of_grade)
    stays = ~leaver | (studies[school.person[rows]] < 0.6)
    age = (september - people.birth).astype(np.int64) / 365.25
    small = np.flatnonzero(here & (age >= 3.1) & (age < 6) & (studies < 0.8))
    student = (age >= 18.4) & (age < 22.4) & (work.kind == NONE) & (studies < 0.75)
    student[school.person] &= grade > 12
    grown = np.flatnonzero(here & student)
    small = np.setdiff1d(small, school.person[rows])
    person = np.r_[school.person[rows][stays], small, grown]
    stages = np.r_[stage[stays], np.full(len(small), PRESCHOOL), np.full(len(grown), COLLEGE)]
    return person, stages


def aid_book(costs: Costs, poor: Bools, clock: Clock, rng: Rng) -> Book:
    """Paid each term to most of the poor and to a few others; boarders get more."""
    parts = []
    for days in (75, 225):
        rows = np.flatnonzero(rng.random(len(costs.person)) < np.where(poor[costs.person], 0.74, 0.02))
        paid = _first_of_september(costs.year[rows]) + np.timedelta64(days, "D")
        parts.append((rows, paid + rng.integers(0, 20, len(rows)).astype("timedelta64[D]")))
    rows, day = (np.concatenate(part) for part in zip(*parts, strict=True))
    day = np.where(day < clock.today, day, np.datetime64("NaT", "D"))
    stage = costs.stage[rows]
    kind = np.select([stage >= SENIOR, stage == PRESCHOOL], [3, 1], 0)
    waived = (stage >= SENIOR) & (rng.random(len(rows)) < 0.2)
    amount = _TERM_AID[stage] * np.where(costs.boards[rows] | (stage >= SENIOR), 1.0, 0.5)
    columns = {"kind": words(_KINDS, np.where(waived, 2, kind)), "amount": np.round(amount, -1)}
    return payments("SA", costs.person[rows], day, columns)


def _first_of_september(year: Ints) -> Days:
    return ((np.asarray(year) - 1970).astype("datetime64[Y]").astype("datetime64[M]") + 8).astype(
        "datetime64[D]"
    )
