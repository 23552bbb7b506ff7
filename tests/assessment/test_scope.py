"""Assessing some households gives exactly the rows of the whole place filtered to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from almoner.assessment import signals
from almoner.assessment.opening import open_context
from almoner.engines import Engine
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
def place(
    base: Pack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Engine, dict[str, list[tuple[object, ...]]]]]:
    wanted = deliveries(tmp_path_factory.mktemp("place"), draw(11, households=100))
    with taken_in(base, wanted) as engine:
        yield engine, decided(engine, base, None)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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


@pytest.mark.parametrize("seed", range(4))
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


def test_an_unknown_household_is_an_empty_scope(base: Pack, tmp_path: Path) -> None:
    with taken_in(base, deliveries(tmp_path, draw(1))) as engine:
        assert decided(engine, base, [10**9])["wide_household"] == []


def test_views_and_tables_of_a_scene_are_gone_after_it(base: Pack, tmp_path: Path) -> None:
    with taken_in(base, deliveries(tmp_path, draw(1))) as engine:
        decided(engine, base, None)
        left = engine.rows(
            "SELECT table_name FROM information_schema.tables WHERE table_catalog = 'temp' AND table_name"
            " LIKE '%wide%'"
        )
    assert left == []


@pytest.mark.parametrize("seed", [3, 4])
def test_two_sweeps_on_the_same_facts_decide_the_same(base: Pack, tmp_path: Path, seed: int) -> None:
    with taken_in(base, deliveries(tmp_path, draw(seed))) as engine:
        assert decided(engine, base, None) == decided(engine, base, None)
