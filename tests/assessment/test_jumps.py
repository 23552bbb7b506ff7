"""The tests behind signals of areas: exact where counts are small, right in how often they err, and able
to see a jump."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from almoner.assessment.jumps import (
    Counts,
    binomial_tail,
    compare,
    holm,
    hypergeometric_tail,
    stand_out,
)

ALPHA, LEAST, RATIO, MONTHS = 0.05, 5, 2, 12
TOWNSHIPS, VILLAGES, SIGNALS = 15, 8, 4


@given(trials=st.integers(0, 40), least=st.integers(-1, 41), tenths=st.integers(0, 10))
def test_the_binomial_tail_is_exact(trials: int, least: int, tenths: int) -> None:
    p = Fraction(tenths, 10)
    exact = sum(comb(trials, k) * p**k * (1 - p) ** (trials - k) for k in range(max(least, 0), trials + 1))
    assert binomial_tail(least, trials, float(p)) == pytest.approx(float(exact), rel=1e-10, abs=1e-300)


@given(data=st.data())
def test_the_hypergeometric_tail_is_exact(data: st.DataObject) -> None:
    whole = data.draw(st.integers(1, 40))
    drawn, marked = data.draw(st.integers(0, whole)), data.draw(st.integers(0, whole))
    least = data.draw(st.integers(0, whole + 1))
    ways = sum(comb(marked, k) * comb(whole - marked, drawn - k) for k in range(least, drawn + 1))
    exact = Fraction(ways, comb(whole, drawn))
    assert hypergeometric_tail(least, drawn, marked, whole) == pytest.approx(
        float(exact), rel=1e-10, abs=1e-300
    )


def test_a_conditional_test_of_two_poisson_counts_by_enumeration() -> None:
    """Given 6 households in all, one month against twelve: 4 or more of them in the one month."""
    counts = Counts(4, 100, 2, 1200, 0, 500, 0, 6000)
    exact = sum(comb(6, k) * Fraction(1, 13) ** k * Fraction(12, 13) ** (6 - k) for k in range(4, 7))
    assert compare(counts, LEAST).chance_past == pytest.approx(float(exact))


def test_large_counts_neither_overflow_nor_vanish() -> None:
    assert binomial_tail(1, 200_000, 0.5) == pytest.approx(1.0)
    assert binomial_tail(100_000, 200_000, 0.5) == pytest.approx(0.5, abs=0.01)
    assert hypergeometric_tail(10, 50_000, 60_000, 500_000) == pytest.approx(1.0)
    assert 0 < binomial_tail(900, 1_000, 0.1) < 1e-300 or binomial_tail(900, 1_000, 0.1) == 0


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03], 4) == pytest.approx([0.04, 0.09, 0.09])
    assert holm([0.9], 10) == [1.0]
    assert holm([], 10) == []


@given(chances=st.lists(st.floats(0, 1), max_size=12), seed=st.integers(0, 99))
def test_holm_depends_on_no_order_and_never_helps(chances: list[float], seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(chances))
    shuffled = holm([chances[i] for i in order], 20)
    plain = holm(chances, 20)
    assert shuffled == [plain[i] for i in order]
    assert all(min(1.0, p) <= q for p, q in zip(chances, plain, strict=True))


def test_both_must_stand_out() -> None:
    """A village that is always poor is no jump, and neither is a month that is hard for all."""
    always_poor = Counts(10, 200, 120, 2400, 7, 1400, 84, 16_800)
    hard_for_all = Counts(10, 200, 12, 2400, 70, 1400, 84, 16_800)
    jumped = Counts(10, 200, 12, 2400, 7, 1400, 84, 16_800)
    found = stand_out([always_poor, hard_for_all, jumped], 60, chance=ALPHA, least=LEAST, ratio=RATIO)
    assert [index for index, _, _ in found] == [2]
    assert compare(always_poor, LEAST).chance == compare(always_poor, LEAST).chance_past
    assert compare(hard_for_all, LEAST).chance == compare(hard_for_all, LEAST).chance_near


def test_a_poor_village_in_a_month_that_is_hard_for_all_is_no_jump() -> None:
    """Its own past and its neighbours' level would both be passed by three times; the neighbours' rise is
    counted in."""
    poor = Counts(30, 200, 120, 2400, 70, 1400, 280, 16_800)
    assert compare(poor, LEAST).rise == pytest.approx((70 + 5) / (280 / 12 + 5), rel=0.01)
    assert stand_out([poor], 1, chance=ALPHA, least=LEAST, ratio=RATIO) == []


def test_what_nobody_ever_had_is_seen_when_it_comes() -> None:
    flood = Counts(6, 200, 0, 2400, 0, 1400, 0, 16_800)
    assert len(stand_out([flood], 500, chance=ALPHA, least=LEAST, ratio=RATIO)) == 1


def test_below_the_least_count_nothing_is_said_however_rare() -> None:
    assert (
        stand_out([Counts(4, 200, 0, 2400, 0, 1400, 0, 16_800)], 1, chance=ALPHA, least=LEAST, ratio=RATIO)
        == []
    )


def simulated(chance: np.random.Generator, monthly: float) -> list[Counts]:
    """Villages of unlike size and rate under townships, nothing happening: this month and a year before it."""
    sizes = chance.integers(60, 400, (SIGNALS, TOWNSHIPS, VILLAGES))
    rates = monthly * chance.gamma(4.0, 1 / 4.0, sizes.shape)
    now, past = chance.poisson(rates * sizes), chance.poisson(rates * sizes * MONTHS)
    found = []
    for at in np.ndindex(*sizes.shape):
        near = [sums[at[:2]].sum() - sums[at] for sums in (now, sizes, past, sizes * MONTHS)]
        found.append(Counts(*map(int, (now[at], sizes[at], past[at], sizes[at] * MONTHS, *near))))
    return found


@pytest.mark.parametrize("monthly", [0.002, 0.02])
def test_under_the_null_false_alarms_stay_under_their_chance(monthly: float) -> None:
    """Of 150 months without any event, at most so many have an alarm as a chance of 5 % allows (99.9 %
    bound)."""
    chance, tried, alarmed = np.random.default_rng(20261109), 150, 0
    for _ in range(tried):
        counts = simulated(chance, monthly)
        alarmed += bool(stand_out(counts, len(counts), chance=ALPHA, least=1, ratio=1))
    assert binomial_tail(alarmed, tried, ALPHA) > 0.001
    assert alarmed / tried <= ALPHA


def test_a_known_jump_is_seen() -> None:
    """A village of 200 households where 12 come under a signal that 1 of 200 comes under in a month: found
    among 480 comparisons."""
    chance, tried, found = np.random.default_rng(7), 200, 0
    for _ in range(tried):
        counts = simulated(chance, 0.005)
        counts[0] = Counts(
            int(chance.poisson(12)),
            200,
            int(chance.poisson(12)),
            2400,
            int(chance.poisson(7)),
            1400,
            84,
            16_800,
        )
        seen = stand_out(counts, len(counts), chance=ALPHA, least=LEAST, ratio=RATIO)
        found += any(index == 0 for index, _, _ in seen)
    assert found / tried > 0.85
