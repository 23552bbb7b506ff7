"""Generate houses: how safe they are, when they were inspected, and which were repaired."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from almoner.lab.place.arrays import NEVER, Bools, Days, Floats, Ints, Rng, lognormal
from almoner.lab.place.books import Book, chosen_of, delayed, once, payments, words
from almoner.lab.place.clock import Clock
from almoner.lab.place.people import People
from almoner.lab.place.shocks import FIRE, FLOOD, LANDSLIDE, Shocks

_GRADES = ["A", "B", "C", "D", "none"]
A, B, C, D, NO_HOUSE = range(5)
# Shares of rural households by grade, the best first; the campaigns of past years left few dangerous ones.
_SHARES = np.array([0.555, 0.40, 0.032, 0.009, 0.004])


@dataclass(frozen=True, kw_only=True)
class Houses:
    """By household: the grade at the beginning and after a disaster (-1 for no change), and the repair."""

    grade: Ints
    assessed: Days
    damaged: Ints
    damaged_on: Days
    reassessed: Days
    repaired: Days
    subsidy_on: Days
    lived_in: Bools

    @property
    def unsafe(self) -> Bools:
        """Inhabited houses that are dangerous, from the beginning or since a disaster, inspected or not."""
        return self.lived_in & ((self.grade >= C) | (self.damaged >= C))


def build(people: People, per_head: Floats, shocks: Shocks, clock: Clock, rng: Rng) -> Houses:
    """Generate the houses, worse in poor households and some villages, and one inspection of the county."""
    count = people.households
    village = rng.normal(0, 0.5, int(people.village.max()) + 1)[people.village]
    worth = village + 0.7 * _standard(np.log(per_head + 100)) + rng.normal(0, 1, count) + 0.9 * people.urban
    edges = np.quantile(worth[~people.urban], 1 - np.cumsum(_SHARES)[:-1])
    grade = np.sum(worth[:, None] < edges[None, :], axis=1)
    span = max(int((clock.end - clock.starts[0]).astype(np.int64)) // 2, 1)
    round_day = clock.starts[0] + rng.integers(0, span, len(village))[people.village].astype("timedelta64[D]")
    looked = rng.random(count) < np.where(people.urban, 0.06, 0.94)
    assessed = np.where(looked, delayed(round_day, 0, 15, rng), NEVER)
    hit = (shocks.disaster < clock.months) & np.isin(shocks.disaster_kind, (FLOOD, FIRE, LANDSLIDE))
    damaged = hit & (rng.random(count) < 0.22)
    worse = np.where(damaged, np.maximum(grade, np.where(rng.random(count) < 0.6, C, D)), -1)
    damaged_on = np.where(damaged, shocks.disaster_on, NEVER)
    reassessed = np.where(rng.random(count) < 0.85, delayed(damaged_on, 5, 25, rng), NEVER)
    repairable = np.where(damaged, damaged_on, np.where((grade >= C) & looked, assessed, NEVER))
    chance = np.where(np.log(per_head + 100) > np.median(np.log(per_head + 100)), 0.5, 0.25)
    repaired = np.where(rng.random(count) < chance, delayed(repairable, 60, 330, rng), NEVER)
    repaired = np.where(repaired < clock.today, repaired, NEVER)
    paid = np.where(rng.random(count) < 0.7, delayed(repaired, 15, 80, rng), NEVER)
    paid = np.where(paid < clock.today, paid, NEVER)
    lived_in = damaged | (rng.random(count) < 0.22)  # most dangerous houses are old ones beside the new
    return Houses(
        grade=grade,
        assessed=assessed,
        damaged=worse,
        damaged_on=damaged_on,
        reassessed=reassessed,
        repaired=repaired,
        subsidy_on=paid,
        lived_in=lived_in,
    )


def safety_book(houses: Houses, people: People, clock: Clock, rng: Rng) -> Book:
    """First inspections and those after a disaster, recorded under the owner."""
    owner = people.householders(clock.starts[0])
    person = np.r_[owner, owner]
    day = np.r_[houses.assessed, houses.reassessed]
    grade = np.r_[houses.grade, np.maximum(houses.damaged, 0)]
    repaired = np.where(
        (grade >= C) & (np.r_[houses.repaired, houses.repaired] > day),
        np.r_[houses.repaired, houses.repaired],
        NEVER,
    )
    book = Book(
        person=person,
        columns={"assessed_on": day, "grade": words(_GRADES, grade)},
        known_on=delayed(day, 1, 15, rng),
        closing="repaired_on",
        ended_on=repaired,
    )
    seen = ~(people.gone_on[person] <= day)
    return chosen_of(book, once(person, np.where(seen & (day < clock.today), day, NEVER)))


def repairs(houses: Houses, people: People, clock: Clock, rng: Rng) -> Book:
    """Subsidies for finished repairs."""
    homes = np.flatnonzero(~np.isnat(houses.subsidy_on))
    grade = np.maximum(houses.grade, houses.damaged)[homes]
    amount = lognormal(rng, 1.0, 0.2, len(homes)) * np.where(grade == C, 13_000, 31_000)
    person = people.householders(clock.end)[homes]
    return payments("HR", person, houses.subsidy_on[homes], {"amount": np.round(amount, -2)})


def _standard(values: Floats) -> Floats:
    return np.asarray((values - values.mean()) / max(float(values.std()), 1e-9))
