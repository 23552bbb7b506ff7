"""Generate enrolment in health insurance, and diagnoses."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from almoner.lab.place.arrays import NEVER, Bools, Ints, Rng, days_between, pick
from almoner.lab.place.books import Book, chosen_of, delayed, once, words
from almoner.lab.place.clock import Clock
from almoner.lab.place.people import People
from almoner.lab.place.shocks import Shocks
from almoner.lab.place.work import INSURED, Livelihoods

_SCHEMES = ["employee", "resident", "none"]
# ICD-10: cancers, strokes, hearts, kidneys, livers; then the long ones; then the rare ones.
_SERIOUS = ["C34", "C16", "C18", "C22", "C50", "C92", "I21", "I61", "I63", "K74", "N18", "S06"]
_CHRONIC = ["E11", "I10", "I25", "J44", "M05", "F20", "G20", "B18"]
_RARE = ["D66", "E75", "G12", "G35", "G71", "M33"]
_KINDS = ["serious", "chronic", "rare"]


def enrolment(
    people: People, work: Livelihoods, employees: Bools, poor: Bools, clock: Clock, rng: Rng
) -> Book:
    """Each year's list as of the end of its window. `employees` have a pension of the employees' scheme."""
    at_work = (work.kind == INSURED) | employees
    left_out = np.where((people.age > 18) & (people.age < 45), 0.035, 0.012)
    left_out = np.where(np.isnat(people.away_since), left_out, 0.09)
    left_out = np.where(poor, 0.008, left_out)
    wavers = rng.random(people.count)
    persons, years, schemes, aids = [], [], [], []
    for year in _closed(clock):
        closing = _closing(year)
        here = np.flatnonzero((people.birth < closing) & ~(people.gone_on <= closing))
        again = wavers[here] * 0.7 + rng.random(len(here)) * 0.3
        scheme = np.where(at_work[here], 0, np.where(again < left_out[here], 2, 1))
        persons.append(here)
        years.append(np.full(len(here), np.datetime64(f"{year}-01-01", "D")))
        schemes.append(scheme)
        aids.append((scheme == 1) & poor[here] & (rng.random(len(here)) < 0.85))
    year_day = np.concatenate(years)
    columns = {
        "year": year_day,
        "scheme": words(_SCHEMES, np.concatenate(schemes)),
        "premium_aided": np.concatenate(aids),
    }
    return Book(person=np.concatenate(persons), columns=columns, known_on=year_day + np.timedelta64(58, "D"))


def _closing(year: int) -> np.datetime64:
    return np.datetime64(f"{year}-03-01", "D")


def _closed(clock: Clock) -> list[int]:
    """Years whose window closed within the place's months; at least the last one that did."""
    years = [int(year) for year in np.unique(clock.year)]
    closed = [year for year in years if clock.starts[0] <= _closing(year) < clock.today]
    return closed or [clock.as_of.year - int(_closing(clock.as_of.year) >= clock.today)]


def diagnoses(people: People, shocks: Shocks, clock: Clock, rng: Rng) -> Book:
    """Nine in ten serious illnesses, and long and rare ones that hospitals report, many without hardship."""
    serious = pick(rng, np.flatnonzero(shocks.ill < clock.months), 0.9)
    mild = pick(rng, np.arange(people.count), 0.008 * clock.months / 12)
    chronic = pick(rng, np.flatnonzero(people.age > 40), 0.011 * clock.months / 12)
    rare = pick(rng, np.arange(people.count), 0.0001 * clock.months / 12)
    groups = [serious, mild, chronic, rare]
    person = np.concatenate(groups)
    kind = np.repeat([0, 0, 1, 2], [len(group) for group in groups])
    month = rng.integers(0, clock.months, len(person))
    month[: len(serious)] = shocks.ill[serious]
    day = days_between(rng, clock.starts[month], clock.starts[month + 1])
    day = np.where((people.birth[person] < day) & ~(people.gone_on[person] <= day), day, NEVER)
    length = rng.integers(3, 20, len(person))
    length[: len(serious)] = shocks.ill_for[serious]
    well = (kind == 0) & (rng.random(len(person)) < 0.4)
    ended = np.where(well, day + (length * 30).astype("timedelta64[D]"), NEVER)
    ended = np.where(ended < clock.today, ended, NEVER)
    columns = {"disease": _codes(kind, rng), "diagnosed_on": day, "kind": words(_KINDS, kind)}
    book = Book(
        person=person, columns=columns, known_on=delayed(day, 0, 12, rng), closing="ended_on", ended_on=ended
    )
    one_each = once(person, np.where(np.isnat(day), NEVER, np.datetime64("2000-01-01", "D")))
    return chosen_of(book, one_each)


def _codes(kind: Ints, rng: Rng) -> pa.Array:
    lists = [_SERIOUS, _CHRONIC, _RARE]
    chance = rng.random(len(kind))
    starts = np.cumsum([0, *(len(codes) for codes in lists)])
    sizes = np.array([len(codes) for codes in lists])
    return words(_SERIOUS + _CHRONIC + _RARE, starts[kind] + (chance * sizes[kind]).astype(np.int64))
