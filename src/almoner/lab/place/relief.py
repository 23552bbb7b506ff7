"""Generate losses by disasters, and payments to some of those struck by a disaster or by illness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from almoner.lab.place.arrays import NEVER, Days, Floats, Ints, Rng, lognormal, pick
from almoner.lab.place.books import Book, delayed, payments, words
from almoner.lab.place.clock import Clock
from almoner.lab.place.houses import Houses
from almoner.lab.place.numbers import numbered
from almoner.lab.place.people import People
from almoner.lab.place.shocks import STORM, Shocks

_DISASTERS = ["flood", "fire", "landslide", "storm", "other"]
_CAUSES = ["illness", "income", "education", "disaster", "other"]


@dataclass(frozen=True)
class Losses:
    """By struck household: the day, the kind, the loss in CNY, and whether the loss was recorded."""

    household: Ints
    day: Days
    kind: Ints
    loss: Floats
    counted: Days

    def book(self, people: People, houses: Houses) -> Book:
        """The record of losses at the end of the event."""
        rows = np.flatnonzero(~np.isnat(self.counted))
        rows = rows[np.argsort(self.counted[rows], kind="stable")]
        home = self.household[rows]
        damaged = (houses.damaged[home] >= 0) & (houses.damaged_on[home] == self.day[rows])
        columns = {
            "report_no": numbered("DL", np.arange(len(rows)) + 1, 7),
            "happened_on": self.day[rows],
            "kind": words(_DISASTERS, self.kind[rows]),
            "loss": self.loss[rows],
            "house_damaged": damaged,
        }
        return Book(person=_householder(people)[home], columns=columns, known_on=self.counted[rows])


@dataclass(frozen=True)
class Gifts:
    """One-off payments by payment in CNY; `paid_on` is NaT for those that were never made."""

    person: Ints
    paid_on: Days
    amount: Floats
    cause: Ints


def _householder(people: People) -> Ints:
    return people.householders(np.datetime64("1900-01-01", "D"))


def count_losses(people: People, shocks: Shocks, houses: Houses, clock: Clock, rng: Rng) -> Losses:
    """Losses of struck households, and one week of storms a year with small losses for many."""
    struck = np.flatnonzero(shocks.disaster < clock.months)
    loss = lognormal(rng, 9000.0, 0.9, len(struck)) + (houses.damaged[struck] >= 0) * 22_000
    grazed = np.setdiff1d(pick(rng, np.flatnonzero(~people.urban), 0.012 * clock.months / 12), struck)
    weeks = clock.starts[rng.integers(0, clock.months, max(clock.months // 12, 1))]
    day = weeks[rng.integers(0, len(weeks), len(grazed))] + rng.integers(3, 9, len(grazed)).astype(
        "timedelta64[D]"
    )
    small = lognormal(rng, 1300.0, 0.7, len(grazed))
    days = np.r_[shocks.disaster_on[struck], day]
    known = rng.random(len(days)) < np.r_[np.full(len(struck), 0.93), np.full(len(grazed), 0.8)]
    return Losses(
        np.r_[struck, grazed],
        days,
        np.r_[shocks.disaster_kind[struck], np.full(len(grazed), STORM)],
        np.asarray(np.round(np.r_[loss, small], -2)),
        np.where(known, delayed(days, 4, 18, rng), NEVER),
    )


def relieve(people: People, losses: Losses, clock: Clock, rng: Rng) -> Gifts:
    """Pay relief in money, more often after large losses."""
    chance = np.where(losses.loss > 6000, 0.6, 0.1) * ~np.isnat(losses.counted)
    rows = np.flatnonzero(rng.random(len(losses.loss)) < chance)
    day = delayed(losses.counted[rows], 2, 40, rng)
    amount = np.round(np.clip(losses.loss[rows] * 0.18, 400, 12_000), -2)
    person = _householder(people)[losses.household[rows]]
    return Gifts(person, np.where(day < clock.today, day, NEVER), amount, np.full(len(rows), 3))


def assist_the_ill(people: People, shocks: Shocks, clock: Clock, rng: Rng) -> Gifts:
    """Pay medical assistance on application, to one in five of those with a long illness."""
    ill = pick(rng, np.flatnonzero(shocks.ill < clock.months), 0.2)
    day = _after(people, ill, clock.starts[shocks.ill[ill]], 60, 200, clock, rng)
    amount = np.round(np.clip(shocks.ill_cost[ill] * rng.uniform(0.04, 0.12, len(ill)), 500, 60_000), -1)
    return Gifts(ill, day, amount, np.zeros(len(ill), np.int64))


def give(people: People, shocks: Shocks, losses: Losses, clock: Clock, rng: Rng) -> Gifts:
    """Pay charity to a few households with illness, fire or job loss, and to their children at school."""
    heads = _householder(people)
    ill = pick(rng, np.flatnonzero(shocks.ill < clock.months), 0.05)
    hurt = pick(rng, np.arange(len(losses.loss)), 0.06)
    jobless = pick(rng, np.flatnonzero(shocks.job_lost < clock.months), 0.01)
    others = pick(rng, heads, 0.0006 * clock.months / 12)
    since = np.concatenate(
        [
            clock.starts[shocks.ill[ill]],
            losses.day[hurt],
            clock.starts[shocks.job_lost[jobless]],
            clock.starts[rng.integers(0, clock.months, len(others))],
        ]
    )
    person = np.concatenate([ill, heads[losses.household[hurt]], jobless, others])
    sizes = [len(part) for part in (ill, hurt, jobless, others)]
    cause = np.where(
        rng.random(len(person)) < np.repeat([0.02, 0.02, 0.1, 0.5], sizes), 2, np.repeat([0, 3, 1, 4], sizes)
    )
    amount = np.round(np.clip(lognormal(rng, 3000.0, 0.7, len(person)), 300, 50_000), -2)
    return Gifts(person, _after(people, person, since, 20, 120, clock, rng), amount, cause)


def gift_book(prefix: str, gifts: Gifts, with_cause: bool = False) -> Book:
    """The payments that were made."""
    columns = {"amount": gifts.amount}
    cause = {"cause": words(_CAUSES, gifts.cause)} if with_cause else {}
    return payments(prefix, gifts.person, gifts.paid_on, {**cause, **columns})


def _after(
    people: People, person: Ints, since: Days, lowest: int, highest: int, clock: Clock, rng: Rng
) -> Days:
    """Days of payment some days after `since`; NaT when the person has left or the day is in the future."""
    day = delayed(since, lowest, highest, rng)
    return np.where((day < clock.today) & ~(people.gone_on[person] <= day), day, NEVER)
