"""Generate two pension schemes: a high one for employees, and a low one for other residents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from almoner.lab.place.arrays import Bools, Floats, Ints, Rng, lognormal
from almoner.lab.place.clock import Clock
from almoner.lab.place.people import People

_YEARLY_RISE = 1.03  # every July


@dataclass(frozen=True, kw_only=True)
class Pensions:
    """By pensioner: CNY a month before any rise, first and last month, and a month of suspension."""

    person: Ints
    employee: Bools
    amount: Floats
    first: Ints
    last: Ints
    suspended: Ints
    rises: Ints

    def due(self, month: int) -> Floats:
        """What each pensioner is owed in a month, in CNY."""
        amount = np.round(self.amount * _YEARLY_RISE ** self.rises[month], 2)
        return np.asarray(amount * ((self.first <= month) & (month <= self.last)))

    def paid(self, month: int) -> Floats:
        """As `due`, but a month without a proof of life is not paid; the next month pays double."""
        factor = np.where(self.suspended == month, 0, np.where(self.suspended == month - 1, 2, 1))
        return self.due(month) * factor

    def table(self, month: int, numbers: pa.Array, clock: Clock) -> pa.Table:
        """The feed's rows of one month."""
        paid = self.paid(month)
        rows = np.flatnonzero(paid > 0)
        schemes = pa.DictionaryArray.from_arrays(
            pa.array(self.employee[rows].astype(np.int32)), pa.array(["resident", "employee"])
        )
        return pa.table(
            {
                "resident_no": numbers.take(pa.array(self.person[rows])),
                "month": pa.array(np.full(len(rows), clock.starts[month])),
                "scheme": schemes.cast(pa.string()),
                "amount": pa.array(np.round(paid[rows], 2)),
            }
        )


def retire(people: People, clock: Clock, rng: Rng) -> Pensions:
    """Give everybody of 60 and over one of the schemes."""
    sixty = people.birth + np.timedelta64(60 * 365 + 15, "D")
    person = np.flatnonzero(sixty <= clock.end)
    count = len(person)
    employee = rng.random(count) < np.where(people.urban[people.household[person]], 0.58, 0.12)
    amount = np.where(employee, lognormal(rng, 2900, 0.25, count), lognormal(rng, 205, 0.14, count))
    suspended = np.where(rng.random(count) < 0.02, rng.integers(0, clock.months - 1, count), -9)
    return Pensions(
        person=person,
        employee=employee,
        amount=np.round(amount, 1),
        first=clock.month_of(sixty[person]),
        last=clock.month_of(people.gone_on[person]),
        suspended=suspended,
        rises=np.cumsum(clock.month_of_year == 7),
    )
