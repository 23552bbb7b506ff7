"""Tables that read one another are kept in an order that lets them."""

from __future__ import annotations

import random
from graphlib import CycleError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almoner.engines.duck import DuckEngine
from almoner.support.in_turn import materialize_in_order


@given(
    st.lists(st.sets(st.integers(0, 7)), min_size=1, max_size=8),
    st.randoms(use_true_random=False),
    st.booleans(),
)
def test_each_is_kept_after_those_that_it_reads(
    drawn: list[set[int]], chance: random.Random, few: bool
) -> None:
    """Each counts itself and all that it reads, so the numbers show whether it read them whole."""
    reads = {n: {other for other in of if other < n} for n, of in enumerate(drawn)}
    weight: dict[int, int] = {}
    for n, of in reads.items():
        weight[n] = 1 + sum(weight[other] for other in of)
    selects = {
        f"t{n}": " + ".join(["SELECT 1", *(f"(SELECT w FROM t{other})" for other in sorted(of))]) + " AS w"
        for n, of in reads.items()
    }
    names = list(selects)
    chance.shuffle(names)
    with DuckEngine() as engine:
        if few:
            engine.cache_plans()
        with engine.small_batch():
            materialize_in_order(
                engine,
                {name: selects[name] for name in names},
                {f"t{n}": [f"t{other}" for other in of] for n, of in reads.items()},
            )
            assert {n: engine.value(f"SELECT w FROM t{n}") for n in weight} == weight


def test_a_circle_is_refused() -> None:
    with DuckEngine() as engine, pytest.raises(CycleError):
        materialize_in_order(
            engine, {"a": "SELECT * FROM b", "b": "SELECT * FROM a"}, {"a": ["b"], "b": ["a"]}
        )
