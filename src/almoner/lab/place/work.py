"""Choose each person's kind of work: insured job, informal work, farm or work elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from almoner.lab.place.arrays import Bools, Floats, Ints, Rng, lognormal, weighted
from almoner.lab.place.people import ADULT, GROWN, SECOND_ADULT, People

NONE, INSURED, INFORMAL, MIGRANT = range(4)
PUBLIC, FACTORY, SERVICES, BUILDING = range(4)
_SECTOR_SHARES = np.array([0.24, 0.30, 0.30, 0.16])
_MEDIAN_WAGE = np.array([5200.0, 4500.0, 3600.0, 4700.0])  # CNY a month


@dataclass(frozen=True)
class Livelihoods:
    """By person: kind of work, usual pay in CNY a month, and whether the employer is a public one."""

    kind: Ints
    pay: Floats
    public: Bools
    sector: Ints


def livelihoods(people: People, rng: Rng) -> Livelihoods:
    """Choose kinds of work. About two workers in five have an insured job; other income is unregistered."""
    count = people.count
    adult = np.isin(people.place, (ADULT, SECOND_ADULT, GROWN)) & (people.age >= 18) & (people.age < 61)
    studies = (people.age < 22) & (rng.random(count) < 0.45)
    works = adult & ~studies & (rng.random(count) < np.where(people.male, 0.94, 0.64))
    insured = rng.random(count) < np.where(people.urban[people.household], 0.64, 0.33)
    kind = np.where(insured, INSURED, INFORMAL)
    kind = np.where(works, np.where(np.isnat(people.away_since), kind, MIGRANT), NONE)
    sector = weighted(rng, _SECTOR_SHARES, count)
    usual = np.choose(kind, [0.0, _MEDIAN_WAGE[sector], 2400.0, 1900.0])
    pay = lognormal(rng, 1.0, 0.42, count) * usual * np.where(people.male, 1.06, 0.94)
    return Livelihoods(kind, pay, (kind == INSURED) & (sector == PUBLIC), sector)
