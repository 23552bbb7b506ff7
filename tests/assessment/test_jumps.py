"""The tests behind signals of areas: exact where counts are small, right in how often they err, and able
to see a jump."""

from __future__ import annotations

import gc
from dataclasses import fields
from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from almoner.assessment.jumps import Comparison, Counts, compare, holm, stand_out

ALPHA, LEAST, RATIO, MONTHS = 0.05, 5, 2, 12
TOWNSHIPS, VILLAGES, SIGNALS = 15, 8, 4


def compared(counts: Counts) -> Comparison:
    (found,) = compare([counts], LEAST)
    return found


@given(data=st.data())
def test_the_chance_against_the_past_is_exact(data: st.DataObject) -> None:
    """Of two Poisson counts whose sum is known, the one of this month is binomial."""
    started, past_started = data.draw(st.integers(0, 40)), data.draw(st.integers(0, 40))
    at_risk, past_at_risk = data.draw(st.integers(1, 50)), data.draw(st.integers(0, 600))
    p, whole = Fraction(at_risk, at_risk + past_at_risk), started + past_started
    exact = sum(comb(whole, k) * p**k * (1 - p) ** (whole - k) for k in range(started, whole + 1))
    found = compared(
        Counts(
            started=started,
            at_risk=at_risk,
            past_started=past_started,
            past_at_risk=past_at_risk,
            near_started=0,
            near_at_risk=500,
            near_past_started=0,
            near_past_at_risk=6000,
        )
    )
    assert found.chance_past == pytest.approx(float(exact), rel=1e-9, abs=1e-300)


@given(data=st.data())
def test_the_chance_against_the_neighbours_is_exact(data: st.DataObject) -> None:
    """Fisher's test: all households at risk are drawn from, those that newly came under the signal are
    marked."""
    at_risk, near_at_risk = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40))
    started, near_started = data.draw(st.integers(0, at_risk)), data.draw(st.integers(0, near_at_risk))
    marked, whole = started + near_started, at_risk + near_at_risk
    ways = sum(comb(marked, k) * comb(whole - marked, at_risk - k) for k in range(started, at_risk + 1))
    found = compared(
        Counts(
            started=started,
            at_risk=at_risk,
            past_started=5,
            past_at_risk=1200,
            near_started=near_started,
            near_at_risk=near_at_risk,
            near_past_started=0,
            near_past_at_risk=6000,
        )
    )
    assert found.chance_near == pytest.approx(
        float(Fraction(ways, comb(whole, at_risk))), rel=1e-9, abs=1e-300
    )


def test_a_conditional_test_of_two_poisson_counts_by_enumeration() -> None:
    """Given 6 households in all, one month against twelve: 4 or more of them in the one month."""
    counts = Counts(
        started=4,
        at_risk=100,
        past_started=2,
        past_at_risk=1200,
        near_started=0,
        near_at_risk=500,
        near_past_started=0,
        near_past_at_risk=6000,
    )
    exact = sum(comb(6, k) * Fraction(1, 13) ** k * Fraction(12, 13) ** (6 - k) for k in range(4, 7))
    assert compared(counts).chance_past == pytest.approx(float(exact))


def test_large_counts_neither_overflow_nor_vanish() -> None:
    half = compared(
        Counts(
            started=100_000,
            at_risk=500_000,
            past_started=100_000,
            past_at_risk=500_000,
            near_started=10_000,
            near_at_risk=50_000,
            near_past_started=0,
            near_past_at_risk=0,
        )
    )
    assert half.chance_past == pytest.approx(0.5, abs=0.01)
    assert half.chance_near == pytest.approx(0.5, abs=0.01)
    few = compared(
        Counts(
            started=10,
            at_risk=50_000,
            past_started=200_000,
            past_at_risk=600_000,
            near_started=59_990,
            near_at_risk=450_000,
            near_past_started=0,
            near_past_at_risk=0,
        )
    )
    assert few.chance_past == pytest.approx(1.0)
    assert few.chance_near == pytest.approx(1.0)
    assert (
        0
        <= compared(
            Counts(
                started=900,
                at_risk=1_000,
                past_started=100,
                past_at_risk=9_000,
                near_started=100,
                near_at_risk=9_000,
                near_past_started=0,
                near_past_at_risk=0,
            )
        ).chance
        < 1e-300
    )


def test_many_are_compared_as_each_by_itself() -> None:
    counts = simulated(np.random.default_rng(11), 0.02)
    assert compare(counts, LEAST) == [compared(one) for one in counts]
    assert compare([], LEAST) == []


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


@pytest.mark.parametrize("is_frozen", [False, True])
def test_a_correction_leaves_the_garbage_collector_as_it_was(is_frozen: bool) -> None:
    """A worker freezes what it holds; a correction must not thaw it."""
    gc.unfreeze()
    if is_frozen:
        gc.freeze()
    try:
        before = gc.get_freeze_count()
        holm([0.01], 10)
        assert gc.get_freeze_count() == before
    finally:
        gc.unfreeze()


