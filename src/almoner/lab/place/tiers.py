"""Generate the lists of low-income and monitored households, and of holders of public posts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from almoner.lab.place.aid import Recipients
from almoner.lab.place.arrays import NEVER, Bools, Days, Floats, Ints, Rng, lognormal, pick
from almoner.lab.place.books import Book, chosen_of, delayed, once, words
from almoner.lab.place.clock import Clock
from almoner.lab.place.disability import Disabilities
from almoner.lab.place.people import ELDER_SINGLE, People
from almoner.lab.place.shocks import NO_MONTH, Shocks
from almoner.lab.place.work import INFORMAL, NONE, Livelihoods

_CATEGORIES = ["extreme_poverty", "margin", "rigid_spending", "illness_impoverished", "single_person"]
EXTREME, MARGIN, RIGID, IMPOVERISHED, SINGLE = range(5)
_CARE = ["self_care", "half", "full"]
_MONITORED = ["unstable", "marginal", "sudden"]
_YEAR = np.timedelta64(365, "D")


@dataclass(frozen=True, kw_only=True)
class Tier:
    """Persons recognised in a tier: the day, the end (NaT while it holds) and the grade of care (-1 for
    none).
    """

    person: Ints
    category: Ints
    since: Days
    until: Days
    ended: Days
    care: Ints

    def book(self, rng: Rng) -> Book:
        """The office's book of this list."""
        book = Book(
            person=self.person,
            columns={
                "category": words(_CATEGORIES, self.category),
                "recognised_on": self.since,
                "valid_until": self.until,
                "care_grade": words(_CARE, self.care),
            },
            known_on=delayed(self.since, 0, 12, rng),
            closing="ended_on",
            ended_on=self.ended,
        )
        return chosen_of(book, once(self.person * 5 + self.category, self.since))

    def holds(self, people: People, category: int) -> Bools:
        """By person: whether the person was in the tier at any time."""
        found = np.zeros(people.count, bool)
        found[self.person[self.category == category]] = True
        return found


def recognise(
    people: People,
    per_head: Floats,
    recipients: Recipients,
    disabled: Disabilities,
    shocks: Shocks,
    clock: Clock,
    rng: Rng,
) -> Tier:
    """Recognise households by income, with the errors of village meetings.

    `per_head` is each household's mean income in CNY a month and head.
    """
    aided = np.zeros(people.count, bool)
    aided[recipients.person] = True
    severe = disabled.severe(people)
    alone = (people.form[people.household] == ELDER_SINGLE) | ((severe) & (people.age >= 18))
    quite_poor = per_head < np.quantile(per_head, 0.15)
    extreme = pick(rng, np.flatnonzero(alone & quite_poor[people.household] & ~aided), 0.45)
    looks = np.log(per_head + 50) + rng.normal(0, 0.65, people.households)
    helped = np.zeros(people.households, bool)
    helped[people.household[np.r_[recipients.person, extreme]]] = True
    order = np.argsort(np.where(helped, 99.0, looks))
    size = np.bincount(people.household, minlength=people.households)
    margin = np.zeros(people.households, bool)
    margin[order[np.cumsum(size[order]) <= 0.006 * people.count]] = True
    in_margin = np.flatnonzero(margin[people.household])
    struck = np.zeros(people.households, bool)
    ill = np.flatnonzero((shocks.ill < clock.months) & ~helped[people.household])
    struck[people.household[pick(rng, ill, 0.07)]] = True
    rigid = np.flatnonzero(struck[people.household])
    impoverished = pick(rng, ill, 0.05)
    single = pick(rng, np.flatnonzero(severe & margin[people.household]), 0.3)
    parts = [extreme, in_margin, rigid, impoverished, single]
    person = np.concatenate(parts)
    category = np.repeat(np.arange(5), [len(part) for part in parts])
    since = _since(people, person, category, shocks, clock, rng)
    return _tier(people, person, category, since, clock, rng)


def _since(people: People, person: Ints, category: Ints, shocks: Shocks, clock: Clock, rng: Rng) -> Days:
    """Households are recognised on one day; those struck by illness some months after it began."""
    ill = np.full(people.households, NO_MONTH)
    np.minimum.at(ill, people.household, shocks.ill)
    home = people.household[person]
    began = clock.starts[np.minimum(ill[home], clock.months)]
    found = began + rng.integers(40, 160, people.households)[home].astype("timedelta64[D]")
    back = np.where(rng.random(people.households) < 0.3, 0, 1) * 700 + rng.integers(5, 700, people.households)
    usual = clock.today - back[home].astype("timedelta64[D]")
    day = np.where(np.isin(category, (RIGID, IMPOVERISHED)), found, usual)
    return np.where((day < clock.today) & ~(people.gone_on[person] <= day), day, NEVER)


