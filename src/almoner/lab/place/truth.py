"""Derive the true needs and their days from people's lives, never from an office's rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from almoner.lab.place.arrays import NEVER, Bools, Days, Floats, Ints
from almoner.lab.place.clock import Clock
from almoner.lab.place.people import People
from almoner.lab.place.school import School
from almoner.lab.place.shocks import NO_MONTH, Loneliness, Shocks
from almoner.lab.place.work import MIGRANT, Livelihoods

NOBODY = -1


@dataclass(frozen=True, kw_only=True)
class Needs:
    """By need; `person` is -1 for a whole household's, `ended_on` NaT while it goes on, severity 0 to 1."""

    need: list[str]
    household: Ints
    person: Ints
    started_on: Days
    ended_on: Days
    severity: Floats
    cause: list[str]


@dataclass(frozen=True, kw_only=True)
class Living:
    """By household (row) and month (column) in CNY a month and head, savings in CNY a head; `heads` living
    in.
    """

    heads: Floats
    per_head: Floats
    usual: Floats
    savings: Floats
    short: Floats
    line: float

    @classmethod
    def of(cls, income: Floats, people: People, savings_months: Floats, clock: Clock) -> Living:
        """Compute the months in order; what is missing to half the place's median is taken from savings.

        `short` is the share of that line which neither income nor savings cover.
        """
        heads = people.heads(clock)
        per_head = income / heads
        usual = np.median(per_head, axis=1)
        size = np.bincount(people.household, minlength=people.households)
        line = 0.5 * _median(usual, size)
        store = usual * savings_months
        savings, short = np.zeros_like(per_head), np.zeros_like(per_head)
        left = store.copy()
        for month in range(clock.months):
            gap = np.maximum(line - per_head[:, month], 0)
            savings[:, month] = left
            drawn = np.minimum(gap, left)
            short[:, month] = (gap - drawn) / line
            saved = 0.2 * np.maximum(per_head[:, month] - line, 0)
            left = np.minimum(left - drawn + saved, np.maximum(store, left - drawn))
        return cls(
            heads=heads, per_head=per_head, usual=usual, savings=savings, short=short, line=float(line)
        )


def _median(values: Floats, weights: Ints) -> float:
    order = np.argsort(values)
    edges = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(edges, edges[-1] / 2)])


def needs(
    people: People,
    work: Livelihoods,
    shocks: Shocks,
    living: Living,
    school: School,
    lonely: Loneliness,
    clock: Clock,
) -> Needs:
    """Needs of income, schooling and company, households' first."""
    here = clock.month_of(last_day_here(people))
    return joined(
        _of_income(people, work, shocks, living, here, clock),
        _of_education(people, living, school, clock),
        _of_isolation(people, lonely, clock),
    )


def joined(*parts: Needs) -> Needs:
    """All needs in one, one group after another."""
    return Needs(
        need=[need for part in parts for need in part.need],
        household=np.concatenate([part.household for part in parts]),
        person=np.concatenate([part.person for part in parts]),
        started_on=np.concatenate([part.started_on for part in parts]),
        ended_on=np.concatenate([part.ended_on for part in parts]),
        severity=np.concatenate([part.severity for part in parts]),
        cause=[cause for part in parts for cause in part.cause],
    )


def last_day_here(people: People) -> Days:
    """By household: the day on which the last member died or moved away."""
    days = np.full(people.households, np.datetime64("1900-01-01", "D"))
    stays = np.where(np.isnat(people.gone_on), np.datetime64("2900-01-01", "D"), people.gone_on)
    np.maximum.at(days, people.household, np.where(np.isnat(people.away_since), stays, days[0]))
    return days


