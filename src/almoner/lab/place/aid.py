"""Generate public assistance with realistic gaps: it is meant for the poorest and misses many of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from almoner.lab.place.arrays import NEVER, Bools, Days, Floats, Ints, Rng, pick
from almoner.lab.place.clock import Clock
from almoner.lab.place.income import Income
from almoner.lab.place.numbers import numbered
from almoner.lab.place.people import People
from almoner.lab.place.shocks import Shocks

_SHARE_OF_PERSONS = 0.0365
_CAUSES = ("illness", "income", "disaster", "other")


@dataclass(frozen=True)
class Recipients:
    """By recipient: amount in CNY a month before any rise, and the months of receipt (`first` to `last`)."""

    person: Ints
    amount: Floats
    first: Ints
    last: Ints
    rises: Ints

    def paid(self, month: int) -> Floats:
        rising = np.round(self.amount * 1.04 ** self.rises[month])
        return np.asarray(rising * ((self.first <= month) & (month <= self.last)))

    def table(self, month: int, numbers: pa.Array, clock: Clock) -> pa.Table:
        """The feed's rows of one month."""
        paid = self.paid(month)
        rows = np.flatnonzero(paid > 0)
        return pa.table(
            {
                "resident_no": numbers.take(pa.array(self.person[rows])),
                "month": pa.array(np.full(len(rows), clock.starts[month])),
                "amount": pa.array(paid[rows]),
            }
        )


def enrol(people: People, income: Income, disabled: Bools, clock: Clock, rng: Rng) -> Recipients:
    """Enrol households by how poor they look to a village meeting, with its errors; some only for their head.

    `disabled` are the severely disabled persons, who are always considered.
    """
    here = people.living_in(clock.starts[0])
    size = np.maximum(np.bincount(people.household[here], minlength=people.households), 1)
    per_head = income.per_head(people, clock)
    cared_for = np.zeros(people.households, bool)
    cared_for[people.household[disabled]] = True
    households = _as_the_village_sees(per_head, size, cared_for, people, rng)
    single = rng.random(people.households) < 0.1
    chosen = np.zeros(people.households, bool)
    chosen[households] = True
    member = here & chosen[people.household] & (~single[people.household] | (people.relation == 0))
    person = np.flatnonzero(member)
    seen = per_head * rng.uniform(0.4, 0.9, people.households)
    amount = np.round(np.clip(660 - seen, 130, 640), -1)
    first, last = _spells(people.households, clock, rng)
    gone = np.minimum(clock.month_of(people.gone_on[person]), clock.month_of(people.away_since[person]))
    household = people.household[person]
    rises = np.cumsum(clock.month_of_year == 7)
    return Recipients(person, amount[household], first[household], np.minimum(last[household], gone), rises)


def _as_the_village_sees(per_head: Floats, size: Ints, cared_for: Bools, people: People, rng: Rng) -> Ints:
    looks = np.log(per_head + 50) + rng.normal(0, 0.65, people.households) - 0.6 * cared_for
    known_to_the_committee = rng.random(people.households) < 0.004
    order = np.argsort(np.where(known_to_the_committee, -9.0, looks))
    return order[np.cumsum(size[order]) <= _SHARE_OF_PERSONS * people.count]


def _spells(households: int, clock: Clock, rng: Rng) -> tuple[Ints, Ints]:
    first = np.where(rng.random(households) < 0.15, rng.integers(0, clock.months, households), 0)
    last = np.where(rng.random(households) < 0.07, rng.integers(0, clock.months, households), 10**6)
    return first, last


@dataclass(frozen=True)
class Assistance:
    """One-off payments by payment, in order of their days; amounts in CNY."""

    person: Ints
    paid_on: Days
    cause: Ints
    amount: Floats

    def table(self, first: int, after: int, numbers: pa.Array, clock: Clock) -> pa.Table:
        """The feed's rows of the months from `first` up to and without `after`."""
        rows = np.flatnonzero((self.paid_on >= clock.starts[first]) & (self.paid_on < clock.starts[after]))
        return pa.table(
            {
                "payment_no": numbered("TA", rows + 1, 7),
                "resident_no": numbers.take(pa.array(self.person[rows])),
                "paid_on": pa.array(self.paid_on[rows]),
                "cause": pa.array([_CAUSES[cause] for cause in self.cause[rows]], pa.string()),
                "amount": pa.array(self.amount[rows]),
            }
        )


def assist(people: People, shocks: Shocks, clock: Clock, rng: Rng) -> Assistance:
    """Pay a few of the households with a shock that applied by themselves, a month or two later."""
    heads = np.flatnonzero((people.relation == 0) & np.isnat(people.gone_on))
    disaster = shocks.disaster[people.household]
    groups = [
        (pick(rng, np.flatnonzero(shocks.ill < clock.months), 0.18), shocks.ill, 0),
        (pick(rng, np.flatnonzero(shocks.job_lost < clock.months), 0.05), shocks.job_lost, 1),
        (pick(rng, heads[disaster[heads] < clock.months], 0.35), disaster, 2),
        (pick(rng, heads, 0.003), rng.integers(0, clock.months, people.count), 3),
    ]
    person = np.concatenate([chosen for chosen, _, _ in groups])
    month = np.concatenate([since[chosen] for chosen, since, _ in groups])
    cause = np.concatenate([np.full(len(chosen), code) for chosen, _, code in groups])
    paid_on = clock.starts[month] + rng.integers(25, 90, len(person)).astype("timedelta64[D]")
    amount = np.round(np.clip(rng.lognormal(7.8, 0.5, len(person)), 600, 20_000), -2)
    gone = people.gone_on[person]
    order = np.argsort(np.where(gone <= paid_on, NEVER, paid_on), kind="stable")  # the dead come last, as NaT
    order = order[: int((~(gone <= paid_on)).sum())]
    return Assistance(person[order], paid_on[order], cause[order], amount[order])


def pay_out(income: Income, people: People, recipients: Recipients, paid: Assistance, clock: Clock) -> None:
    """Add the assistance to the income of the households, CNY a month."""
    months = clock.month_of(paid.paid_on)
    for month in range(clock.months):
        income.add(people.household[recipients.person], month, recipients.paid(month))
        now = months == month
        income.add(people.household[paid.person[now]], month, paid.amount[now])
