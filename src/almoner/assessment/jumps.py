"""Whether a count of this month is more than chance: exact tests for small counts, corrected for many
comparisons.

Against the own past: given the sum of two Poisson counts, one of them is binomial (J. Przyborowski and H.
Wilenski, Homogeneity of results in testing samples from Poisson series, Biometrika 31, 1940). Against the
neighbours: given both margins of a table of two by two, a cell is hypergeometric (R. A. Fisher,
Statistical Methods for Research Workers, 5th edition, 1934). A jump must stand out in both, so the larger
of the two probabilities counts (R. L. Berger, Multiparameter hypothesis testing and acceptance sampling,
Technometrics 24, 1982). Many comparisons: S. Holm, A simple sequentially rejective multiple test
procedure, Scandinavian Journal of Statistics 6, 1979.
"""

from __future__ import annotations

import datetime as dt
import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Households that newly came under a signal, out of those at risk: this month and in the months before
    it, in an area and in its neighbours. `past_at_risk` and `near_past_at_risk` are household-months."""

    started: int
    at_risk: int
    past_started: int
    past_at_risk: int
    near_started: int
    near_at_risk: int
    near_past_started: int
    near_past_at_risk: int


@dataclass(frozen=True)
class Comparison:
    """`rise`: by how much the neighbours' own rate rose, at least 1. `expected_past` and `expected_near`
    are households this month, at the own past rate (times `rise`) and at the neighbours' rate of this
    month. `chance_past` and `chance_near` are the probabilities of so many or more."""

    rise: float
    expected_past: float
    expected_near: float
    chance_past: float
    chance_near: float

    @property
    def chance(self) -> float:
        return max(self.chance_past, self.chance_near)


def stand_out(
    counts: Sequence[Counts], comparisons: int, *, chance: float, least: float, ratio: float
) -> list[tuple[int, Comparison, float]]:
    """Which of `counts` jumped: their index, both tests, and the larger chance corrected for `comparisons`.

    One jumps when at least `least` households started, at least `ratio` times what its past and what its
    neighbours let expect, and the corrected chance is at most `chance`. `comparisons` is how many were
    looked at in all: those that are not among `counts` because they cannot pass are counted too.
    """
    able = [i for i, c in enumerate(counts) if c.started >= least and c.near_at_risk > 0]
    compared = zip(able, compare([counts[i] for i in able], least), strict=True)
    passing = [(i, found) for i, found in compared if _times_enough(counts[i].started, found, ratio)]
    corrected = holm([found.chance for _, found in passing], comparisons)
    return [(i, found, p) for (i, found), p in zip(passing, corrected, strict=True) if p <= chance]


def _times_enough(started: int, found: Comparison, ratio: float) -> bool:
    return min(times(started, found.expected_past), times(started, found.expected_near)) >= ratio


def compare(counts: Sequence[Counts], weight: float) -> list[Comparison]:
    """Both tests of each of `counts`, in their order; each has somebody at risk.

    `weight` holds the neighbours' rise back where they are few: as if so many more had been seen and
    expected.
    """
    if not counts:
        return []
    from scipy.stats import binom, hypergeom  # takes most of a second to load, and few sweeps test anything

    rises = [_rise(c, weight) for c in counts]
    x, n, past_x, past_n, near_x, near_n = np.array([_own_and_near(c) for c in counts]).T
    exposure = np.array(rises) * n
    past = binom.sf(x - 1, x + past_x, exposure / (exposure + past_n))
    near = hypergeom.sf(x - 1, n + near_n, x + near_x, n)
    return [_comparison(*one) for one in zip(counts, rises, past.tolist(), near.tolist(), strict=True)]


def _own_and_near(c: Counts) -> tuple[int, ...]:
    return c.started, c.at_risk, c.past_started, c.past_at_risk, c.near_started, c.near_at_risk


def _comparison(c: Counts, rise: float, chance_past: float, chance_near: float) -> Comparison:
    return Comparison(
        rise=rise,
        expected_past=c.past_started * (rise * c.at_risk) / c.past_at_risk if c.past_at_risk else 0.0,
        expected_near=c.near_started * c.at_risk / c.near_at_risk if c.near_at_risk else 0.0,
        chance_past=chance_past,
        chance_near=chance_near,
    )


def _rise(c: Counts, weight: float) -> float:
    """What all rose by is no jump of one: the neighbours' rise is expected of the area as well. Never
    below 1."""
    if not c.near_past_at_risk:
        return 1.0
    expected = c.near_past_started * c.near_at_risk / c.near_past_at_risk
    return max(1.0, (c.near_started + weight) / (expected + weight))


def times(observed: float, expected: float) -> float:
    """The ratio of what was seen to what was expected; infinite where nothing was."""
    return observed / expected if expected else inf


def holm(chances: Sequence[float], comparisons: int) -> list[float]:
    """Each chance, corrected for `comparisons` made in all, in the order given. Those that are not listed
    count as 1."""
    if not chances:
        return []
    from statsmodels.stats.multitest import multipletests

    padded = np.ones(max(comparisons, len(chances)))
    padded[: len(chances)] = chances
    with _without_collection():
        corrected = multipletests(padded, method="holm")[1][: len(chances)]
    found: list[float] = corrected.tolist()
    return found


@contextmanager
def _without_collection() -> Iterator[None]:
    """statsmodels collects garbage after each correction. In a process as large as a sweep's that takes
    longer than all of the tests, so there is nothing for it to look through meanwhile."""
    if gc.get_freeze_count():  # as in a worker; to thaw what others froze would slow it down from then on
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@dataclass(frozen=True, kw_only=True)
class Jump:
    """One area whose rate of one signal jumped in `month` (its last day). `corrected`: the chance after
    `comparisons`."""

    signal: str
    area: str
    level: str
    parent: str | None
    month: dt.date
    past_months: int
    siblings: bool  # whether the neighbours are the areas around it, or all others of its level
    near_areas: int
    counts: Counts
    comparison: Comparison
    comparisons: int
    corrected: float

    @property
    def excess(self) -> float:
        """Households more than the larger of what its past and what its neighbours let expect."""
        return self.counts.started - max(self.comparison.expected_past, self.comparison.expected_near)
