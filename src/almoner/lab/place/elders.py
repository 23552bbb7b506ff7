"""Generate the water meters of elders who live alone, and the contacts with them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from almoner.lab.place.arrays import NEVER, Bools, Days, Floats, Ints, Rng, lognormal
from almoner.lab.place.clock import Clock
from almoner.lab.place.shocks import Loneliness

METER_DAYS = 75
_HOSPITAL_DAYS = 12  # days without water use after a fall was found


@dataclass(frozen=True, kw_only=True)
class Meters:
    """Litres by elder with a meter (row) and day (column); the first day is `first_day`.

    A tap left open or a large leak runs on the days from `..._from` up to and without `..._until` (NaT:
    none).
    """

    person: Ints
    first_day: np.datetime64
    litres: Floats
    frail: Bools
    tap_from: Days
    tap_until: Days
    leak_from: Days
    leak_until: Days

    def table(self, begin: np.datetime64, end: np.datetime64, numbers: pa.Array) -> pa.Table:
        """The feed's rows of the days from `begin` up to and without `end`."""
        days = self.first_day + np.arange(self.litres.shape[1]).astype("timedelta64[D]")
        columns = np.flatnonzero((days >= begin) & (days < end))
        day = np.repeat(days[columns], len(self.person))
        return pa.table(
            {
                "resident_no": numbers.take(pa.array(np.tile(self.person, len(columns)))),
                "day": pa.array(day.astype("datetime64[D]")),
                "litres": pa.array(np.round(self.litres[:, columns].T.ravel().astype(np.float64), 1)),
            }
        )


def run_meters(lonely: Loneliness, clock: Clock, rng: Rng) -> Meters:
    """Daily water of those who consented: washing days, visits to children, leaks, silence after a fall."""
    consent = np.flatnonzero(rng.random(len(lonely.elders)) < 0.62)
    first_day = clock.today - np.timedelta64(METER_DAYS, "D")
    days = first_day + np.arange(METER_DAYS).astype("timedelta64[D]")
    size, shape = len(consent), (len(consent), METER_DAYS)
    usual = lognormal(rng, 68, 0.4, size)[:, None]
    washing_day = rng.integers(0, 7, size)[:, None] == (days.astype(np.int64) % 7)[None, :]
    litres = usual * np.exp(rng.normal(0, 0.22, shape)) * np.where(washing_day, 1.6, 1.0)
    litres += _leaks(days, size, rng)
    silent = _visits_to_children(shape, rng) | (rng.random(shape) < 0.002)
    fell, found = lonely.fell_on[consent, None], lonely.found_on[consent, None]
    silent |= (days > fell) & (days < found + np.timedelta64(_HOSPITAL_DAYS, "D"))
    litres[silent] = np.where(rng.random(int(silent.sum())) < 0.85, 0, rng.uniform(0, 2, int(silent.sum())))
    guests = (rng.random(shape) < 0.0008) & ~silent
    litres += np.where(guests, rng.uniform(600, 2600, shape), 0.0)
    tap_from, tap_until = _running(days, size, 0.008, 5, rng)
    leak_from, leak_until = _running(days, size, 0.025, 13, rng)
    for begin, end, lowest, highest in (
        (tap_from, tap_until, 1800, 7000),
        (leak_from, leak_until, 700, 3000),
    ):
        running = (days >= begin[:, None]) & (days < end[:, None])
        litres += running * rng.uniform(lowest, highest, size)[:, None]
    return Meters(
        person=lonely.elders[consent],
        first_day=first_day,
        litres=litres.astype(np.float32),
        frail=lonely.frail[consent],
        tap_from=tap_from,
        tap_until=tap_until,
        leak_from=leak_from,
        leak_until=leak_until,
    )


def _running(days: Days, size: int, share: float, longest: int, rng: Rng) -> tuple[Days, Days]:
    """First day and day after the last, for a `share` of the meters; NaT for the others."""
    start = days[rng.integers(0, len(days), size)]
    begin = np.where(rng.random(size) < share, start, NEVER)
    return begin, begin + rng.integers(1, longest, size).astype("timedelta64[D]")


def _visits_to_children(shape: tuple[int, int], rng: Rng) -> Bools:
    """Three to fifteen quiet days for two in five, and another spell for some of them."""
    away = np.zeros(shape, bool)
    days = np.arange(shape[1])
    for share in (0.4, 0.15):
        start = np.where(rng.random(shape[0]) < share, rng.integers(-5, shape[1], shape[0]), 10**6)[:, None]
        away |= (days >= start) & (days < start + rng.integers(1, 14, shape[0])[:, None])
    return away


def _leaks(days: Days, size: int, rng: Rng) -> Floats:
    leaking = rng.random(size) < 0.03
    start = rng.integers(0, len(days), size)[:, None]
    return np.where(
        leaking[:, None] & (np.arange(len(days)) >= start), rng.uniform(80, 500, size)[:, None], 0.0
    )


@dataclass(frozen=True)
class Contacts:
    """Visits and calls by the office, ordered by day."""

    person: Ints
    day: Days
    visit: Bools
    reached: Bools

    def table(self, begin: np.datetime64, end: np.datetime64, numbers: pa.Array) -> pa.Table:
        """The feed's rows of the days from `begin` up to and without `end`."""
        rows = np.flatnonzero((self.day >= begin) & (self.day < end))
        return pa.table(
            {
                "resident_no": numbers.take(pa.array(self.person[rows])),
                "contacted_on": pa.array(self.day[rows]),
                "channel": pa.array(np.where(self.visit[rows], "visit", "phone").tolist(), pa.string()),
                "reached": pa.array(self.reached[rows]),
            }
        )


def look_after(lonely: Loneliness, clock: Clock, rng: Rng) -> Contacts:
    """One to four contacts a month with each elder who lives alone; rounds that were not made leave gaps."""
    size = len(lonely.elders)
    rate = np.where(rng.random(size) < 0.6, 1.2, rng.uniform(1.5, 4, size))
    counts = rng.poisson(rate[:, None] * (rng.random((size, clock.months + 1)) > 0.07))
    counts[:, clock.months] = (counts[:, clock.months] > 2) * 1
    row, month = np.nonzero(counts)
    row, month = np.repeat(row, counts[row, month]), np.repeat(month, counts[row, month])
    days = clock.starts[month] + rng.integers(0, 28, len(row)).astype("timedelta64[D]")
    days = np.where(
        month == clock.months, clock.end + rng.integers(1, 8, len(row)).astype("timedelta64[D]"), days
    )
    visit = rng.random(len(row)) < 0.45
    reached = rng.random(len(row)) < np.where(visit, 0.93, 0.8)
    reached &= ~((days > lonely.last_contact[row]) & (days < lonely.contact_again[row]))
    reached &= ~((days >= lonely.fell_on[row]) & (days < lonely.found_on[row]))
    made = reached | (rng.random(len(row)) < 0.6)  # not every visit without an answer is recorded
    return _once_a_day(lonely.elders[row][made], days[made], visit[made], reached[made])


def _once_a_day(person: Ints, day: Days, visit: Bools, reached: Bools) -> Contacts:
    key = (day.astype(np.int64) * 10**8 + person) * 2 + visit
    _, first = np.unique(key, return_index=True)
    return Contacts(person[first], day[first], visit[first], reached[first])
