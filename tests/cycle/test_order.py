"""The order in which departments deliver, and deliveries that come twice, change nothing of what is
decided."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almoner import cycle
from almoner.engines import Engine
from almoner.policy.model.pack import Pack
from almoner.registry.deliveries import Delivery
from county import AS_OF, KNOWN_AT, copy_opened, deliveries, draw, taken_in


@st.composite
def orders(draw_: st.DrawFn, wanted: Sequence[Delivery]) -> list[Delivery]:
    """Any interleaving that keeps each feed's own sequence, with some deliveries a second time right away
    or at the end."""
    feeds = [d.feed for d in wanted]
    queues = {feed: [d for d in wanted if d.feed == feed] for feed in feeds}
    chosen: list[Delivery] = []
    for feed in draw_(st.permutations(feeds)):
        delivery = queues[feed].pop(0)
        chosen += [delivery] * (2 if draw_(st.booleans()) else 1)
    return chosen


def said(engine: Engine) -> list[Any]:
    """The outbox with the registry's own ids replaced by blind indexes, which do not depend on the order."""
    rows = engine.rows(
        """SELECT c.kind, c.change, c.key, h.key_index, p.number_index, c.area, coalesce(c.form, ''), c.body
           FROM assessment.change AS c
           JOIN registry.household AS h ON h.household_id = c.household_id
           LEFT JOIN registry.person AS p ON p.person_id = c.person_id"""
    )
    return sorted(
        (
            kind,
            change,
            key.rsplit(":", 1)[0],
            home,
            person or b"",
            area,
            form,
            json.dumps(json.loads(body), sort_keys=True),
        )
        for kind, change, key, home, person, area, form, body in rows
    )


@pytest.fixture(scope="module")
def place(base: Pack, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Delivery], list[Any]]:
    """Deliveries, and what one cycle says of them when they come in their own order."""
    wanted = deliveries(tmp_path_factory.mktemp("place"), draw(5, households=10))
    with taken_in(base, wanted) as engine:
        cycle.run(engine, base, AS_OF, KNOWN_AT)
        return wanted, said(engine)


@settings(max_examples=3, deadline=None)
@given(data=st.data())
def test_any_order_and_any_delivery_twice_give_the_same_signals_and_proposals(
    base: Pack, place: tuple[list[Delivery], list[Any]], data: st.DataObject
) -> None:
    wanted, expected = place
    with taken_in(base, data.draw(orders(wanted))) as engine:
        cycle.run(engine, base, AS_OF, KNOWN_AT)
        assert said(engine) == expected


def test_a_second_cycle_on_the_same_facts_changes_nothing(base: Pack, hundred: Path, tmp_path: Path) -> None:
    with copy_opened(hundred, tmp_path) as engine:
        first = cycle.run(engine, base, AS_OF, KNOWN_AT)
        changes = engine.value("SELECT count(*) FROM assessment.change")
        second = cycle.run(engine, base, AS_OF, KNOWN_AT)
        assert changes > 0
        assert second.moved == {}
        assert engine.value("SELECT count(*) FROM assessment.change") == changes
        assert first.decided == second.decided


def test_a_sweep_in_scopes_writes_what_one_sweep_writes(base: Pack, hundred: Path, tmp_path: Path) -> None:
    folders = tmp_path / "whole", tmp_path / "parts"
    for folder in folders:
        folder.mkdir()
    with copy_opened(hundred, folders[0]) as whole, copy_opened(hundred, folders[1]) as parts:
        cycle.run(whole, base, AS_OF, KNOWN_AT)
        homes = [h for (h,) in parts.rows("SELECT household_id FROM registry.household ORDER BY 1")]
        for start in range(0, len(homes), 40):
            cycle.run(parts, base, AS_OF, KNOWN_AT, homes[start : start + 40])
        assert said(whole) == said(parts)
        standing = "SELECT * FROM assessment.standing ORDER BY key"
        assert whole.rows(standing) == parts.rows(standing)
