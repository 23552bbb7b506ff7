"""Generate disabilities: since when, how severe, and whether the person holds a card."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from almoner.lab.place.arrays import NEVER, Bools, Days, Floats, Ints, Rng, pick, weighted
from almoner.lab.place.books import Book, chosen_of, delayed, once, words
from almoner.lab.place.clock import Clock
from almoner.lab.place.mishaps import DISABILITY, Accidents
from almoner.lab.place.people import People
from almoner.lab.place.shocks import Shocks

_KINDS = ["visual", "hearing", "speech", "physical", "intellectual", "mental", "multiple"]
PHYSICAL = 3
_STATUSES = ["valid", "expired", "frozen", "cancelled"]
_OF_CHILDREN = np.array([0.08, 0.12, 0.07, 0.24, 0.34, 0.06, 0.09])
_OF_GROWN = np.array([0.14, 0.17, 0.01, 0.50, 0.05, 0.10, 0.03])
_OF_MISHAP = np.array([0.04, 0.03, 0.03, 0.80, 0.04, 0.03, 0.03])
_GRADES_STANDING, _GRADES_NEW = np.array([0.15, 0.27, 0.27, 0.31]), np.array([0.17, 0.28, 0.31, 0.24])
_CARD_DAYS = np.timedelta64(3652, "D")


@dataclass(frozen=True, kw_only=True)
class Disabilities:
    """One disabled person a row; `since` is when it began, `carded_on` NaT for who never asked for a card."""

    person: Ints
    since: Days
    kind: Ints
    grade: Ints
    carded_on: Days
    mishap: Bools

    def severe(self, people: People) -> Bools:
        """By person: grade 1 or 2, with or without a card."""
        found = np.zeros(people.count, bool)
        found[self.person[self.grade <= 2]] = True
        return found

    def carded(self, people: People, grades: int) -> Bools:
        """By person: has a card of the `grades` most severe grades."""
        found = np.zeros(people.count, bool)
        found[self.person[(self.grade <= grades) & ~np.isnat(self.carded_on)]] = True
        return found


def befall(people: People, shocks: Shocks, accidents: Accidents, clock: Clock, rng: Rng) -> Disabilities:
    """Disabilities from before the place's months, then those by strokes, accidents and age."""
    standing = np.flatnonzero(rng.random(people.count) < _prevalence(people.age))
    ill = np.flatnonzero(shocks.ill < clock.months)
    ill = pick(rng, ill, 0.12)
    hurt = accidents.person[accidents.outcome == DISABILITY]
    old = pick(rng, np.flatnonzero(people.age >= 65), 0.006 * clock.months / 12)
    since = np.concatenate(
        [
            clock.starts[0] - rng.integers(300, 9000, len(standing)).astype("timedelta64[D]"),
            delayed(clock.starts[shocks.ill[ill]], 40, 150, rng),
            accidents.day[accidents.outcome == DISABILITY],
            clock.starts[rng.integers(0, clock.months, len(old))],
        ]
    )
    person = np.concatenate([standing, ill, hurt, old])
    mishap = np.arange(len(person)) >= len(standing)
    since = np.maximum(since, people.birth[person])
    _, first = np.unique(person, return_index=True)
    first = first[~(people.gone_on[person[first]] <= since[first]) & (since[first] < clock.today)]
    return _carded(people, person[first], since[first], mishap[first], clock, rng)


def _prevalence(age: Floats) -> Floats:
    return np.asarray(0.009 + 0.052 * np.clip((age - 20) / 60, 0, 1) ** 1.5)


def _carded(people: People, person: Ints, since: Days, mishap: Bools, clock: Clock, rng: Rng) -> Disabilities:
    count = len(person)
    of_kind = [weighted(rng, weights, count) for weights in (_OF_CHILDREN, _OF_GROWN, _OF_MISHAP)]
    kind = np.where(mishap, of_kind[2], np.where(people.age[person] < 18, of_kind[0], of_kind[1]))
    grade = 1 + np.where(mishap, weighted(rng, _GRADES_NEW, count), weighted(rng, _GRADES_STANDING, count))
    asks = rng.random(count) < np.where(mishap, 0.75, 0.8)
    before = clock.starts[0] - rng.integers(60, 3600, count).astype("timedelta64[D]")
    asked = np.where(mishap, delayed(since, 40, 200, rng), np.maximum(before, since))
    carded = np.where(asks & ~(people.gone_on[person] <= asked), asked, NEVER)
    return Disabilities(person=person, since=since, kind=kind, grade=grade, carded_on=carded, mishap=mishap)


def register(disabled: Disabilities, people: People, clock: Clock, rng: Rng) -> Book:
    """Cards as they are now. A worse or renewed card is a new entry, and the office acts within days."""
    count = len(disabled.person)
    span = int((clock.end - clock.starts[0]).astype(np.int64))
    someday = clock.starts[0] + rng.integers(0, span, count).astype("timedelta64[D]")
    worse = (rng.random(count) < 0.015) & (disabled.grade > 1) & (disabled.carded_on < someday)
    worse &= ~(people.gone_on[disabled.person] <= someday)
    again = disabled.carded_on + _CARD_DAYS
    runs_out = again < clock.today
    renewed = runs_out & (rng.random(count) < 0.7) & ~(people.gone_on[disabled.person] <= again)
    rows = np.r_[np.arange(count), np.flatnonzero(worse), np.flatnonzero(renewed)]
    part = np.repeat([0, 1, 2], [count, int(worse.sum()), int(renewed.sum())])
    renewal = delayed(again, 2, 60, rng)
    recorded = np.choose(part, [disabled.carded_on[rows], someday[rows], renewal[rows]])
    until = recorded + _CARD_DAYS
    gone = delayed(people.gone_on[disabled.person[rows]], 6, 40, rng)
    frozen = np.where(rng.random(len(rows)) < 0.005, someday[rows], NEVER)
    frozen = np.where(frozen > recorded, frozen, NEVER)
    ended = np.fmin(np.fmin(until, gone), frozen)
    status = np.select([ended == gone, ended == frozen], [3, 2], 1)
    grade = disabled.grade[rows] - (part == 1)
    book = Book(
        person=disabled.person[rows],
        columns={
            "recorded_on": recorded,
            "kind": words(_KINDS, disabled.kind[rows]),
            "grade": grade,
            "valid_until": until,
            "status": words(_STATUSES, np.zeros(len(rows), np.int64)),
        },
        known_on=delayed(recorded, 0, 3, rng),
        closing=None,
        ended_on=np.maximum(ended, recorded + np.timedelta64(1, "D")),
        later={"status": words(_STATUSES, status)},
    )
    return chosen_of(book, once(book.person, recorded))