def _of_income(
    people: People, work: Livelihoods, shocks: Shocks, living: Living, here: Ints, clock: Clock
) -> Needs:
    """Two months or more of resources below half the median, after they fell by a third from the usual."""
    low = living.per_head < 0.67 * living.usual[:, None]
    bare = (living.short > 0.05) & low & (np.arange(clock.months) < here[:, None])
    household, first, after = spells(bare, 2)
    came_down = _any_within(~low, household, first, 6)  # savings hide the first months of a fall
    came_down &= mean_within(living.per_head, household, first, after) < 0.6 * living.usual[household]
    household, first, after = household[came_down], first[came_down], after[came_down]
    severity = mean_within(living.short, household, first, after)
    causes = _causes(people, work, shocks)
    cause = [causes.latest(of, at) for of, at in zip(household.tolist(), first.tolist(), strict=True)]
    return household_needs("income", household, first, after, severity, cause, clock)


def _any_within(holds: Bools, row: Ints, month: Ints, before: int) -> Bools:
    """By row and month: whether the condition held in one of the `before` months before it."""
    total = np.pad(np.cumsum(holds, axis=1), ((0, 0), (1, 0)))
    return np.asarray(total[row, month] > total[row, np.maximum(month - before, 0)])


def _of_education(people: People, living: Living, school: School, clock: Clock) -> Needs:
    """A pupil who disengages from school, in a household of the lowest third of incomes."""
    size = np.bincount(people.household, minlength=people.households)
    poor = living.usual <= np.quantile(np.repeat(living.usual, size), 1 / 3)
    grade = school.grade(clock.until.year, clock.until.month)
    months = school.leans_out
    pupils = (months < clock.months) & (grade >= 2) & (grade <= school.last_grade)
    rows = np.flatnonzero(
        pupils & poor[people.household[school.person]] & np.isnat(people.gone_on[school.person])
    )
    person = school.person[rows]
    severity = np.maximum(school.disengagement(clock.months - 1)[rows], 0.2)
    return Needs(
        need=["education"] * len(rows),
        household=people.household[person],
        person=person,
        started_on=clock.starts[months[rows]],
        ended_on=np.full(len(rows), NEVER),
        severity=severity,
        cause=["disengagement"] * len(rows),
    )


def _of_isolation(people: People, lonely: Loneliness, clock: Clock) -> Needs:
    """An elder alone who fell and was not found yet, or a frail one without contact for 30 days."""
    fell = np.flatnonzero(lonely.fell_on < clock.today)
    unmet = lonely.last_contact + np.timedelta64(30, "D")
    silent = np.flatnonzero(lonely.frail & (unmet < lonely.contact_again) & (unmet < clock.today))
    rows = np.r_[fell, silent]
    started = np.r_[lonely.fell_on[fell], unmet[silent]]
    ended = np.r_[lonely.found_on[fell], lonely.contact_again[silent]]
    person = lonely.elders[rows]
    severity = np.r_[np.full(len(fell), 1.0), np.full(len(silent), 0.5)]
    return Needs(
        need=["isolation"] * len(rows),
        household=people.household[person],
        person=person,
        started_on=started,
        ended_on=np.where(ended >= clock.today, NEVER, ended),
        severity=severity,
        cause=["fall"] * len(fell) + ["no_contact"] * len(silent),
    )