def _tier(people: People, person: Ints, category: Ints, since: Days, clock: Clock, rng: Rng) -> Tier:
    yearly = np.isin(category, (RIGID, IMPOVERISHED))
    until = np.where(yearly, since + _YEAR, NEVER)
    leaves = rng.random(people.households)[people.household[person]] < 0.06
    later = np.where(leaves, since + rng.integers(200, 700, len(person)).astype("timedelta64[D]"), NEVER)
    gone = delayed(people.gone_on[person], 5, 45, rng)
    ended = np.fmin(np.fmin(until, gone), later)
    weights = rng.random(len(person)) + np.clip((people.age[person] - 60) / 100, 0, 0.3)
    care = np.where(category == EXTREME, np.digitize(weights, [0.75, 1.0]), -1)
    return Tier(
        person=person,
        category=category,
        since=since,
        until=until,
        ended=np.where(ended < clock.today, ended, NEVER),
        care=care,
    )


def monitor(
    people: People, per_head: Floats, work: Livelihoods, shocks: Shocks, clock: Clock, rng: Rng
) -> Book:
    """Rural households: uncertain ones of earlier years, and a tenth of those with a sudden loss."""
    poor = per_head < np.quantile(per_head[~people.urban], 0.3)
    earlier = np.flatnonzero(~people.urban & (rng.random(people.households) < np.where(poor, 0.045, 0.009)))
    ill = np.full(people.households, NO_MONTH)
    np.minimum.at(ill, people.household, np.minimum(shocks.ill, shocks.earner_died))
    month = np.minimum(ill, shocks.disaster)
    sudden = np.flatnonzero(~people.urban & (month < clock.months) & (rng.random(people.households) < 0.12))
    sudden = np.setdiff1d(sudden, earlier)
    since = np.full(people.households, NEVER)
    before = clock.starts[0] - rng.integers(30, 1300, len(earlier)).astype("timedelta64[D]")
    within = rng.random(len(earlier)) < 0.2
    since[earlier] = np.where(within, clock.starts[rng.integers(0, clock.months, len(earlier))], before)
    since[sudden] = delayed(clock.starts[month[sudden]], 25, 90, rng)
    kind = rng.integers(0, 2, people.households)
    kind[sudden] = 2
    leaves = rng.random(people.households) < 0.5
    ended = np.where(
        leaves, since + rng.integers(240, 1500, people.households).astype("timedelta64[D]"), NEVER
    )
    return _monitored(people, work, since, kind, ended, clock, rng)


def _monitored(
    people: People, work: Livelihoods, since: Days, kind: Ints, ended: Days, clock: Clock, rng: Rng
) -> Book:
    able = np.zeros(people.households, bool)
    able[people.household[(work.kind != NONE) & np.isnat(people.gone_on)]] = True
    measures = rng.poisson(1.6, people.households)
    stable = np.clip(
        (clock.today - since).astype(np.int64) // 30 - rng.integers(0, 12, people.households), 0, 60
    )
    home = people.household
    member = np.flatnonzero((since[home] < clock.today) & ~(people.gone_on <= since[home]))
    at = home[member]
    return Book(
        person=member,
        columns={
            "recognised_on": since[at],
            "kind": words(_MONITORED, kind[at]),
            "measures": measures[at],
            "stable_income_months": stable[at],
            "labour_capacity": able[at],
        },
        known_on=delayed(since[at], 1, 10, rng),
        closing="eliminated_on",
        ended_on=np.where(ended < clock.today, ended, NEVER)[at],
        later={"measures": measures[at] + 1, "stable_income_months": np.maximum(stable[at], 7)},
    )


@dataclass(frozen=True)
class Posts:
    """Public posts by holder: CNY a month, first and last day (NaT while it goes on)."""

    person: Ints
    pay: Floats
    since: Days
    ended: Days

    def book(self, rng: Rng) -> Book:
        """The office's book of this list."""
        columns = {"started_on": self.since, "pay": self.pay}
        return Book(
            person=self.person,
            columns=columns,
            known_on=delayed(self.since, 1, 15, rng),
            closing="ended_on",
            ended_on=self.ended,
        )


def post(people: People, per_head: Floats, work: Livelihoods, clock: Clock, rng: Rng) -> Posts:
    """Give public posts to people of poor villages, most of them over forty."""
    poor = per_head < np.quantile(per_head, 0.3)
    fit = np.isin(work.kind, (NONE, INFORMAL)) & (people.age > 35) & (people.age < 65)
    person = pick(rng, np.flatnonzero(fit & poor[people.household] & np.isnat(people.gone_on)), 0.06)
    since = clock.today - rng.integers(20, 1400, len(person)).astype("timedelta64[D]")
    length = np.where(rng.random(len(person)) < 0.75, 1095, rng.integers(60, 600, len(person)))
    ended = since + length.astype("timedelta64[D]")
    pay = np.round(np.clip(lognormal(rng, 950, 0.25, len(person)), 400, 1900), -1)
    return Posts(person, pay, since, np.where(ended < clock.today, ended, NEVER))
