"""Generate children whose parents are away, dead or unable, and the child director's register of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from almoner.lab.place.arrays import NEVER, Bools, Days, Ints, Rng, pick
from almoner.lab.place.books import Book, chosen_of, delayed, once, words
from almoner.lab.place.clock import Clock
from almoner.lab.place.disability import Disabilities
from almoner.lab.place.people import ADULT, LEFT_BEHIND, SECOND_ADULT, People
from almoner.lab.place.shocks import Shocks

_KINDS = ["left_behind", "unattended", "orphan", "floating"]
_GUARDIANS = ["parent", "grandparent", "other_relative", "none"]
_SIXTEEN = np.timedelta64(16 * 365 + 4, "D")
_LONG_AGO, _NEVER_ENDS = np.datetime64("1900-01-01", "D"), np.datetime64("2900-01-01", "D")


@dataclass(frozen=True, kw_only=True)
class Childcare:
    """Children truly without anybody able to look after them, and the office's book of all kinds of children.

    `ended` is NaT while it goes on. `orphan` marks those whose parents are dead, `noticed` the day on which
    the director wrote it down (NaT where nobody did).
    """

    person: Ints
    started: Days
    ended: Days
    orphan: Bools
    noticed: Days
    cause: list[str]
    book: Book


def look(people: People, shocks: Shocks, disabled: Disabilities, clock: Clock, rng: Rng) -> Childcare:
    """Find the children without a caretaker, then make the register with its gaps."""
    failing, recovering = _caretakers(people, shocks, disabled, clock)
    child = np.flatnonzero((people.age < 16) & np.isnat(people.gone_on))
    home = people.household[child]
    left = people.form[home] == LEFT_BEHIND
    alone = failing[home] < clock.today
    frail = left & ~alone & (rng.random(people.households)[home] < 0.022)
    from_day = clock.starts[rng.integers(min(2, clock.months - 1), clock.months, people.households)]
    rows = np.flatnonzero(alone | frail)
    started = np.where(alone, failing[home], from_day[home])[rows]
    started = np.maximum(started, people.birth[child[rows]])
    ended = np.where(alone, recovering[home], NEVER)[rows]
    dead = _parents_dead(people)[home][rows]
    wait = rng.integers(15, 120, people.households)[home[rows]].astype("timedelta64[D]")
    seen = rng.random(people.households)[home[rows]] < np.where(dead, 0.9, 0.4)
    noticed = np.where(seen, started + wait, NEVER)
    noticed = np.where((noticed < clock.today) & ~(noticed >= ended), noticed, NEVER)
    cause = np.where(dead, "parents_dead", np.where(alone[rows], "nobody_able", "guardian_unable")).tolist()
    book = _book(people, child, left, child[rows], dead, noticed, clock, rng)
    return Childcare(
        person=child[rows], started=started, ended=ended, orphan=dead, noticed=noticed, cause=cause, book=book
    )


def _caretakers(people: People, shocks: Shocks, disabled: Disabilities, clock: Clock) -> tuple[Days, Days]:
    """By household: from when and until when no able adult is at home (NaT: never, or still)."""
    grown = (people.age >= 20) & ~(people.away_since < clock.today)
    severe = np.full(people.count, NEVER)
    worst = (disabled.grade == 1) & (disabled.person < people.count)
    severe[disabled.person[worst]] = disabled.since[worst]
    for_good = np.fmin(people.gone_on, severe)
    ill = np.where(shocks.ill < clock.months, clock.starts[np.minimum(shocks.ill, clock.months)], NEVER)
    well = clock.starts[np.minimum(shocks.ill + shocks.ill_for, clock.months + 1)]
    fails = np.fmin(for_good, ill)
    again = np.where(np.isnat(for_good) & ~np.isnat(ill), well, _NEVER_ENDS)
    failing = np.full(people.households, _LONG_AGO)
    np.maximum.at(failing, people.household[grown], np.where(np.isnat(fails), _NEVER_ENDS, fails)[grown])
    recovering = np.full(people.households, _NEVER_ENDS)
    np.minimum.at(recovering, people.household[grown], again[grown])
    failing = np.where((failing == _LONG_AGO) | (failing == _NEVER_ENDS), NEVER, failing)
    failing = np.where(recovering <= failing, NEVER, failing)
    return failing, np.where(recovering < clock.today, recovering, NEVER)


def _parents_dead(people: People) -> Bools:
    """By household: it had parents and all of them died."""
    parent = np.isin(people.place, (ADULT, SECOND_ADULT))
    had = np.bincount(people.household[parent], minlength=people.households)
    died = np.bincount(people.household[parent & ~np.isnat(people.died_on)], minlength=people.households)
    return np.asarray((had > 0) & (had == died))


def _book(
    people: People,
    child: Ints,
    left: Bools,
    alone: Ints,
    orphan: Bools,
    noticed: Days,
    clock: Clock,
    rng: Rng,
) -> Book:
    """Left-behind and floating children, some of them unknown; whom kin took in; whom the director found
    alone.
    """
    listed = pick(rng, child[left], 0.82)
    floating = pick(rng, child[~left], 0.008)
    with_kin = np.setdiff1d(pick(rng, child, 0.004), alone)
    person = np.r_[listed, floating, with_kin, alone]
    part = np.repeat([0, 3, 1, 1], [len(listed), len(floating), len(with_kin), len(alone)])
    part[len(part) - len(alone) :][orphan] = 2
    spans = rng.integers(30, 1500, len(person)).astype("timedelta64[D]")
    away = np.maximum(clock.today - spans, people.birth[person] + np.timedelta64(60, "D"))
    recorded = np.r_[away[: len(away) - len(alone)], noticed]
    replaced = np.full(people.count, NEVER)
    replaced[alone] = noticed
    of_age = people.birth[person] + _SIXTEEN
    ended = np.where(part == 0, np.fmin(of_age, replaced[person]), of_age)
    guardian = np.select([part == 3, part == 0], [0, 1 + (rng.random(len(person)) < 0.08)], 3)
    known_kin = np.isin(person, with_kin) | (rng.random(len(person)) < 0.5)
    guardian = np.where(np.isin(part, (1, 2)) & known_kin, 2, guardian)
    book = Book(
        person=person,
        columns={
            "recorded_on": recorded,
            "kind": words(_KINDS, part),
            "guardian": words(_GUARDIANS, guardian),
        },
        known_on=delayed(recorded, 0, 20, rng),
        closing="ended_on",
        ended_on=np.where((ended < clock.today) & (ended > recorded), ended, NEVER),
    )
    valid = once(person, np.where((recorded < ended) & (recorded < clock.today), recorded, NEVER))
    return chosen_of(book, valid)
