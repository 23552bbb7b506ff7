"""Generate the true income of households, most of which is in no register."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from almoner.lab.place.arrays import Bools, Floats, Ints, Rng, lognormal, sum_by
from almoner.lab.place.clock import Clock
from almoner.lab.place.pensions import Pensions
from almoner.lab.place.people import ADULT, ELDER, GROWN, SECOND_ADULT, SECOND_ELDER, People
from almoner.lab.place.shocks import Shocks
from almoner.lab.place.wages import Jobs, Unemployment
from almoner.lab.place.work import INFORMAL, MIGRANT, Livelihoods

# January to December: little building and trade around the Spring Festival, most money home before it.
_INFORMAL_SEASON = np.array([0.95, 0.75, 0.95, 1.0, 1.05, 1.0, 1.0, 1.0, 1.05, 1.1, 1.05, 1.0])
_REMITTANCE_SEASON = np.array([1.6, 1.3, 0.7, 0.9, 0.9, 1.0, 0.9, 1.0, 1.1, 0.9, 0.9, 1.0])


@dataclass
class Income:
    """CNY a month by household (row) and month (column); harvests by `farmers` (households) and month."""

    total: Floats
    farmers: Ints
    harvests: Floats

    def add(self, household: Ints, month: int, amount: Floats) -> None:
        self.total[:, month] += sum_by(household, amount, len(self.total)).astype(np.float32)

    def per_head(self, people: People, clock: Clock) -> Floats:
        """CNY a month and head by household, mean of all months."""
        here = people.living_in(clock.starts[0])
        size = np.maximum(np.bincount(people.household[here], minlength=people.households), 1)
        return np.asarray(self.total.mean(axis=1) / size, np.float64)

    def add_panel(self, household: Ints, panel: Floats) -> None:
        for month in range(panel.shape[1]):
            self.add(household, month, panel[:, month])


def earn(
    people: People,
    work: Livelihoods,
    shocks: Shocks,
    jobs: Jobs,
    pensions: Pensions,
    unemployment: Unemployment,
    clock: Clock,
    rng: Rng,
) -> Income:
    """Generate income from every source but public assistance."""
    nothing = np.zeros((0, clock.months), np.float32)
    income = Income(np.zeros((people.households, clock.months), np.float32), np.zeros(0, np.int64), nothing)
    income.add_panel(people.household[jobs.workers], jobs.earned)
    _informal(income, people, work, shocks, clock, rng)
    _remittances(income, people, work, shocks, clock, rng)
    _children_of_elders(income, people, clock, rng)
    _farms(income, people, shocks, clock, rng)
    for month in range(clock.months):
        income.add(people.household[pensions.person], month, pensions.due(month))
    _benefits(income, people, unemployment, clock)
    return income


def _informal(
    income: Income, people: People, work: Livelihoods, shocks: Shocks, clock: Clock, rng: Rng
) -> None:
    persons = np.flatnonzero(work.kind == INFORMAL)
    for month in range(clock.months):
        idle = _struck(shocks.job_lost, shocks.job_lost_for, persons, month)
        idle |= _struck(shocks.ill, shocks.ill_for, persons, month)
        pay = work.pay[persons] * _INFORMAL_SEASON[clock.month_of_year[month] - 1]
        pay *= lognormal(rng, 1.0, 0.2, len(persons)) * (rng.random(len(persons)) > 0.015)
        pay *= np.where(idle, 0.1, 1.0) * (month <= clock.month_of(people.gone_on[persons]))
        income.add(people.household[persons], month, pay)


def _remittances(
    income: Income, people: People, work: Livelihoods, shocks: Shocks, clock: Clock, rng: Rng
) -> None:
    persons = np.flatnonzero((work.kind == MIGRANT) & (people.place != GROWN))
    grown = np.flatnonzero((work.kind == MIGRANT) & (people.place == GROWN))
    for group, share in ((persons, 1.0), (grown, 0.35)):
        for month in range(clock.months):
            idle = _struck(shocks.job_lost, shocks.job_lost_for, group, month)
            sent = share * work.pay[group] * _REMITTANCE_SEASON[clock.month_of_year[month] - 1]
            sent *= lognormal(rng, 1.0, 0.22, len(group)) * (rng.random(len(group)) > 0.03) * ~idle
            sent *= clock.month_of(people.away_since[group]) <= month
            income.add(
                people.household[group], month, sent * (month <= clock.month_of(people.gone_on[group]))
            )


def _struck(since: Ints, length: Ints, persons: Ints, month: int) -> Bools:
    begin = since[persons]
    return np.asarray((begin <= month) & (month < begin + length[persons]))


def _children_of_elders(income: Income, people: People, clock: Clock, rng: Rng) -> None:
    """Children who live elsewhere support most elders who live without them, some of them at times."""
    elders = np.flatnonzero(
        np.isin(people.place, (ELDER, SECOND_ELDER)) & (people.form[people.household] < 2)
    )
    usual = lognormal(rng, 620, 0.5, len(elders)) * (rng.random(len(elders)) < 0.9)
    for month in range(clock.months):
        given = usual * lognormal(rng, 1.0, 0.22, len(elders))
        income.add(people.household[elders], month, given * (month <= clock.month_of(people.gone_on[elders])))


def _farms(income: Income, people: People, shocks: Shocks, clock: Clock, rng: Rng) -> None:
    """Harvests, sold in autumn and spread over the next year; a disaster destroys one."""
    hands = np.isin(people.place, (ADULT, SECOND_ADULT, ELDER, SECOND_ELDER)) & (people.age < 76)
    farms = ~people.urban & (sum_by(people.household, 1.0 * hands, people.households) > 0)
    households = np.flatnonzero(farms & (rng.random(people.households) < 0.8))
    usual = lognormal(rng, 11_000, 0.45, len(households)) / 12
    since = shocks.disaster[households]
    last = np.zeros(people.households, np.int64)
    np.maximum.at(last, people.household, np.minimum(clock.month_of(people.gone_on), 10**6))
    harvest = lognormal(rng, 1.0, 0.15, len(households))
    income.farmers, income.harvests = households, np.zeros((len(households), clock.months), np.float32)
    for month in range(clock.months):
        if clock.month_of_year[month] == 10:
            harvest = lognormal(rng, 1.0, 0.15, len(households))
        struck = (since <= month) & (month < since + 12)
        yielded = usual * harvest * np.where(struck, 0.1, 1.0) * (month <= last[households])
        income.harvests[:, month] = yielded
        income.add(households, month, yielded)


def _benefits(income: Income, people: People, unemployment: Unemployment, clock: Clock) -> None:
    begin = clock.month_of(unemployment.registered_on)
    end = np.minimum(clock.month_of(unemployment.ended_on), begin + 12)
    for month in range(clock.months):
        paid = (begin <= month) & (month < end) & ~np.isnan(unemployment.benefit)
        income.add(people.household[unemployment.person[paid]], month, unemployment.benefit[paid])
