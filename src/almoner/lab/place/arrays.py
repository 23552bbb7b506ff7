"""Array types of a place, and its streams of random numbers."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Bools: TypeAlias = npt.NDArray[np.bool_]
Ints: TypeAlias = npt.NDArray[np.signedinteger[Any]]
Floats: TypeAlias = npt.NDArray[np.floating[Any]]
Days: TypeAlias = npt.NDArray[np.datetime64]
Rng: TypeAlias = np.random.Generator

NEVER = np.datetime64("NaT", "D")


def stream(seed: int, subject: str) -> Rng:
    """A random generator for each `subject`, so that a change in one feed leaves all others as they were."""
    return np.random.Generator(np.random.PCG64([seed, *subject.encode()]))


def lognormal(rng: Rng, median: Floats | float, sigma: float, size: int) -> Floats:
    """`size` draws around `median`, in its unit."""
    return np.asarray(median * np.exp(rng.normal(0.0, sigma, size)))


def pick(rng: Rng, among: Ints, share: float) -> Ints:
    """The members of `among` that an independent chance of `share` falls on, in their order."""
    return among[rng.random(len(among)) < share]


def weighted(rng: Rng, weights: Floats, size: int) -> Ints:
    """Positions drawn with replacement, in proportion to `weights`."""
    edges = np.cumsum(weights)
    return np.asarray(np.searchsorted(edges, rng.random(size) * edges[-1], side="right"), np.int64)


def sum_by(groups: Ints, values: Floats, count: int) -> Floats:
    """Sum of `values` for each of `count` groups."""
    return np.asarray(np.bincount(groups, weights=values, minlength=count), np.float64)


def days_between(rng: Rng, first: Days, after: Days) -> Days:
    """One day a pair, `first` included and `after` not."""
    span = (after - first).astype(np.int64)
    return np.asarray(first + (rng.random(len(span)) * span).astype(np.int64).astype("timedelta64[D]"))