def test_both_must_stand_out() -> None:
    """A village that is always poor is no jump, and neither is a month that is hard for all."""
    always_poor = Counts(
        started=10,
        at_risk=200,
        past_started=120,
        past_at_risk=2400,
        near_started=7,
        near_at_risk=1400,
        near_past_started=84,
        near_past_at_risk=16_800,
    )
    hard_for_all = Counts(
        started=10,
        at_risk=200,
        past_started=12,
        past_at_risk=2400,
        near_started=70,
        near_at_risk=1400,
        near_past_started=84,
        near_past_at_risk=16_800,
    )
    jumped = Counts(
        started=10,
        at_risk=200,
        past_started=12,
        past_at_risk=2400,
        near_started=7,
        near_at_risk=1400,
        near_past_started=84,
        near_past_at_risk=16_800,
    )
    found = stand_out([always_poor, hard_for_all, jumped], 60, chance=ALPHA, least=LEAST, ratio=RATIO)
    assert [index for index, _, _ in found] == [2]
    assert compared(always_poor).chance == compared(always_poor).chance_past
    assert compared(hard_for_all).chance == compared(hard_for_all).chance_near


def test_a_poor_village_in_a_month_that_is_hard_for_all_is_no_jump() -> None:
    """Its own past and its neighbours' level would both be passed by three times; the neighbours' rise is
    counted in."""
    poor = Counts(
        started=30,
        at_risk=200,
        past_started=120,
        past_at_risk=2400,
        near_started=70,
        near_at_risk=1400,
        near_past_started=280,
        near_past_at_risk=16_800,
    )
    assert compared(poor).rise == pytest.approx((70 + 5) / (280 / 12 + 5), rel=0.01)
    assert stand_out([poor], 1, chance=ALPHA, least=LEAST, ratio=RATIO) == []


def test_what_nobody_ever_had_is_seen_when_it_comes() -> None:
    flood = Counts(
        started=6,
        at_risk=200,
        past_started=0,
        past_at_risk=2400,
        near_started=0,
        near_at_risk=1400,
        near_past_started=0,
        near_past_at_risk=16_800,
    )
    assert len(stand_out([flood], 500, chance=ALPHA, least=LEAST, ratio=RATIO)) == 1


def test_below_the_least_count_nothing_is_said_however_rare() -> None:
    assert (
        stand_out(
            [
                Counts(
                    started=4,
                    at_risk=200,
                    past_started=0,
                    past_at_risk=2400,
                    near_started=0,
                    near_at_risk=1400,
                    near_past_started=0,
                    near_past_at_risk=16_800,
                )
            ],
            1,
            chance=ALPHA,
            least=LEAST,
            ratio=RATIO,
        )
        == []
    )


def simulated(chance: np.random.Generator, monthly: float) -> list[Counts]:
    """Villages of unlike size and rate under townships, nothing happening: this month and a year before
    it."""
    sizes = chance.integers(60, 400, (SIGNALS, TOWNSHIPS, VILLAGES))
    rates = monthly * chance.gamma(4.0, 1 / 4.0, sizes.shape)
    now, past = chance.poisson(rates * sizes), chance.poisson(rates * sizes * MONTHS)
    found = []
    for at in np.ndindex(*sizes.shape):
        near = [sums[at[:2]].sum() - sums[at] for sums in (now, sizes, past, sizes * MONTHS)]
        counts = (now[at], sizes[at], past[at], sizes[at] * MONTHS, *near)
        found.append(Counts(**{f.name: int(n) for f, n in zip(fields(Counts), counts, strict=True)}))
    return found


@pytest.mark.parametrize("monthly", [0.002, 0.02])
def test_under_the_null_false_alarms_stay_under_their_chance(monthly: float) -> None:
    """Of 150 months without any event, at most so many have an alarm as a chance of 5 % allows (99.9 %
    bound)."""
    chance, tried, alarmed = np.random.default_rng(20261109), 150, 0
    for _ in range(tried):
        counts = simulated(chance, monthly)
        alarmed += bool(stand_out(counts, len(counts), chance=ALPHA, least=1, ratio=1))
    assert binom.sf(alarmed - 1, tried, ALPHA) > 0.001
    assert alarmed / tried <= ALPHA


def test_a_known_jump_is_seen() -> None:
    """A village of 200 households where 12 come under a signal that 1 of 200 comes under in a month: found
    among 480 comparisons."""
    chance, tried, found = np.random.default_rng(7), 200, 0
    for _ in range(tried):
        counts = simulated(chance, 0.005)
        counts[0] = Counts(
            started=int(chance.poisson(12)),
            at_risk=200,
            past_started=int(chance.poisson(12)),
            past_at_risk=2400,
            near_started=int(chance.poisson(7)),
            near_at_risk=1400,
            near_past_started=84,
            near_past_at_risk=16_800,
        )
        seen = stand_out(counts, len(counts), chance=ALPHA, least=LEAST, ratio=RATIO)
        found += any(index == 0 for index, _, _ in seen)
    assert found / tried > 0.85
