"""Generate monthly allowances with realistic gaps: most of those who are entitled get them, not all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from almoner.lab.place.aid import Recipients
from almoner.lab.place.arrays import Bools, Days, Floats, Ints, Rng
from almoner.lab.place.books import words
from almoner.lab.place.childcare import Childcare
from almoner.lab.place.clock import Clock
from almoner.lab.place.disability import Disabilities
from almoner.lab.place.people import People
from almoner.lab.place.tiers import EXTREME, MARGIN, Tier

_NAMES = ["disability_living", "disability_nursing", "old_age", "child", "extreme_poverty", "care"]
LIVING, NURSING, OLD_AGE, CHILD, POVERTY, CARE = range(6)
_EIGHTY = np.timedelta64(80 * 365 + 20, "D")

_Part = tuple[Ints, int, Floats, Days, Days]


@dataclass(frozen=True)
class Allowances:
    """By allowance: who, which, CNY a month, and the first and last month in which it is paid."""

    person: Ints
    kind: Ints
    amount: Floats
    first: Ints
    last: Ints

    def paid(self, month: int) -> Ints:
        """Rows that are paid in a month."""
        return np.flatnonzero((self.first <= month) & (month <= self.last))

    def table(self, month: int, numbers: pa.Array, clock: Clock) -> pa.Table:
        """The feed's rows of one month."""
        rows = self.paid(month)
        return pa.table(
            {
                "resident_no": numbers.take(pa.array(self.person[rows])),
                "month": pa.array(np.full(len(rows), clock.starts[month])),
                "allowance": words(_NAMES, self.kind[rows]).cast(pa.string()),
                "amount": pa.array(self.amount[rows]),
            }
        )

    def reach(self, people: People, kind: int) -> Bools:
        """By person: whether the person gets this allowance at any time."""
        found = np.zeros(people.count, bool)
        found[self.person[(self.kind == kind) & (self.last >= np.maximum(self.first, 0))]] = True
        return found


def grant(
    people: People,
    recipients: Recipients,
    disabled: Disabilities,
    tiers: Tier,
    children: Childcare,
    clock: Clock,
    rng: Rng,
) -> Allowances:
    """Grant each allowance to its own share of those entitled; the rest never apply."""
    aided = np.zeros(people.count, bool)
    aided[recipients.person] = True
    parts = [
        _living(disabled, aided | tiers.holds(people, MARGIN), rng),
        _nursing(disabled, rng),
        _old_age(people, clock, rng),
        _children(children, rng),
        *_extreme(tiers),
    ]
    person = np.concatenate([part[0] for part in parts])
    kind = np.concatenate([np.full(len(part[0]), part[1]) for part in parts])
    amount = np.concatenate([part[2] for part in parts])
    since, until = (np.concatenate([part[n] for part in parts]) for n in (3, 4))
    lag = rng.integers(1, 4, len(person))
    first = clock.month_of(since) + lag
    last = np.minimum(clock.month_of(until), clock.month_of(people.gone_on[person]))
    key = person * 6 + kind
    _, kept = np.unique(key, return_index=True)
    return Allowances(person[kept], kind[kept], amount[kept], first[kept], last[kept])


def _reached(count: int, share: Floats | float, rng: Rng) -> Ints:
    return np.flatnonzero(rng.random(count) < share)


def _forever(count: int) -> Days:
    return np.full(count, np.datetime64("NaT", "D"))


def _living(disabled: Disabilities, aided: Bools, rng: Rng) -> _Part:
    """Disabled persons of poor households."""
    entitled = aided[disabled.person] & ~np.isnat(disabled.carded_on)
    rows = _reached(len(entitled), np.where(entitled, 0.86, 0.0), rng)
    return (
        disabled.person[rows],
        LIVING,
        np.full(len(rows), 85.0),
        disabled.carded_on[rows],
        _forever(len(rows)),
    )


def _nursing(disabled: Disabilities, rng: Rng) -> _Part:
    """Persons who need care all day. With a new card, the allowance starts later."""
    entitled = (disabled.grade <= 2) & ~np.isnat(disabled.carded_on)
    rows = _reached(len(entitled), np.where(entitled, np.where(disabled.mishap, 0.5, 0.88), 0.0), rng)
    amount = np.where(disabled.grade[rows] == 1, 95.0, 75.0)
    return disabled.person[rows], NURSING, amount, disabled.carded_on[rows], _forever(len(rows))


def _old_age(people: People, clock: Clock, rng: Rng) -> _Part:
    """From eighty on, by application: one in fifteen never applied."""
    birthday = people.birth + _EIGHTY
    old = np.flatnonzero((birthday < clock.today) & np.isnat(people.away_since))
    old = old[rng.random(len(old)) < 0.93]
    amount = np.select([people.age[old] >= 100, people.age[old] >= 90], [300.0, 110.0], 60.0)
    return old, OLD_AGE, amount, birthday[old], _forever(len(old))


def _children(children: Childcare, rng: Rng) -> _Part:
    rows = np.flatnonzero(~np.isnat(children.noticed) & (rng.random(len(children.person)) < 0.75))
    amount = np.where(children.orphan[rows], 1400.0, 1050.0)
    return children.person[rows], CHILD, amount, children.noticed[rows], children.ended[rows]


def _extreme(tiers: Tier) -> list[_Part]:
    """The support itself, and care for those who cannot look after themselves."""
    rows = np.flatnonzero((tiers.category == EXTREME) & ~np.isnat(tiers.since))
    person, since, until = tiers.person[rows], tiers.since[rows], tiers.ended[rows]
    cared = tiers.care[rows] > 0
    amount = np.where(tiers.care[rows] == 2, 310.0, 205.0)
    return [
        (person, POVERTY, np.full(len(rows), 930.0), since, until),
        (person[cared], CARE, amount[cared], since[cared], until[cared]),
    ]
