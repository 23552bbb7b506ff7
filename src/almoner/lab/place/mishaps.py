"""Generate accidents on the road and at work, and crimes, with their victims and outcomes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from almoner.lab.place.arrays import Days, Ints, Rng, days_between, pick, weighted
from almoner.lab.place.books import Book, delayed, words
from almoner.lab.place.clock import Clock
from almoner.lab.place.numbers import numbered
from almoner.lab.place.people import People
from almoner.lab.place.shocks import NO_MONTH, Shocks
from almoner.lab.place.work import NONE, Livelihoods

_KINDS = ["traffic", "crime", "work"]
_OUTCOMES = ["injury", "disability", "death"]
INJURY, DISABILITY, DEATH = range(3)
_YEARLY = 0.0045
_YEAR_OUT_OF_WORK = 14  # months


@dataclass(frozen=True)
class Accidents:
    """By accident: the person, the day, which kind and with which outcome."""

    person: Ints
    day: Days
    kind: Ints
    outcome: Ints

    def book(self, rng: Rng) -> Book:
        """The police's book, with entries one to four weeks after the event."""
        count = len(self.person)
        return Book(
            person=self.person,
            columns={
                "accident_no": numbered("AC", np.arange(count) + 1, 7),
                "happened_on": self.day,
                "kind": words(_KINDS, self.kind),
                "outcome": words(_OUTCOMES, self.outcome),
            },
            known_on=delayed(self.day, 7, 28, rng),
        )


def happen(people: People, work: Livelihoods, shocks: Shocks, clock: Clock, rng: Rng) -> Accidents:
    """Generate accidents: most victims recover, the disabled lose their work.

    A third of the earners' deaths are accidents.
    """
    about = np.flatnonzero((people.age > 15) & (people.age < 75))
    hurt = pick(rng, about, _YEARLY * clock.months / 12)
    month = rng.integers(0, clock.months, len(hurt))
    outcome = np.where(rng.random(len(hurt)) < 0.08, DISABILITY, INJURY)
    kind = np.where(work.kind[hurt] == NONE, 0, weighted(rng, np.array([0.72, 0.05, 0.23]), len(hurt)))
    day = days_between(rng, clock.starts[month], clock.starts[month + 1])
    alive = ~(people.gone_on[hurt] <= day)
    hurt, month, outcome, kind, day = hurt[alive], month[alive], outcome[alive], kind[alive], day[alive]
    disabled = (outcome == DISABILITY) & (work.kind[hurt] != NONE)
    shocks.job_lost[hurt[disabled]] = month[disabled]
    shocks.job_lost_for[hurt[disabled]] = _YEAR_OUT_OF_WORK
    killed = pick(rng, np.flatnonzero(shocks.earner_died < NO_MONTH), 0.35)
    fatal = weighted(rng, np.array([0.6, 0.1, 0.3]), len(killed))
    order = np.argsort(np.r_[day, people.died_on[killed]], kind="stable")
    return Accidents(
        np.r_[hurt, killed][order],
        np.r_[day, people.died_on[killed]][order],
        np.r_[kind, fatal][order],
        np.r_[outcome, np.full(len(killed), DEATH)][order],
    )
