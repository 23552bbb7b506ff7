"""Test whether a month's count is more than chance: exact tests for small counts, corrected for many.

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
    """Counts of one area and signal: households newly under the signal, and households at risk.

    In the month, and in the months before it; of the area and of its neighbours. `past_at_risk` and
    `near_past_at_risk` are household-months.
    """

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
    """Both tests of one area.

    `rise` is the factor by which the neighbours' own rate rose, at least 1. `expected_past` and
    `expected_near` are households in the month: at the area's past rate times `rise`, and at the neighbours'
    present rate. `chance_past` and `chance_near` are the probabilities of so many or more.
    """

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
    """The `counts` that jumped: index, both tests, and the larger probability corrected for `comparisons`.

    A count jumps when at least `least` households started, at least `ratio` times both expectations, and the
    corrected probability is at most `chance`. `comparisons` is the number of comparisons in all. It includes
    those that were left out of `counts` because they could not pass.
    """
    able = [i for i, c in enumerate(counts) if c.started >= least and c.near_at_risk > 0]
    compared = zip(able, compare([counts[i] for i in able], least), strict=True)
    passing = [(i, found) for i, found in compared if _times_enough(counts[i].started, found, ratio)]
    corrected = holm([found.chance for _, found in passing], comparisons)
    return [(i, found, p) for (i, found), p in zip(passing, corrected, strict=True) if p <= chance]


def _times_enough(started: int, found: Comparison, ratio: float) -> bool:
    return min(times(started, found.expected_past), times(started, found.expected_near)) >= ratio


def compare(counts: Sequence[Counts], weight: float) -> list[Comparison]:
    """Both tests of each of `counts`, in their order; each must have households at risk.

    `weight` shrinks the neighbours' rise towards 1 where they are few: as many households are added to what
    was seen and to what was expected.
    """
    if not counts:
        return []
    from scipy.stats import binom, hypergeom  # loading takes most of a second, and few sweeps test anything

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
    """The neighbours' rise, at least 1: a rise everywhere is expected here too, and is no jump."""
    if not c.near_past_at_risk:
        return 1.0
    expected = c.near_past_started * c.near_at_risk / c.near_past_at_risk
    return max(1.0, (c.near_started + weight) / (expected + weight))


def times(observed: float, expected: float) -> float:
    """The ratio of observed to expected; infinite where nothing was expected."""
    return observed / expected if expected else inf


def holm(chances: Sequence[float], comparisons: int) -> list[float]:
    """Holm's correction of probabilities out of `comparisons` tests in all, in the order given.

    Tests that are not listed count with probability 1.
    """
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
    """Hold off garbage collection, which statsmodels starts after each correction.

    In a process as large as a sweep's it would take longer than all of the tests.
    """
    if gc.get_freeze_count():  # a worker: unfreezing would slow it down from then on
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@dataclass(frozen=True, kw_only=True)
class Jump:
    """An area whose rate of one signal jumped in `month` (its last day).

    `corrected` is the probability after correction for `comparisons`.
    """

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
        """Households above the larger of both expectations."""
        return self.counts.started - max(self.comparison.expected_past, self.comparison.expected_near)
