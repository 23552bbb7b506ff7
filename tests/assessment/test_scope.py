"""Assessing some households gives exactly the rows of the whole place filtered to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from almoner.assessment import signals
from almoner.assessment.opening import open_context
from almoner.engines import Engine, open_engine
from almoner.policy.model.pack import Pack
from almoner.support import candidates, entitlements, recognition
from county import AS_OF, KNOWN_AT, deliveries, draw, taken_in

TABLES = ("wide_household", "wide_person", signals.FINDINGS, entitlements.FINDINGS)


def decided(engine: Engine, pack: Pack, households: list[int] | None) -> dict[str, list[tuple[object, ...]]]:
    with open_context(engine, pack, AS_OF, KNOWN_AT, households) as context:
        signals.find(context)
        candidates.find(context)
        recognition.find(context)
        entitlements.find(context)
        return {
            table: engine.rows(f"SELECT household_id, * EXCLUDE (household_id) FROM {table} ORDER BY ALL")
            for table in TABLES
        }


@pytest.fixture(scope="module")
def place(base: Pack, hundred: Path) -> Iterator[tuple[Engine, dict[str, list[tuple[object, ...]]]]]:
    with open_engine(hundred, read_only=True) as engine:
        yield engine, decided(engine, base, None)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_scope_gives_the_same_rows_as_the_whole_place_filtered(
    base: Pack, place: tuple[Engine, dict[str, list[tuple[object, ...]]]], data: st.DataObject
) -> None:
    engine, whole = place
    homes = sorted({row[0] for row in whole["wide_household"]})
    chosen = data.draw(st.lists(st.sampled_from(homes), unique=True))
    some = decided(engine, base, chosen)
    for table in TABLES:
        assert some[table] == [row for row in whole[table] if row[0] in chosen], table


@pytest.mark.parametrize("seed", range(2))
def test_a_scope_of_other_places_too(base: Pack, tmp_path: Path, seed: int) -> None:
    with taken_in(base, deliveries(tmp_path, draw(seed))) as engine:
        whole, some = decided(engine, base, None), decided(engine, base, [1, 2, 3])
    for table in TABLES:
        assert some[table] == [row for row in whole[table] if row[0] in (1, 2, 3)], table


def test_the_county_of_these_tests_raises_every_signal_and_programme(
    base: Pack, place: tuple[Engine, dict[str, list[tuple[object, ...]]]]
) -> None:
    found = place[1]
    assert {row[1] for row in found[signals.FINDINGS]} == set(base.signals)
    assert {row[1] for row in found[entitlements.FINDINGS]} == set(base.programmes)


def test_an_unknown_household_is_an_empty_scope(
    base: Pack, place: tuple[Engine, dict[str, list[tuple[object, ...]]]]
) -> None:
    assert decided(place[0], base, [10**9])["wide_household"] == []


def test_two_sweeps_on_the_same_facts_decide_the_same_and_leave_nothing_behind(
    base: Pack, place: tuple[Engine, dict[str, list[tuple[object, ...]]]]
) -> None:
    engine, whole = place
    assert decided(engine, base, None) == whole
    left = engine.rows(
        "SELECT table_name FROM information_schema.tables WHERE table_catalog = 'temp' AND table_name"
        " LIKE '%wide%'"
    )
    assert left == []
