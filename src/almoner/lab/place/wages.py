"""Generate insured jobs by month: seasons, bonuses, late pay, gaps, changes of employer and lost jobs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from almoner.lab.place.arrays import Bools, Days, Floats, Ints, Rng, lognormal
from almoner.lab.place.clock import Clock
from almoner.lab.place.numbers import numbered
from almoner.lab.place.people import People
from almoner.lab.place.shocks import Shocks
from almoner.lab.place.work import FACTORY, INSURED, PUBLIC, Livelihoods

_NOISE = np.array([0.03, 0.08, 0.08, 0.12])
# What a month pays beside the usual one, January to December: Spring Festival, overtime, year-end bonus.
_SEASON = np.array(
    [
        [1.35, 1.00, 1.00, 1.00, 1.00, 1.00, 1.00, 1.00, 1.05, 1.00, 1.00, 1.10],
        [1.12, 0.80, 0.95, 1.02, 1.04, 1.02, 0.98, 0.98, 1.05, 1.02, 1.06, 1.08],
        [1.12, 1.06, 0.94, 0.96, 1.02, 0.98, 1.04, 1.04, 0.98, 1.06, 0.98, 1.02],
        [1.10, 0.55, 0.85, 1.05, 1.08, 1.06, 1.02, 1.02, 1.06, 1.06, 1.04, 1.00],
    ]
)
_GAP_HAZARD = np.array([0.001, 0.008, 0.011, 0.018])  # a month, by sector
_CHANGE_HAZARD, _PAID_LATE_HAZARD, _QUIET_HAZARD, _GROWTH = 0.008, 0.002, 0.012, 1.003


@dataclass(frozen=True, kw_only=True)
class Jobs:
    """Insured jobs by worker (row) and month (column); wages in CNY a month as the register has them.

    `earned` is the true income, unregistered work in gaps included.
    """

    workers: Ints
    employer: Ints
    wage: Floats
    former_employer: Ints
    former_wage: Floats
    earned: Floats
    out: Bools
    lost: Bools

    def table(self, month: int, numbers: pa.Array, clock: Clock) -> pa.Table:
        """The feed's rows of one month; a worker who changed employer in it has a row of each."""
        now = np.flatnonzero(self.wage[:, month] > 0)
        left = np.flatnonzero(self.former_wage[:, month] > 0)
        employer = np.r_[self.employer[now, month], self.former_employer[left, month]]
        wage = np.r_[self.wage[now, month], self.former_wage[left, month]].astype(np.float64)
        return pa.table(
            {
                "resident_no": numbers.take(pa.array(self.workers[np.r_[now, left]])),
                "month": pa.array(np.full(len(wage), clock.starts[month])),
                "employer_code": numbered("E", employer, 6),
                "wage": pa.array(np.round(wage, 2)),
            }
        )


def employ(people: People, work: Livelihoods, shocks: Shocks, clock: Clock, rng: Rng) -> Jobs:
    """Generate the insured jobs of all months, with gaps, changes of employer and job losses."""
    workers = np.flatnonzero(work.kind == INSURED)
    spells = _Spells.draw(work, shocks, workers, clock, rng)
    pay = _pay(people, work, shocks, workers, clock, rng)
    wage = np.where(spells.out, 0, pay).astype(np.float32)
    hidden = pay * np.where(spells.lost, spells.scrap[:, None], spells.bridge[:, None])
    earned = np.where(spells.out, hidden, pay).astype(np.float32)
    wage *= _late_payment(spells.employer, rng)
    share = np.where(spells.changed, rng.uniform(0.2, 0.8, wage.shape), 0).astype(np.float32)
    return Jobs(
        workers=workers,
        employer=spells.employer,
        wage=wage * (1 - share),
        former_employer=spells.former,
        former_wage=wage * share,
        earned=earned,
        out=spells.out,
        lost=spells.lost,
    )


@dataclass(frozen=True, kw_only=True)
class _Spells:
    employer: Ints
    former: Ints
    out: Bools
    lost: Bools
    changed: Bools
    bridge: Floats
    scrap: Floats

    @classmethod
    def draw(cls, work: Livelihoods, shocks: Shocks, workers: Ints, clock: Clock, rng: Rng) -> _Spells:
        count, shape = len(workers), (len(workers), clock.months)
        employer, former = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
        out, lost, changed = (np.zeros(shape, bool) for _ in range(3))
        hazard = _GAP_HAZARD[work.sector[workers]]
        current = _hire(work, workers, rng)
        rest = np.where(rng.random(count) < 0.04, rng.integers(0, clock.months, count), 0)
        by_loss = np.zeros(count, bool)
        for month in range(clock.months):
            employed = rest == 0
            struck = shocks.job_lost[workers] == month
            quits = employed & ~struck & (rng.random(count) < hazard)
            changed[:, month] = employed & ~struck & ~quits & (rng.random(count) < _CHANGE_HAZARD)
            rest = np.where(quits, rng.integers(1, 4, count), rest)
            rest = np.where(struck, shocks.job_lost_for[workers], rest)
            by_loss = struck | (by_loss & ~employed)
            former[:, month] = current
            moves = changed[:, month] | quits | struck
            hired = _hire(work, workers, rng)
            current = np.where(moves, hired + (hired == current), current)
            employer[:, month], out[:, month], lost[:, month] = current, rest > 0, by_loss & (rest > 0)
            rest = np.maximum(rest - 1, 0)
        scrap = np.where(rng.random(count) < 0.65, 0.05, rng.uniform(0.1, 0.6, count))
        return cls(
            employer=employer,
            former=former,
            out=out,
            lost=lost,
            changed=changed,
            bridge=rng.uniform(0.4, 0.95, count),
            scrap=scrap,
        )


