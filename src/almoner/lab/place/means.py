"""Generate what households own, and the results of authorised checks of it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from almoner.lab.place.aid import Recipients
from almoner.lab.place.arrays import NEVER, Bools, Days, Floats, Ints, Rng, lognormal
from almoner.lab.place.books import Book, Values, chosen_of, delayed, words
from almoner.lab.place.clock import Clock
from almoner.lab.place.disability import PHYSICAL, Disabilities
from almoner.lab.place.numbers import numbered
from almoner.lab.place.people import People

_PROPERTY = ["dwelling", "shop", "land"]
_VEHICLES = ["car", "motorcycle", "tractor", "disabled_vehicle"]


def property_book(people: People, per_head: Floats, clock: Clock, rng: Rng) -> Book:
    """Homes in town, second homes and shops of better-off households, and a little land."""
    owner = people.householders(clock.starts[0])
    richer = _rank(per_head)
    chances = [
        np.where(people.urban, 0.78, 0.10) * (0.6 + 0.5 * richer),
        0.13 * richer**2,
        0.03 * richer,
        np.where(people.urban, 0.004, 0.05),
    ]
    owned = [np.flatnonzero(rng.random(people.households) < chance) for chance in chances]
    homes = np.concatenate(owned)
    kind = np.repeat([0, 0, 1, 2], [len(part) for part in owned])
    size = np.choose(kind, [lognormal(rng, middle, 0.3, len(homes)) for middle in (96.0, 44.0, 900.0)])
    day, ended = _held(len(homes), 0.012, clock, rng)
    columns: dict[str, Values] = {
        "property_no": numbered("RE", rng.permutation(len(homes)) + 1, 9),
        "recorded_on": day,
        "kind": words(_PROPERTY, kind),
        "area_m2": np.round(size, 1),
    }
    return _owned(owner[homes], columns, day, ended, people, rng)


def vehicle_book(people: People, per_head: Floats, disabled: Disabilities, clock: Clock, rng: Rng) -> Book:
    """Cars of the better off and of a few of the poor, motorcycles of many."""
    owner = people.householders(clock.starts[0])
    richer, young = _rank(per_head), people.age[owner] < 66
    draws = rng.random((3, people.households))
    car = np.flatnonzero(draws[0] < young * (0.06 + 0.55 * richer))
    motorcycle = np.flatnonzero(draws[1] < young * np.where(people.urban, 0.12, 0.38))
    tractor = np.flatnonzero(draws[2] < young * np.where(people.urban, 0.0, 0.07))
    walking = disabled.person[(disabled.kind == PHYSICAL) & (rng.random(len(disabled.person)) < 0.05)]
    person = np.r_[owner[car], owner[motorcycle], owner[tractor], walking]
    kind = np.repeat(np.arange(4), [len(car), len(motorcycle), len(tractor), len(walking)])
    day, ended = _held(len(person), 0.04, clock, rng)
    columns: dict[str, Values] = {
        "vehicle_no": numbered("VH", rng.permutation(len(person)) + 1, 9),
        "registered_on": day,
        "kind": words(_VEHICLES, kind),
    }
    return _owned(person, columns, day, ended, people, rng)


def _rank(values: Floats) -> Floats:
    """0 for the lowest to 1 for the highest."""
    rank = np.empty(len(values))
    rank[np.argsort(values, kind="stable")] = np.linspace(0, 1, len(values))
    return rank


def _held(count: int, yearly_end: float, clock: Clock, rng: Rng) -> tuple[Days, Days]:
    """Days of entry within the last fifteen years, and the ends that fall into the place's months."""
    day = clock.today - (5 + 5400 * rng.random(count) ** 1.3).astype(np.int64).astype("timedelta64[D]")
    end = clock.starts[0] + rng.integers(0, clock.months * 30, count).astype("timedelta64[D]")
    ends = (rng.random(count) < yearly_end * clock.months / 12) & (end > day) & (end < clock.today)
    return day, np.where(ends, end, NEVER)


def _owned(
    person: Ints, columns: dict[str, Values], day: Days, ended: Days, people: People, rng: Rng
) -> Book:
    of_age = people.birth[person] + np.timedelta64(18 * 366, "D") < day
    book = Book(
        person=person, columns=columns, known_on=delayed(day, 0, 5, rng), closing="ended_on", ended_on=ended
    )
    return chosen_of(book, np.flatnonzero(of_age & ~(people.gone_on[person] <= day)))


def check_book(
    people: People, savings: Floats, recipients: Recipients, asked: Bools, clock: Clock, rng: Rng
) -> Book:
    """Recipients once a year or so, and the households that `asked`; `savings` in CNY a household."""
    aided = np.zeros(people.households, bool)
    aided[people.household[recipients.person]] = True
    rounds = max(clock.months // 12, 1)
    again = [np.flatnonzero(aided & (rng.random(people.households) < 0.75)) for _ in range(rounds)]
    others = np.flatnonzero(~aided & (asked | (rng.random(people.households) < 0.004 * rounds)))
    homes = np.concatenate([*again, others])
    part = np.repeat(np.arange(rounds + 1), [*(len(rows) for rows in again), len(others)])
    day = clock.starts[np.minimum(part * 12, clock.months - 1)] + rng.integers(10, 340, len(homes)).astype(
        "timedelta64[D]"
    )
    day = np.where(
        part == rounds,
        clock.today - rng.integers(3, clock.months * 30, len(homes)).astype("timedelta64[D]"),
        day,
    )
    agreed = rng.random(len(homes)) < 0.93
    cash = lognormal(rng, 1900.0, 0.9, len(homes))
    deposits = np.round(savings[homes] * rng.lognormal(0, 0.3, len(homes)) + cash, -1)
    companies = (rng.random(len(homes)) < 0.015).astype(np.float64)
    person = people.householders(clock.starts[0])[homes]
    kept = np.flatnonzero((day < clock.today) & ~(people.gone_on[person] <= day))
    kept = kept[np.argsort(day[kept], kind="stable")]
    columns: dict[str, Values] = {
        "check_no": numbered("CK", np.arange(len(kept)) + 1, 7),
        "checked_on": day[kept],
        "authorised_by_all": agreed[kept],
        "deposits": _known(deposits[kept], agreed[kept]),
        "companies": _known(companies[kept].astype(np.int64), agreed[kept]),
    }
    return Book(person=person[kept], columns=columns, known_on=delayed(day[kept], 0, 6, rng))


def _known(values: Floats | Ints, agreed: Bools) -> pa.Array:
    return pa.array(values, mask=~agreed)
