"""Generate settled care: small visits for many, monthly medicine for some, very high costs for a few."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from almoner.lab.place.arrays import Bools, Days, Floats, Ints, Rng, days_between, lognormal, sum_by, weighted
from almoner.lab.place.clock import Clock
from almoner.lab.place.numbers import numbered
from almoner.lab.place.people import People
from almoner.lab.place.shocks import Shocks

_KINDS = ["outpatient", "chronic", "inpatient"]
OUTPATIENT, CHRONIC, INPATIENT = range(3)


@dataclass(frozen=True)
class Care:
    """Settlements in order of their days; costs in CNY."""

    person: Ints
    day: Days
    kind: Ints
    total: Floats
    self_paid: Floats

    def table(
        self, first: int, after: int, numbers: pa.Array, poor: Bools, clock: Clock, rng: Rng
    ) -> pa.Table:
        """The feed's rows of the months from `first` up to and without `after`; `poor` by person."""
        begin, end = np.searchsorted(self.day, clock.starts[[first, after]])
        rows = slice(int(begin), int(end))
        kinds = pa.DictionaryArray.from_arrays(pa.array(self.kind[rows].astype(np.int32)), pa.array(_KINDS))
        total, self_paid = (part[rows].astype(np.float64) for part in (self.total, self.self_paid))
        split = _split(self.kind[rows], total, total - self_paid, poor[self.person[rows]], rng)
        return pa.table(
            {
                "settlement_no": numbered("S", np.arange(begin, end), 10),
                "resident_no": numbers.take(pa.array(self.person[rows])),
                "settled_on": pa.array(self.day[rows]),
                "kind": kinds.cast(pa.string()),
                "total_cost": pa.array(np.round(total, 2)),
                "self_paid": pa.array(np.round(self_paid, 2)),
                **split,
            }
        )

    def self_paid_by(self, people: People, clock: Clock) -> Floats:
        """What households paid themselves: CNY by household (row) and month (column)."""
        cell = people.household[self.person] * clock.months + clock.month_of(self.day)
        flat = sum_by(cell, self.self_paid, people.households * clock.months)
        return flat.reshape(people.households, clock.months).astype(np.float32)


def _split(kind: Ints, total: Floats, covered: Floats, poor: Bools, rng: Rng) -> dict[str, pa.Array]:
    """What lay within the insurance's list, and who beside the basic insurance paid of the covered part."""
    size = len(total)
    in_scope = covered + (total - covered) * rng.uniform(0.35, 0.85, size)
    serious = covered * np.where((kind == INPATIENT) & (total > 30_000), rng.uniform(0.08, 0.3, size), 0.0)
    assisted = covered * np.where(poor & (kind != OUTPATIENT), rng.uniform(0.1, 0.25, size), 0.0)
    amounts = {"in_scope_cost": in_scope, "serious_illness_paid": serious, "assistance_paid": assisted}
    return {name: pa.array(np.round(values, 2)) for name, values in amounts.items()}


def treat(people: People, shocks: Shocks, clock: Clock, rng: Rng) -> Care:
    """Generate everybody's care over all months, as the insurance settled it."""
    parts = [
        _visits(people, clock, rng),
        _medicines(people, clock, rng),
        _stays(people, clock, rng),
        _serious_stays(shocks, clock, rng),
    ]
    person, month, kind, total = (np.concatenate(column) for column in zip(*parts, strict=True))
    day = days_between(rng, clock.starts[month], clock.starts[month + 1])
    here = (people.birth[person] <= day) & ~(people.gone_on[person] < day)
    order = np.flatnonzero(here)
    order = order[np.argsort(day[order], kind="stable")]
    total = np.round(total[order], 2)
    self_paid = total * (1 - _insured_share(kind[order], rng))
    return Care(person[order].astype(np.int32), day[order], kind[order].astype(np.int8), total, self_paid)


_Part = tuple[Ints, Ints, Ints, Floats]


def _visits(people: People, clock: Clock, rng: Rng) -> _Part:
    rate = 0.04 + 0.10 * np.clip(people.age - 35, 0, 50) / 50 + 0.06 * (people.age < 6)
    rate = rate * rng.gamma(1.0, 1.0, people.count)
    return _events(rate, OUTPATIENT, 190.0, 0.8, clock, rng)


def _stays(people: People, clock: Clock, rng: Rng) -> _Part:
    rate = (0.05 + 0.20 * np.clip(people.age - 40, 0, 45) / 45) / 12
    return _events(rate * rng.gamma(0.7, 1 / 0.7, people.count), INPATIENT, 5200.0, 0.75, clock, rng)


def _events(rate: Floats, kind: int, median: float, sigma: float, clock: Clock, rng: Rng) -> _Part:
    """Events at `rate` a person and month, more of them in winter, with lognormal costs."""
    season = np.where(np.isin(clock.month_of_year, (12, 1, 2)), 1.3, 0.9)
    counts = rng.poisson(rate.sum() * season)
    size = int(counts.sum())
    month = np.repeat(np.arange(clock.months), counts)
    return weighted(rng, rate, size), month, np.full(size, kind), lognormal(rng, median, sigma, size)


def _medicines(people: People, clock: Clock, rng: Rng) -> _Part:
    chance = np.select([people.age >= 65, people.age >= 45], [0.24, 0.09], 0.012)
    patients = np.flatnonzero(rng.random(people.count) < chance)
    usual = lognormal(rng, 320, 0.6, len(patients))
    row, month = np.nonzero(rng.random((len(patients), clock.months)) < 0.8)
    cost = usual[row] * lognormal(rng, 1.0, 0.15, len(row))
    return patients[row], month, np.full(len(row), CHRONIC), cost


def _serious_stays(shocks: Shocks, clock: Clock, rng: Rng) -> _Part:
    """The cost of a serious illness falls on its months unevenly, most of it at the beginning."""
    patients = np.flatnonzero(shocks.ill < clock.months)
    length = shocks.ill_for[patients]
    person = np.repeat(patients, length)
    step = np.arange(len(person)) - np.repeat(np.cumsum(length) - length, length)
    weight = rng.gamma(1.5, 1.0, len(person)) * 0.75**step
    whole = sum_by(person, weight, len(shocks.ill))
    cost = shocks.ill_cost[person] * weight / whole[person]
    month = shocks.ill[person] + step
    seen = month < clock.months
    return person[seen], month[seen], np.full(int(seen.sum()), INPATIENT), np.maximum(cost[seen], 50.0)


def _insured_share(kind: Ints, rng: Rng) -> Floats:
    """Insurance pays between half and four fifths."""
    middle = np.choose(kind, [0.56, 0.65, 0.66])
    return np.clip(middle + rng.normal(0, 0.07, len(kind)), 0.5, 0.8)