def _hire(work: Livelihoods, workers: Ints, rng: Rng) -> Ints:
    """Choose employers: a few large and many small ones; public ones have the lowest codes."""
    firms = max(20, len(workers) // 12)
    position = (firms * rng.random(len(workers)) ** 2).astype(np.int32)
    return np.where(work.sector[workers] == PUBLIC, position % max(firms // 8, 1), position + firms // 8)


def _pay(people: People, work: Livelihoods, shocks: Shocks, workers: Ints, clock: Clock, rng: Rng) -> Floats:
    """What a month of work pays; sick pay while seriously ill, nothing after death or removal."""
    months = np.arange(clock.months)
    sector = work.sector[workers]
    season = _SEASON[sector][:, clock.month_of_year - 1].astype(np.float32)
    # A month of few orders pays a third less.
    quiet = (sector == FACTORY)[:, None] & (rng.random((len(workers), clock.months)) < _QUIET_HAZARD)
    noise = np.exp(rng.standard_normal((len(workers), clock.months), np.float32) * _NOISE[sector, None])
    pay = work.pay[workers, None] * season * noise * _GROWTH**months * np.where(quiet, 0.62, 1)
    ill = shocks.ill[workers, None]
    pay *= np.where((months >= ill) & (months < ill + shocks.ill_for[workers, None]), 0.4, 1)
    pay *= months <= clock.month_of(people.gone_on[workers])[:, None]
    return np.asarray(pay, np.float32)


def _late_payment(employer: Ints, rng: Rng) -> Floats:
    """Let an employer sometimes pay nothing in one month and double in the next."""
    late = rng.random((int(employer.max(initial=0)) + 1, employer.shape[1])) < _PAID_LATE_HAZARD
    late[:, -1] = False
    factor = np.where(late, 0, 1) + np.roll(late, 1, axis=1)
    return np.take_along_axis(factor, employer, axis=0).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Unemployment:
    """Registered spells without an insured job; days are NaT and benefits NaN where there is none."""

    person: Ints
    registered_on: Days
    ended_on: Days
    dismissed: Bools
    reason: Ints
    benefit: Floats

    def table(self, first: int, after: int, numbers: pa.Array, clock: Clock) -> pa.Table:
        """Spells that began or ended in the months from `first` up to and without `after`, as known then."""
        begin, end = clock.starts[first], clock.starts[after]
        ended_before = self.ended_on < end
        rows = (self.registered_on >= begin) & (self.registered_on < end)
        rows |= (self.registered_on < begin) & (self.ended_on >= begin) & ended_before
        chosen = np.flatnonzero(rows)
        ended = np.where(ended_before, self.ended_on, np.datetime64("NaT", "D"))[chosen]
        reasons = np.array(["resigned", "contract_ended", "other", "dismissed", "closed"])
        return pa.table(
            {
                "resident_no": numbers.take(pa.array(self.person[chosen])),
                "registered_on": pa.array(self.registered_on[chosen]),
                "reason": pa.array(reasons[self.reason[chosen]].tolist(), pa.string()),
                "benefit": pa.array(self.benefit[chosen], from_pandas=True),
                "ended_on": pa.array(ended),
            }
        )


def register(jobs: Jobs, clock: Clock, rng: Rng) -> Unemployment:
    """About half of those who lose a job register, and few of those who rest between two."""
    before = np.roll(jobs.out, 1, axis=1)
    before[:, 0] = True
    row, month = np.nonzero(jobs.out & ~before)
    lost = jobs.lost[row, month]
    kept = rng.random(len(row)) < np.where(lost, 0.5, 0.06)
    row, month, lost = row[kept], month[kept], lost[kept]
    size = len(row)
    days = np.asarray(clock.starts[month] + rng.integers(2, 26, size).astype("timedelta64[D]"))
    again = _next_month_in_work(jobs.out, row, month)
    ended = clock.starts[np.minimum(again, clock.months)] + rng.integers(0, 15, size).astype("timedelta64[D]")
    ended = np.where(again < clock.months, ended, np.datetime64("NaT", "D"))
    benefit = np.where(
        rng.random(size) < np.where(lost, 0.75, 0.0), np.round(lognormal(rng, 1480, 0.05, size), -1), np.nan
    )
    reason = np.where(lost, rng.integers(3, 5, size), rng.integers(0, 3, size))
    return Unemployment(
        person=jobs.workers[row],
        registered_on=days,
        ended_on=ended,
        dismissed=lost,
        reason=reason,
        benefit=benefit,
    )


def _next_month_in_work(out: Bools, row: Ints, month: Ints) -> Ints:
    months = np.arange(out.shape[1])
    works = ~out[row] & (months > month[:, None])
    return np.asarray(np.where(works.any(axis=1), works.argmax(axis=1), out.shape[1]))
