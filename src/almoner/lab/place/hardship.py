"""Derive the true needs other than a fall of income, from people's lives and never from an office's rule.

Needs are `work`, `poverty`, `housing`, `disaster`, `disability`, `child`, `dropout` and `home_safety`;
those of income, schooling and loneliness are found in `truth`, those of costs in `burdens`.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from almoner.lab.place.aid import Recipients
from almoner.lab.place.allowances import NURSING, Allowances
from almoner.lab.place.arrays import NEVER, Days, Floats, Ints
from almoner.lab.place.childcare import Childcare
from almoner.lab.place.clock import Clock
from almoner.lab.place.disability import Disabilities
from almoner.lab.place.elders import Meters
from almoner.lab.place.houses import NO_HOUSE, C, D, Houses
from almoner.lab.place.people import People
from almoner.lab.place.relief import Losses
from almoner.lab.place.school import School
from almoner.lab.place.shocks import NO_MONTH, Shocks
from almoner.lab.place.truth import (
    NOBODY,
    Living,
    Needs,
    household_needs,
    last_day_here,
    mean_within,
    spells,
)

_A_YEAR = np.timedelta64(365, "D")
_REPAIR, _REBUILDING = 18_000.0, 75_000.0  # CNY a house


def of_work(people: People, shocks: Shocks, living: Living, clock: Clock) -> Needs:
    """A worker out of work for three months or more; the household has 40 % less income and small savings."""
    person = np.flatnonzero((shocks.job_lost < clock.months - 1) & (shocks.job_lost_for >= 3))
    person = person[np.isnat(people.gone_on[person])]
    month, home = shocks.job_lost[person], people.household[person]
    after = living.per_head[home, month + 1] / np.maximum(living.usual[home], 1)
    felt = (after < 0.6) & (living.savings[home, month] < 6 * living.line)
    person, month, home, after = person[felt], month[felt], home[felt], after[felt]
    end = month + shocks.job_lost_for[person]
    ended = np.where(end < clock.months, clock.starts[np.minimum(end, clock.months)], NEVER)
    severity = np.clip(1 - after, 0, 1)
    return _needs("work", home, person, clock.starts[month], ended, severity, "job_lost")


def of_poverty(people: People, recipients: Recipients, living: Living, clock: Clock) -> Needs:
    """Half a year or more below half the median, without savings and without the guarantee."""
    aided = np.zeros((people.households, clock.months), bool)
    for month in range(clock.months):
        aided[people.household[recipients.person[recipients.paid(month) > 0]], month] = True
    here = clock.month_of(last_day_here(people))
    bare = (living.short > 0.2) & ~aided & (np.arange(clock.months) < here[:, None])
    household, first, after = spells(bare, 6)
    severity = mean_within(living.short, household, first, after)
    cause = ["no_aid"] * len(household)
    return household_needs("poverty", household, first, after, severity, cause, clock)


def of_houses(people: People, houses: Houses, living: Living, clock: Clock) -> Needs:
    """A dangerous house, or none, in a household that could not pay for the repair within three years."""
    size = np.bincount(people.household, minlength=people.households)
    means = size * (living.savings[:, -1] + 36 * np.maximum(living.usual - living.line, 0))
    grade = np.maximum(houses.grade, houses.damaged)
    cost = np.select([grade >= D, grade == C], [_REBUILDING, _REPAIR], 0.0)
    stays = np.bincount(people.household[np.isnat(people.gone_on)], minlength=people.households) > 0
    rows = np.flatnonzero(houses.unsafe & (means < cost) & stays)
    damaged, grade = houses.damaged[rows] >= 0, grade[rows]
    started = np.where(damaged, houses.damaged_on[rows], clock.starts[0])
    cause = np.where(damaged, "damaged", np.where(grade == NO_HOUSE, "no_house", "decayed")).tolist()
    return _needs("housing", rows, None, started, houses.repaired[rows], (grade - 1) / 3, cause)


def of_disasters(people: People, losses: Losses, houses: Houses, living: Living, clock: Clock) -> Needs:
    """A loss that a household cannot make good from its savings and a year's income."""
    home = losses.household
    size = np.bincount(people.household, minlength=people.households)[home]
    month = np.clip(clock.month_of(losses.day), 0, clock.months - 1)
    means = size * (living.savings[home, month] + 12 * living.usual[home])
    unrepaired = (houses.damaged[home] >= 0) & ~(houses.repaired[home] < losses.day + _A_YEAR)
    rows = np.flatnonzero((losses.loss > means) | (unrepaired & (losses.loss > 0.6 * means)))
    ended = losses.day[rows] + np.timedelta64(270, "D")
    severity = np.clip(losses.loss[rows] / np.maximum(means[rows], 1) / 4, 0.05, 1)
    return _needs("disaster", home[rows], None, losses.day[rows], _past(ended, clock), severity, "loss")


