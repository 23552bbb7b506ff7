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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, inf, lgamma, log, log1p

_NEGLIGIBLE = 1e-18  # of the sum so far
_LARGE = 1e200  # then the sum is scaled anew


@dataclass(frozen=True)
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
    able = [(i, compare(c, least)) for i, c in enumerate(counts) if c.started >= least and c.near_at_risk > 0]
    passing = [(i, found) for i, found in able if _times_enough(counts[i].started, found, ratio)]
    corrected = holm([found.chance for _, found in passing], comparisons)
    return [(i, found, p) for (i, found), p in zip(passing, corrected, strict=True) if p <= chance]


def _times_enough(started: int, found: Comparison, ratio: float) -> bool:
    return min(times(started, found.expected_past), times(started, found.expected_near)) >= ratio


def compare(counts: Counts, weight: float) -> Comparison:
    """Both tests. `weight` holds the neighbours' rise back where they are few: as if so many more had been
    seen and expected."""
    c = counts
    rise = _rise(c, weight)
    exposure = rise * c.at_risk
    share = exposure / (exposure + c.past_at_risk)
    return Comparison(
        rise=rise,
        expected_past=c.past_started * exposure / c.past_at_risk if c.past_at_risk else 0.0,
        expected_near=c.near_started * c.at_risk / c.near_at_risk if c.near_at_risk else 0.0,
        chance_past=binomial_tail(c.started, c.started + c.past_started, share),
        chance_near=hypergeometric_tail(
            c.started, c.at_risk, c.started + c.near_started, c.at_risk + c.near_at_risk
        ),
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


def binomial_tail(least: int, trials: int, chance: float) -> float:
    """P(X >= `least`) for X binomial."""
    if least <= 0:
        return 1.0
    if least > trials or chance <= 0:
        return 0.0
    if chance >= 1:
        return 1.0
    odds = chance / (1 - chance)
    first = _choose(trials, least) + least * log(chance) + (trials - least) * log1p(-chance)
    return _sum(first, ((trials - k) / (k + 1) * odds for k in range(least, trials)))


def hypergeometric_tail(least: int, drawn: int, marked: int, whole: int) -> float:
    """P(X >= `least`) for X the marked ones among `drawn` out of `whole`, `marked` of which are marked."""
    if least <= max(0, drawn + marked - whole):
        return 1.0
    most = min(drawn, marked)
    if least > most:
        return 0.0
    first = _choose(marked, least) + _choose(whole - marked, drawn - least) - _choose(whole, drawn)
    ratios = (
        (marked - k) * (drawn - k) / ((k + 1) * (whole - marked - drawn + k + 1)) for k in range(least, most)
    )
    return _sum(first, ratios)


def _choose(n: int, k: int) -> float:
    """The logarithm of the binomial coefficient."""
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def _sum(first: float, ratios: Iterable[float]) -> float:
    """The sum of terms from exp(`first`) on, each `ratio` times the one before; the terms rise, then fall."""
    scaled = term = 1.0
    for ratio in ratios:
        term *= ratio
        scaled += term
        if ratio < 1 and term < _NEGLIGIBLE * scaled:
            break
        if scaled > _LARGE:
            first, term, scaled = first + log(scaled), term / scaled, 1.0
    return min(1.0, exp(first + log(scaled)))


def holm(chances: Sequence[float], comparisons: int) -> list[float]:
    """Each chance, corrected for `comparisons` made in all, in the order given. Those that are not listed
    count as 1."""
    corrected = [1.0] * len(chances)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(chances)), key=lambda i: chances[i])):
        largest = max(largest, min(1.0, (comparisons - rank) * chances[index]))
        corrected[index] = largest
    return corrected


@dataclass(frozen=True)
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
