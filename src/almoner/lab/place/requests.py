"""Generate requests for help, by a few of those in need and by some who are not."""

from __future__ import annotations

import numpy as np

from almoner.lab.place.arrays import Rng, pick
from almoner.lab.place.books import Book, words
from almoner.lab.place.clock import Clock
from almoner.lab.place.numbers import numbered
from almoner.lab.place.people import People
from almoner.lab.place.truth import NOBODY, Needs

_CHANNELS = ["code", "hotline", "visit", "letter"]
_MATTERS = ["income", "illness", "school", "care", "housing", "disaster", "other"]
_MATTER_OF_NEED = {
    "income": 0,
    "work": 0,
    "poverty": 0,
    "illness": 1,
    "expenses": 1,
    "education": 2,
    "school_cost": 2,
    "dropout": 2,
    "disability": 3,
    "isolation": 3,
    "child": 3,
    "home_safety": 3,
    "housing": 4,
    "disaster": 5,
}
_ASKING = 0.08


def ask(people: People, needs: Needs, clock: Clock, rng: Rng) -> Book:
    """Requests within three months of the start of a need, and by one adult in forty a year without one."""
    asking = np.flatnonzero(rng.random(len(needs.need)) < _ASKING)
    head = people.householders(clock.today)
    whole = needs.person[asking] == NOBODY
    person = np.where(whole, head[needs.household[asking]], needs.person[asking])
    adult = people.age[person] >= 16
    person = np.where(adult, person, head[needs.household[asking]])
    day = needs.started_on[asking] + rng.integers(3, 90, len(asking)).astype("timedelta64[D]")
    matter = np.array([_MATTER_OF_NEED[needs.need[row]] for row in asking.tolist()], np.int64)
    others = pick(rng, np.flatnonzero(people.age > 18), 0.025 * clock.months / 12)
    back = rng.integers(1, clock.months * 30, len(others)).astype("timedelta64[D]")
    person = np.r_[person, others]
    day = np.r_[day, clock.today - back]
    matter = np.r_[matter, rng.choice(7, len(others), p=[0.16, 0.14, 0.08, 0.1, 0.08, 0.02, 0.42])]
    kept = np.flatnonzero((day < clock.today) & (day >= clock.starts[0]) & ~(people.gone_on[person] <= day))
    kept = kept[np.argsort(day[kept], kind="stable")]
    channel = rng.choice(4, len(kept), p=[0.34, 0.3, 0.31, 0.05])
    columns = {
        "request_no": numbered("HQ", np.arange(len(kept)) + 1, 8),
        "requested_on": day[kept],
        "channel": words(_CHANNELS, channel),
        "matter": words(_MATTERS, matter[kept]),
    }
    return Book(person=person[kept], columns=columns, known_on=day[kept])
