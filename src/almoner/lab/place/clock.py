"""Number the months of a place, and convert between days and months."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from almoner.lab.place.arrays import Days, Ints


@dataclass(frozen=True)
class Clock:
    """Months are counted from 0; month `months` is the one after `until`, of which a few days exist."""

    until: date
    months: int

    @property
    def as_of(self) -> date:
        """The day of the assessment, by which the monthly files have arrived."""
        return self.until + timedelta(days=9)

    @property
    def today(self) -> np.datetime64:
        return np.datetime64(self.as_of, "D")

    @property
    def end(self) -> np.datetime64:
        return np.datetime64(self.until, "D")

    @property
    def starts(self) -> Days:
        """First day of each month, with two more months behind the last."""
        first = np.datetime64(self.until, "M") - self.months + 1
        return (first + np.arange(self.months + 2)).astype("datetime64[D]")

    @property
    def month_of_year(self) -> Ints:
        """1 to 12 for each month."""
        return self.starts[: self.months].astype("datetime64[M]").astype(np.int64) % 12 + 1

    @property
    def year(self) -> Ints:
        return self.starts[: self.months].astype("datetime64[Y]").astype(np.int64) + 1970

    def month_of(self, days: Days) -> Ints:
        """The month in which each day falls; negative before the first month, a very large number for NaT."""
        months = (days.astype("datetime64[M]") - self.starts[0].astype("datetime64[M]")).astype(np.int64)
        return np.where(np.isnat(days), np.int64(10**6), months)

    def last_day(self, month: int) -> np.datetime64:
        return np.datetime64(self.starts[month + 1] - np.timedelta64(1, "D"), "D")
