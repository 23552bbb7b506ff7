"""Generate the population register, in which the police station records events some weeks later."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from almoner.lab.place import names
from almoner.lab.place.arrays import NEVER, Bools, Days, Ints, Rng, weighted
from almoner.lab.place.clock import Clock
from almoner.lab.place.land import Land
from almoner.lab.place.numbers import numbered
from almoner.lab.place.people import CHILD, GROWN, RELATIONS, SECOND_CHILD, People

_STATUSES = ["resident", "away", "moved_out", "deceased"]
RESIDENT, AWAY, MOVED_OUT, DECEASED = range(4)
# No operator issues numbers with this prefix, so no real person has one.
_PHONE_PREFIX = "142"


@dataclass(frozen=True, kw_only=True)
class Register:
    """The register's content, and the days on which each person and each change of status was entered."""

    name: pa.Array
    address: pa.Array
    phone: pa.Array
    area_code: pa.Array
    entered_on: Days
    status: Ints
    status_since: Days
    changed_on: Days

    def table(self, first: int, after: int, people: People, clock: Clock) -> pa.Table:
        """Everybody as entered by the end of the months; later only whose entry is new or changed."""
        begin, end = clock.starts[first], clock.starts[after]
        seen = self.changed_on < end
        rows = self.entered_on < end
        if first > 0:
            rows &= (self.entered_on >= begin) | (seen & (self.changed_on >= begin))
        chosen = np.flatnonzero(rows)
        return self._rows(chosen, seen[chosen], people)

    def _rows(self, rows: Ints, changed: Bools, people: People) -> pa.Table:
        at, household = pa.array(rows), people.household[rows]
        status = np.where(changed, self.status[rows], RESIDENT)
        updated = np.where(changed, self.changed_on[rows], self.entered_on[rows])
        choose = _Chooser(rows)
        return pa.table(
            {
                "resident_no": people.numbers.take(at),
                "name": self.name.take(at),
                "sex": choose(["female", "male"], people.male),
                "birth_date": pa.array(people.birth[rows]),
                "household_no": people.household_numbers.take(pa.array(household)),
                "relation": choose(list(RELATIONS), people.relation),
                "registration": choose(["rural", "urban"], people.urban[people.household]),
                "area_code": self.area_code.take(pa.array(people.village[household])),
                "address": self.address.take(pa.array(household)),
                "phone": self.phone.take(at),
                "ethnicity": choose(names.ETHNICITIES, people.ethnicity),
                "status": pa.array(_STATUSES).take(pa.array(status)),
                "status_since": pa.array(np.where(changed, self.status_since[rows], NEVER)),
                "updated_on": pa.array(updated),
            }
        )


class _Chooser:
    def __init__(self, rows: Ints) -> None:
        self.rows = rows

    def __call__(self, words: list[str], which: Ints | Bools) -> pa.Array:
        return pa.array(words).take(pa.array(np.asarray(which)[self.rows].astype(np.int32)))


def write_down(people: People, land: Land, clock: Clock, rng: Rng) -> Register:
    """Generate the register's entries, with the day of each."""
    count = people.count
    before = clock.starts[0] - rng.integers(30, 4000, count).astype("timedelta64[D]")
    born = people.birth + rng.integers(5, 45, count).astype("timedelta64[D]")
    status, since = _last_status(people)
    delay = np.where(status == DECEASED, rng.integers(3, 35, count), rng.integers(5, 60, count))
    return Register(
        name=_names(people, rng),
        address=_addresses(people, land, rng),
        phone=_phones(people, rng),
        area_code=pa.array(land.village_codes()),
        entered_on=np.maximum(before, born),
        status=status,
        status_since=since,
        changed_on=since + delay.astype("timedelta64[D]"),
    )


def _last_status(people: People) -> tuple[Ints, Days]:
    events = [people.away_since, people.moved_on, people.died_on]
    status, since = np.full(people.count, RESIDENT), np.full(people.count, NEVER)
    for code, days in zip((AWAY, MOVED_OUT, DECEASED), events, strict=True):
        status = np.where(np.isnat(days), status, code)
        since = np.where(np.isnat(days), since, days)
    return status, since


def _names(people: People, rng: Rng) -> pa.Array:
    """Children and adult children have the household's surname; who married in keeps another one."""
    weights = np.array(names.SURNAME_WEIGHTS)
    own = weighted(rng, weights, people.count)
    house = weighted(rng, weights, people.households)[people.household]
    inherits = np.isin(people.place, (CHILD, SECOND_CHILD, GROWN)) | (people.relation == 0)
    surname = pa.array(names.SURNAMES).take(pa.array(np.where(inherits, house, own)))
    first, second = (_given(people.male, rng) for _ in range(2))
    short = rng.random(people.count) < 0.15
    return pc.binary_join_element_wise(surname, first, pc.if_else(pa.array(short), "", second), "")


def _given(male: Bools, rng: Rng) -> pa.Array:
    men, women = (
        pa.array(words).take(pa.array(rng.integers(0, len(words), len(male))))
        for words in (names.GIVEN_MALE, names.GIVEN_FEMALE)
    )
    return pc.if_else(pa.array(male), men, women)


def _addresses(people: People, land: Land, rng: Rng) -> pa.Array:
    """One address a household."""
    village = pa.array(land.addresses()).take(pa.array(people.village))
    group = pa.array(rng.integers(1, 13, people.households)).cast(pa.string())
    house = pa.array(rng.integers(1, 200, people.households)).cast(pa.string())
    return pc.binary_join_element_wise(village, group, "组", house, "号", "")


def _phones(people: People, rng: Rng) -> pa.Array:
    """Unique numbers for adults; a fifth of the elders and all children have none."""
    shuffled = (np.arange(people.count, dtype=np.int64) * 48_271_381 + 1234) % 99_999_989
    chance = np.select([people.age < 14, people.age > 65], [0.0, 0.8], 0.97)
    has = rng.random(people.count) < chance
    return pc.if_else(pa.array(has), numbered(_PHONE_PREFIX, shuffled, 8), pa.scalar(None, pa.string()))