def spells(holds: Bools, least: int) -> tuple[Ints, Ints, Ints]:
    """Row, first month and month after each run of `least` months or more; a month's break is none."""
    bridged = holds.copy()
    bridged[:, 1:-1] |= holds[:, :-2] & holds[:, 2:]
    edges = np.diff(np.pad(bridged.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    row, first = np.nonzero(edges == 1)
    _, after = np.nonzero(edges == -1)
    long = after - first >= least
    return row[long], first[long], after[long]


def mean_within(values: Floats, row: Ints, first: Ints, after: Ints) -> Floats:
    total = np.pad(np.cumsum(values, axis=1, dtype=np.float64), ((0, 0), (1, 0)))
    return np.asarray((total[row, after] - total[row, first]) / (after - first))


def household_needs(
    need: str, household: Ints, first: Ints, after: Ints, severity: Floats, cause: list[str], clock: Clock
) -> Needs:
    ended = np.where(after < clock.months, clock.starts[after] - np.timedelta64(1, "D"), NEVER)
    nobody = np.full(len(household), NOBODY)
    return Needs(
        need=[need] * len(household),
        household=household,
        person=nobody,
        started_on=clock.starts[first],
        ended_on=ended,
        severity=severity,
        cause=cause,
    )


@dataclass(frozen=True)
class _Causes:
    """The months in which something struck each household, by kind."""

    month: dict[str, Ints]

    def latest(self, household: int, month: int) -> str:
        """The last shock within a year before `month`; without one, `income_dried_up`."""
        struck = {cause: int(months[household]) for cause, months in self.month.items()}
        recent = {cause: at for cause, at in struck.items() if month - 12 <= at <= month + 1}
        return max(recent, key=lambda cause: recent[cause], default="income_dried_up")


def _causes(people: People, work: Livelihoods, shocks: Shocks) -> _Causes:
    migrant = work.kind == MIGRANT
    of_persons = {
        "job_loss": np.where(migrant, NO_MONTH, shocks.job_lost),
        "migrant_job_loss": np.where(migrant, shocks.job_lost, NO_MONTH),
        "serious_illness": shocks.ill,
        "death_of_earner": shocks.earner_died,
    }
    months = {cause: earliest(people, of_person) for cause, of_person in of_persons.items()}
    return _Causes({**months, "disaster": shocks.disaster})


def earliest(people: People, months: Ints) -> Ints:
    of_household = np.full(people.households, NO_MONTH, np.int64)
    np.minimum.at(of_household, people.household, months)
    return of_household


def tables(
    people: People,
    living: Living,
    found: Needs,
    lonely: Loneliness,
    addresses: list[str],
    ethnicities: list[str],
    forms: tuple[str, ...],
) -> Iterator[tuple[str, pa.Table]]:
    """The truth as tables: households, persons, needs. `addresses` are the codes of the villages."""
    codes = pa.array(addresses)
    numbers, household_numbers = people.numbers, people.household_numbers
    yield (
        "households",
        pa.table(
            {
                "household_no": household_numbers,
                "area_code": codes.take(pa.array(people.village)),
                "form": pa.array(forms).take(pa.array(people.form)),
                "true_income_per_head_usual": pa.array(np.round(living.usual.astype(np.float64), 2)),
            }
        ),
    )
    yield "persons", _persons(people, lonely, ethnicities, forms)
    yield (
        "needs",
        pa.table(
            {
                "need": pa.array(found.need, pa.string()),
                "household_no": household_numbers.take(pa.array(found.household)),
                "resident_no": numbers.take(pa.array(found.person, mask=found.person == NOBODY)),
                "started_on": pa.array(found.started_on),
                "ended_on": pa.array(found.ended_on),
                "severity": pa.array(np.round(found.severity, 3)),
                "cause": pa.array(found.cause, pa.string()),
            }
        ),
    )


def _persons(people: People, lonely: Loneliness, ethnicities: list[str], forms: tuple[str, ...]) -> pa.Table:
    left_behind = people.form[people.household] == forms.index("left_behind")
    alone = np.zeros(people.count, bool)
    alone[lonely.elders] = True
    return pa.table(
        {
            "resident_no": people.numbers,
            "household_no": people.household_numbers.take(pa.array(people.household)),
            "sex": pa.array(["female", "male"]).take(pa.array(people.male.astype(np.int8))),
            "age_years": pa.array(people.age.astype(np.int64)),
            "ethnicity": pa.array(ethnicities).take(pa.array(people.ethnicity)),
            "registration": (
                pa.array(["rural", "urban"]).take(pa.array(people.urban[people.household].astype(np.int8)))
            ),
            "migrant": pa.array(~np.isnat(people.away_since)),
            "left_behind_child": pa.array(left_behind & (people.age < 18)),
            "elderly_alone": pa.array(alone),
        }
    )
