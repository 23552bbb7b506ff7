"""Find households that costs of care and school push below half the median."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from almoner.lab.place.arrays import Bools, Floats, Ints
from almoner.lab.place.clock import Clock
from almoner.lab.place.people import People
from almoner.lab.place.shocks import Shocks
from almoner.lab.place.truth import (
    Living,
    Needs,
    earliest,
    household_needs,
    last_day_here,
    mean_within,
    spells,
)


@dataclass(frozen=True, kw_only=True)
class Year:
    """By household (row) and month (column), over the twelve months up to it, in CNY a head.

    `resources` are income and savings, `needed` is half the place's median, and `judged` marks the months
    that have enough of a past and a household that is still there.
    """

    heads: Floats
    income: Floats
    resources: Floats
    needed: Floats
    judged: Bools
    window: int

    @classmethod
    def of(cls, people: People, living: Living, clock: Clock) -> Year:
        window, months = min(12, clock.months), np.arange(clock.months)
        income = _trailing(living.per_head, window)
        here = clock.month_of(last_day_here(people))
        return cls(
            heads=living.heads,
            income=income,
            resources=income + living.savings,
            needed=(living.line * np.minimum(months + 1, window)).astype(np.float32),
            judged=(months >= min(5, window - 1)) & (months < here[:, None]),
            window=window,
        )

    def spent(self, paid: Floats) -> Floats:
        """Costs of the last twelve months in CNY a head, from what each household `paid` a month."""
        return _trailing(paid / self.heads, self.window)

    def ruined(self, cost: Floats, share: float) -> Bools:
        """Whether resources suffice without the costs but not with them, at more than `share` of the
        income.
        """
        enough = self.resources >= self.needed
        return self.judged & enough & (self.resources - cost < self.needed) & (cost > share * self.income)

    def severity(self, cost: Floats, household: Ints, first: Ints, after: Ints) -> Floats:
        """Costs by resources, mean of the months."""
        return mean_within(np.minimum(cost / np.maximum(self.resources, 1), 1), household, first, after)


def _trailing(monthly: Floats, window: int) -> Floats:
    total = np.cumsum(monthly, axis=1, dtype=np.float64)
    total[:, window:] -= total[:, :-window].copy()
    return total.astype(np.float32)


def needs(
    people: People, shocks: Shocks, living: Living, care: Floats, school: Floats, clock: Clock
) -> list[Needs]:
    """Needs `illness`, `school_cost` and `expenses`; `care` and `school` are CNY by household and month.

    Care and school count as ruinous from a tenth of the year's income on (budget share of SDG indicator
    3.8.2), both together from a quarter.
    """
    year = Year.of(people, living, clock)
    of_care, of_school = year.spent(care), year.spent(school)
    found = []
    for need, cost, share, least in (
        ("illness", of_care, 0.1, 1),
        ("school_cost", of_school, 0.1, 2),
        ("expenses", of_care + of_school, 0.25, 2),
    ):
        household, first, after = spells(year.ruined(cost, share), least)
        severity = year.severity(cost, household, first, after)
        larger = np.where(of_care[household, first] >= of_school[household, first], "care", "school")
        struck = earliest(people, shocks.ill)[household] <= first
        by_illness = np.where(struck, "serious_illness", "many_treatments")
        cause = (by_illness if need == "illness" else larger).tolist()
        found.append(household_needs(need, household, first, after, severity, cause, clock))
    return found
