"""Generate shocks such as illness, job loss and disasters, most of them in the last year."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from almoner.lab.place.arrays import NEVER, Bools, Days, Floats, Ints, Rng, pick
from almoner.lab.place.clock import Clock
from almoner.lab.place.people import People
from almoner.lab.place.work import INSURED, MIGRANT, NONE, Livelihoods

NO_MONTH = 10**6
FLOOD, FIRE, LANDSLIDE, STORM, OTHER = range(5)


@dataclass(frozen=True, kw_only=True)
class Shocks:
    """By person, or by household for disasters: month (NO_MONTH for never) and how many months it lasts."""

    job_lost: Ints
    job_lost_for: Ints
    ill: Ints
    ill_for: Ints
    ill_cost: Floats
    earner_died: Ints
    disengaged: Ints
    disaster: Ints
    disaster_on: Days
    disaster_kind: Ints


def strike(people: People, work: Livelihoods, clock: Clock, rng: Rng) -> Shocks:
    """Draw every shock of the place's months, and record the deaths of earners in `people`."""
    died = _deaths_of_earners(people, work, clock, rng)
    workers = np.flatnonzero(work.kind != NONE)
    job_lost = _months(people.count, _jobs_lost(work, workers, rng), clock, rng)
    ill, ill_for, cost = _illnesses(people, clock, rng)
    pupils = np.flatnonzero((people.age > 7) & (people.age < 18.5))
    struck, struck_on, struck_by = _fires_and_storms(people, clock, rng)
    return Shocks(
        job_lost=job_lost,
        job_lost_for=np.clip(rng.gamma(2.2, 2.8, people.count), 2, 14).astype(np.int64),
        ill=ill,
        ill_for=ill_for,
        ill_cost=cost,
        earner_died=died,
        disengaged=_months(people.count, _leaning_out(people, pupils, rng), clock, rng),
        disaster=struck,
        disaster_on=struck_on,
        disaster_kind=struck_by,
    )


def shock_months(count: int, clock: Clock, rng: Rng) -> Ints:
    """Four in five within the last year; none in the first three months, which show the usual life."""
    lowest = min(3, clock.months - 1)
    year = max(lowest, clock.months - 12)
    recent = rng.integers(year, clock.months, count)
    earlier = rng.integers(lowest, year + 1, count)
    return np.where(rng.random(count) < 0.8, recent, earlier)


def _months(size: int, struck: Ints, clock: Clock, rng: Rng) -> Ints:
    months = np.full(size, NO_MONTH, np.int64)
    months[struck] = shock_months(len(struck), clock, rng)
    return months


def _jobs_lost(work: Livelihoods, workers: Ints, rng: Rng) -> Ints:
    share = np.where(work.kind[workers] == INSURED, 0.15, 0.08)
    share = np.where(work.kind[workers] == MIGRANT, 0.09, share) * np.where(work.public[workers], 0.15, 1.0)
    return workers[rng.random(len(workers)) < share]


def _illnesses(people: People, clock: Clock, rng: Rng) -> tuple[Ints, Ints, Floats]:
    """Month, length in months and total cost (CNY, Pareto above 40,000) of serious illness."""
    weight = 0.004 + 0.02 * np.clip(people.age / 80, 0, 1) ** 2
    struck = np.flatnonzero(rng.random(people.count) < weight)
    length = np.clip(rng.gamma(3.0, 1.6, people.count), 2, 12).astype(np.int64)
    cost = np.minimum(40_000 * (1 + rng.pareto(2.1, people.count)), 900_000)
    return _months(people.count, struck, clock, rng), length, cost


def _deaths_of_earners(people: People, work: Livelihoods, clock: Clock, rng: Rng) -> Ints:
    earners = np.flatnonzero((work.kind != NONE) & np.isnat(people.gone_on) & (people.age < 62))
    dying = pick(rng, earners, 0.003 * clock.months / 12)
    months = _months(people.count, dying, clock, rng)
    days = rng.integers(0, 28, len(dying)).astype("timedelta64[D]")
    people.died_on[dying] = clock.starts[months[dying]] + days
    return months


def _leaning_out(people: People, pupils: Ints, rng: Rng) -> Ints:
    """Students who disengage from school, more often older ones and those whose parents are away."""
    share = np.where(people.age[pupils] > 12, 0.035, 0.008)
    fewer_parents = np.isin(people.form[people.household[pupils]], (5, 6))
    return pupils[rng.random(len(pupils)) < share * np.where(fewer_parents, 2.5, 1.0)]


def _fires_and_storms(people: People, clock: Clock, rng: Rng) -> tuple[Ints, Days, Ints]:
    """Month, day and kind of the disasters that strike single households."""
    struck = pick(rng, np.arange(people.households), 0.004)
    months = _months(people.households, struck, clock, rng)
    days, kinds = np.full(people.households, NEVER), np.full(people.households, OTHER)
    days[struck] = clock.starts[months[struck]] + rng.integers(0, 28, len(struck)).astype("timedelta64[D]")
    kinds[struck] = rng.choice([FIRE, STORM, OTHER], len(struck), p=[0.55, 0.3, 0.15])
    return months, days, kinds


@dataclass(frozen=True, kw_only=True)
class Loneliness:
    """Elders living alone by person, and what may go wrong there unseen. Days are NaT where nothing does."""

    elders: Ints
    frail: Bools
    fell_on: Days
    found_on: Days
    last_contact: Days
    contact_again: Days


def elders_alone(people: People, clock: Clock, rng: Rng) -> Loneliness:
    """Who lives alone at 60 and over, who of them falls, and who is without any human contact for long."""
    here = people.living_in(clock.end)
    members = np.bincount(people.household[here], minlength=people.households)
    elders = np.flatnonzero(here & (people.age >= 60) & (members[people.household] == 1))
    count = len(elders)
    frail = rng.random(count) < np.clip((people.age[elders] - 62) / 45, 0.05, 0.7)
    fell_on, found_on = _falls(frail, clock, rng)
    last, again = _silences(frail, clock, rng)
    return Loneliness(
        elders=elders, frail=frail, fell_on=fell_on, found_on=found_on, last_contact=last, contact_again=again
    )


def _falls(frail: Bools, clock: Clock, rng: Rng) -> tuple[Days, Days]:
    count = len(frail)
    falls = rng.random(count) < np.where(frail, 0.07, 0.03)
    back = np.where(rng.random(count) < 0.3, rng.integers(1, 8, count), rng.integers(1, 75, count))
    back = np.where(rng.random(count) < 0.35, rng.integers(75, 365, count), back)
    fell = np.where(falls, clock.today - back.astype("timedelta64[D]"), NEVER)
    unnoticed = np.minimum(rng.geometric(0.38, count), 9).astype("timedelta64[D]")
    return fell, fell + unnoticed


def _silences(frail: Bools, clock: Clock, rng: Rng) -> tuple[Days, Days]:
    """Spells without any contact. Half of those of frail elders are still going on."""
    count = len(frail)
    silent = rng.random(count) < np.where(frail, 0.16, 0.03)
    length = np.clip(rng.gamma(3.0, 16, count), 10, 150).astype(np.int64)
    back = length - np.where(
        rng.random(count) < 0.5, rng.integers(1, 10, count), -rng.integers(0, 250, count)
    )
    last = np.where(silent, clock.today - back.astype("timedelta64[D]"), NEVER)
    return last, last + length.astype("timedelta64[D]")