def of_disability(
    people: People, disabled: Disabilities, paid: Allowances, living: Living, clock: Clock
) -> Needs:
    """A newly and severely disabled person of a modest household, for a year or until an allowance comes."""
    size = np.bincount(people.household, minlength=people.households)
    modest = living.usual <= np.quantile(np.repeat(living.usual, size), 0.4)
    first = np.full(people.count, NO_MONTH)
    nursing = paid.kind == NURSING
    first[paid.person[nursing]] = paid.first[nursing]
    rows = np.flatnonzero(
        (disabled.grade <= 2)
        & (disabled.since >= clock.starts[0])
        & modest[people.household[disabled.person]]
    )
    person, since = disabled.person[rows], disabled.since[rows]
    month = np.clip(first[person], 0, clock.months)
    helped = np.where(first[person] < clock.months, clock.starts[month], NEVER)
    ended = np.fmin(np.fmin(since + _A_YEAR, helped), people.gone_on[person])
    kept = ~(ended <= since)
    severity = np.where(disabled.grade[rows] == 1, 1.0, 0.7)
    return _needs(
        "disability",
        people.household[person][kept],
        person[kept],
        since[kept],
        _past(ended, clock)[kept],
        severity[kept],
        "new_disability",
    )


def of_children(people: People, children: Childcare, clock: Clock) -> Needs:
    """A child with nobody at home who is able to look after it."""
    kept = np.flatnonzero(~(children.ended <= children.started))
    person = children.person[kept]
    cause = [children.cause[row] for row in kept.tolist()]
    started, ended = children.started[kept], _past(children.ended[kept], clock)
    return _needs("child", people.household[person], person, started, ended, np.full(len(kept), 0.8), cause)


def of_dropouts(people: People, school: School, clock: Clock) -> Needs:
    """A child of compulsory age that never came to school, left it, or stays away though enrolled."""
    gone = np.fmin(school.left_on, clock.starts[np.minimum(school.stays_away, clock.months)])
    gone = np.where(gone <= clock.end, gone, NEVER)
    grade = school.grade(clock.until.year, clock.until.month)
    rows = np.flatnonzero(
        ~np.isnat(gone)
        & (grade >= 1)
        & (grade <= 9)
        & ~school.transfers
        & np.isnat(people.gone_on[school.person])
    )
    never = school.never[np.isnat(people.gone_on[school.never])]
    person = np.r_[school.person[rows], never]
    started = np.r_[gone[rows], np.full(len(never), clock.starts[0])]
    cause = np.repeat(["left", "never_enrolled"], [len(rows), len(never)]).tolist()
    size = len(person)
    return _needs(
        "dropout", people.household[person], person, started, np.full(size, NEVER), np.full(size, 0.9), cause
    )


def of_water(people: People, meters: Meters, clock: Clock) -> Needs:
    """A tap that an elder can no longer turn off, and a leak that a frail one cannot have repaired."""
    leaks = np.flatnonzero(meters.frail & (meters.leak_until - meters.leak_from > np.timedelta64(3, "D")))
    taps = np.flatnonzero(~np.isnat(meters.tap_from))
    person = meters.person[np.r_[taps, leaks]]
    started = np.r_[meters.tap_from[taps], meters.leak_from[leaks]]
    ended = np.r_[meters.tap_until[taps], meters.leak_until[leaks]]
    cause = np.repeat(["tap_left_open", "leak"], [len(taps), len(leaks)]).tolist()
    severity = np.repeat([1.0, 0.3], [len(taps), len(leaks)])
    return _needs(
        "home_safety", people.household[person], person, started, _past(ended, clock), severity, cause
    )


def recoveries(people: People, recipients: Recipients, living: Living, clock: Clock) -> pa.Table:
    """Recipients' households with clearly more than they need for half a year: half above the line."""
    last = clock.months - 1
    aided = np.zeros(people.households, bool)
    aided[people.household[recipients.person[recipients.paid(last) > 0]]] = True
    well = living.per_head > 1.5 * living.line
    household, first, after = spells(well, 6)
    kept = aided[household] & (after == clock.months) & (first > 0)
    return pa.table(
        {
            "household_no": people.household_numbers.take(pa.array(household[kept])),
            "started_on": pa.array(clock.starts[first[kept]]),
        }
    )


def _past(days: Days, clock: Clock) -> Days:
    return np.where(days < clock.today, days, NEVER)


def _needs(
    need: str,
    household: Ints,
    person: Ints | None,
    started: Days,
    ended: Days,
    severity: Floats,
    cause: str | list[str],
) -> Needs:
    count = len(household)
    who = np.full(count, NOBODY) if person is None else person
    causes = [cause] * count if isinstance(cause, str) else cause
    return Needs(
        need=[need] * count,
        household=household,
        person=who,
        started_on=started,
        ended_on=ended,
        severity=severity,
        cause=causes,
    )
