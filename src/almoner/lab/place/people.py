"""Generate the people of the county, their households, and who is away."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from almoner.lab.place import names
from almoner.lab.place.arrays import NEVER, Bools, Days, Floats, Ints, Rng, pick, weighted
from almoner.lab.place.clock import Clock
from almoner.lab.place.land import Land
from almoner.lab.place.numbers import opaque, resident_numbers

FORMS = (
    "elder_single",
    "elder_couple",
    "three_generations",
    "nuclear",
    "couple",
    "left_behind",
    "single_parent",
    "single_adult",
    "grown_children",
)
FORM_SHARES = np.array([0.085, 0.12, 0.17, 0.27, 0.13, 0.06, 0.03, 0.075, 0.06])
ELDER_SINGLE, ELDER_COUPLE, LEFT_BEHIND = 0, 1, 5

ELDER, SECOND_ELDER, ADULT, SECOND_ADULT, GROWN, CHILD, SECOND_CHILD = range(7)
# Chance that a household of each form has somebody in each of the seven places above.
_PRESENT = np.array(
    [
        [1, 0, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0, 0],
        [1, 0.6, 1, 0.95, 0, 0.95, 0.40],
        [0, 0, 1, 1, 0, 1, 0.40],
        [0, 0, 1, 1, 0, 0, 0],
        [1, 0.65, 1, 0.8, 0, 1, 0.45],
        [0, 0, 1, 0, 0, 1, 0.40],
        [0, 0, 1, 0, 0, 0, 0],
        [0, 0, 1, 0.95, 1, 0, 0],
    ]
)
# Age of the elder in elders' households and of the first adult elsewhere: mean, spread, lowest, highest.
_CORE_AGE = np.array(
    [
        [73, 7.5, 60, 97],
        [69, 6, 60, 92],
        [38, 7, 24, 52],
        [38, 7.5, 23, 54],
        [46, 13, 22, 64],
        [35, 5, 23, 46],
        [38, 7, 23, 52],
        [41, 12, 21, 64],
        [53, 4.5, 46, 66],
    ]
)
RELATIONS = ("head", "spouse", "child", "parent", "grandchild", "other")
_RELATION_WITH_ADULT_HEAD = np.array([3, 3, 0, 1, 2, 2, 2])
_RELATION_WITH_ELDER_HEAD = np.array([0, 1, 2, 2, 2, 4, 4])


@dataclass(kw_only=True)
class People:
    """Persons by position, ordered by household; households by position. Ages are in years at `until`."""

    household: Ints
    place: Ints
    age: Floats
    birth: Days
    male: Bools
    ethnicity: Ints
    away_since: Days
    died_on: Days
    moved_on: Days
    form: Ints
    village: Ints
    urban: Bools
    numbers: pa.Array = field(repr=False)
    household_numbers: pa.Array = field(repr=False)

    @property
    def count(self) -> int:
        return len(self.household)

    @property
    def households(self) -> int:
        return len(self.form)

    @property
    def relation(self) -> Ints:
        elder_heads = np.isin(self.form, (ELDER_SINGLE, ELDER_COUPLE, LEFT_BEHIND))[self.household]
        adult = _RELATION_WITH_ADULT_HEAD[self.place]
        return np.where(elder_heads, _RELATION_WITH_ELDER_HEAD[self.place], adult)

    @property
    def gone_on(self) -> Days:
        """The day of death or of moving out of the county, whichever is first."""
        return np.fmin(self.died_on, self.moved_on)

    def householders(self, day: np.datetime64) -> Ints:
        """By household: the head, or another adult who is left when the head is gone by `day`."""
        gone = self.gone_on <= day
        rank = 4 * gone + 2 * (self.age < 18) + (self.relation != 0)
        key = rank.astype(np.int64) * self.count + np.arange(self.count)
        starts = np.searchsorted(self.household, np.arange(self.households))
        return np.asarray(np.minimum.reduceat(key, starts) % self.count)

    def living_in(self, day: np.datetime64) -> Bools:
        """By person: whether born, alive and not away on that day."""
        return (self.birth <= day) & ~(self.gone_on <= day) & ~(self.away_since <= day)

    def heads(self, clock: Clock) -> Floats:
        """Members living in, by household and month; at least one, so that it can divide."""
        months = []
        for month in range(clock.months):
            here = self.living_in(clock.last_day(month))
            months.append(np.bincount(self.household[here], minlength=self.households))
        return np.maximum(np.stack(months, axis=1), 1).astype(np.float32)


def populate(residents: int, land: Land, clock: Clock, seed: int, rng: Rng) -> People:
    """Generate exactly `residents` persons in households of every form."""
    form, years, present = _members(residents, rng)
    village = weighted(rng, land.shares, len(form))
    seat = land.township_of[village] == 0
    urban = rng.random(len(form)) < np.where(seat, 0.85, 0.18)
    household, place = np.nonzero(present)
    male = _sexes(form, rng)[household, place]
    age = years[household, place]
    birth = clock.end - np.minimum(age * 365.25, 105 * 365).astype(np.int64).astype("timedelta64[D]")
    nobody = np.full(len(household), NEVER)
    people = People(
        household=household,
        place=place,
        age=age,
        birth=birth,
        male=male,
        ethnicity=_ethnicities(household, village, rng),
        away_since=nobody,
        died_on=nobody.copy(),
        moved_on=nobody.copy(),
        form=form,
        village=village,
        urban=urban,
        numbers=resident_numbers(birth, male),
        household_numbers=opaque("HH", np.arange(len(form)), seed),
    )
    people.away_since = _absences(people, clock, rng)
    _deaths_of_age(people, clock, rng)
    people.moved_on = _removals(people, clock, rng)
    return people


def _members(residents: int, rng: Rng) -> tuple[Ints, Floats, Bools]:
    """Form by household; age and presence by household and place, `residents` present in all."""
    drawn = residents * 45 // 100 + 50
    form = weighted(rng, FORM_SHARES, drawn)
    present = rng.random((drawn, 7)) < _PRESENT[form]
    years = _ages(form, rng)
    present &= (years > 0.02) | (np.arange(7) != SECOND_CHILD)
    enough = int(np.searchsorted(np.cumsum(present.sum(1)), residents, side="right"))
    form, years, present = form[:enough], years[:enough], present[:enough]
    room = np.flatnonzero(present[:, ELDER] & present[:, ADULT] & ~present[:, SECOND_ELDER])
    present[room[: residents - int(present.sum())], SECOND_ELDER] = True
    return form, years, present


def _ages(form: Ints, rng: Rng) -> Floats:
    """Years by household and place, as if somebody were in every place; negative for who is not born yet."""
    years = np.zeros((len(form), 7))
    core = _core_ages(form, rng)
    years[:, ADULT] = core
    elders = form <= ELDER_COUPLE
    years[:, ELDER] = np.where(elders, core, core + _normal(rng, 27, 4, len(form)))
    years[:, SECOND_ELDER] = years[:, ELDER] + _normal(rng, -2, 3, len(form))
    years[:, SECOND_ADULT] = np.maximum(core + _normal(rng, -2, 3, len(form)), 20)
    years[:, GROWN] = np.clip(core - _normal(rng, 27, 3, len(form)), 18.2, 38)
    children = core - _normal(rng, 27.5, 4.5, len(form))
    unfit = (children < 0) | (children > 18)
    years[:, CHILD] = np.where(unfit, rng.uniform(0, 18, len(form)), children)
    years[:, SECOND_CHILD] = years[:, CHILD] - rng.uniform(1.2, 7, len(form))
    return years + rng.uniform(0, 0.98, years.shape)  # bounds must not give many people one birthday


def _core_ages(form: Ints, rng: Rng) -> Floats:
    mean, spread, lowest, highest = _CORE_AGE[form].T
    return np.asarray(np.clip(rng.normal(mean, spread), lowest, highest))


def _normal(rng: Rng, mean: float, spread: float, size: int) -> Floats:
    return np.asarray(np.clip(rng.normal(mean, spread, size), mean - 2.5 * spread, mean + 2.5 * spread))


def _sexes(form: Ints, rng: Rng) -> Bools:
    male = rng.random((len(form), 7)) < 0.515
    male[:, ADULT] = rng.random(len(form)) < np.where(form == FORMS.index("single_parent"), 0.35, 0.75)
    male[:, SECOND_ADULT] = ~male[:, ADULT]
    male[:, ELDER] = rng.random(len(form)) < np.where(form == ELDER_SINGLE, 0.36, 0.5)
    male[:, SECOND_ELDER] = ~male[:, ELDER]
    return male


def _ethnicities(household: Ints, village: Ints, rng: Rng) -> Ints:
    """Most members share one; some villages are mostly of one minority."""
    shares = np.array(names.ETHNICITY_SHARES)
    of_village = weighted(rng, shares, int(village.max()) + 1)
    own = weighted(rng, shares, len(village))
    of_household = np.where(rng.random(len(village)) < 0.6, of_village[village], own)
    married_in = rng.random(len(household)) < 0.08
    return np.where(married_in, weighted(rng, shares, len(household)), of_household[household])


def _absences(people: People, clock: Clock, rng: Rng) -> Days:
    """Parents of left-behind children, some husbands and many grown children work elsewhere."""
    chance = np.zeros(people.count)
    form, place = people.form[people.household], people.place
    chance[(form == LEFT_BEHIND) & np.isin(place, (ADULT, SECOND_ADULT))] = 1.0
    chance[(form == FORMS.index("nuclear")) & (place == ADULT)] = 0.10
    chance[(form == FORMS.index("three_generations")) & (place == ADULT)] = 0.14
    chance[place == GROWN] = 0.45
    away = rng.random(people.count) < chance
    since = clock.end - rng.integers(120, 3000, people.count).astype("timedelta64[D]")
    return np.where(away, since, NEVER)


def _deaths_of_age(people: People, clock: Clock, rng: Rng) -> None:
    """Elders die at a rate that doubles every eight years (Gompertz)."""
    elders = np.flatnonzero(people.age >= 60)
    yearly = np.minimum(0.011 * 2 ** ((people.age[elders] - 62) / 8), 0.3)
    dying = elders[rng.random(len(elders)) < yearly * clock.months / 12]
    span = int((clock.end - clock.starts[0]).astype(np.int64))
    people.died_on[dying] = clock.starts[0] + rng.integers(1, span, len(dying)).astype("timedelta64[D]")


def _removals(people: People, clock: Clock, rng: Rng) -> Days:
    """Whole households that leave the county for good."""
    movers = pick(rng, np.arange(people.households), 0.003 * clock.months / 12)
    span = int((clock.end - clock.starts[0]).astype(np.int64))
    days = np.full(people.households, NEVER)
    days[movers] = clock.starts[0] + rng.integers(1, span, len(movers)).astype("timedelta64[D]")
    return np.where(np.isnat(people.died_on), days[people.household], NEVER)
