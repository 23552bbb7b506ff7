"""The layers of the watch: who is on the list, and which layers a signal belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from almoner import cycle
from almoner.assessment import signals, watch
from almoner.assessment.opening import open_context
from almoner.engines import Engine
from almoner.policy.model.pack import Pack
from almoner.policy.model.terms import Condition
from almoner.policy.model.watch import WatchGroup
from almoner.support.outbox import changes_after
from county import AREA, AS_OF, KNOWN_AT, copy_opened
from lesser import with_signals

SIGNALS = ("income_shock", "illness_cost", "elder_unsupported", "student_disengaging")


def group(name: str, subject: Any, sql: str, *columns: str) -> WatchGroup:
    return WatchGroup(
        name, {"en": name, "zh": name}, subject, "social_assistance", Condition(sql, columns, ())
    )


def watched(base: Pack, *groups: WatchGroup) -> Pack:
    pack = with_signals(base, *SIGNALS)
    assert pack.watch is not None
    return replace(pack, watch=replace(pack.watch, groups={g.id: g for g in groups}))


@pytest.fixture
def engine(hundred: Path, tmp_path: Path) -> Iterator[Engine]:
    with copy_opened(hundred, tmp_path) as opened:
        yield opened


def bodies(engine: Engine) -> list[tuple[int, int | None, dict[str, Any]]]:
    found = [c for batch in changes_after(engine, 0) for c in batch if c.kind == "signal"]
    return [(c.household_id, c.person_id, dict(c.body)) for c in found]


def test_every_signal_is_at_a_point_or_on_the_surface(base: Pack, engine: Engine) -> None:
    old = group("old", "person", "age >= 80", "age")
    large = group("large", "household", "members >= 3", "members")
    outcome = cycle.run(engine, watched(base, old, large), AS_OF, KNOWN_AT)
    found = bodies(engine)
    assert outcome.layers is not None
    assert len(found) > 5
    for _, _, body in found:
        layers = body["layers"]
        assert layers["surface"] is (layers["points"] == [])
        assert layers["line"]["id"] == body["theme"]
        assert layers["areas"] == {"village": AREA}
    surface = sum(body["layers"]["surface"] for _, _, body in found)
    assert outcome.layers.surface == surface
    for name in ("old", "large"):
        assert outcome.layers.points[name] == sum(
            name in {g["id"] for g in body["layers"]["points"]} for _, _, body in found
        )
    assert sum(outcome.layers.lines.values()) == len(found)
    assert outcome.layers.areas["village"] == 1
    assert {s: sum(both) for s, both in outcome.layers.signals.items()} == {
        w.signal: w.holds for w in outcome.watched
    }


def test_a_household_is_on_the_list_with_its_members_and_a_member_with_the_household(
    base: Pack, engine: Engine
) -> None:
    old = group("old", "person", "age >= 60", "age")
    large = group("large", "household", "members >= 3", "members")
    pack = watched(base, old, large)
    with open_context(engine, pack, AS_OF, KNOWN_AT) as context:
        signals.find(context)
        listed = set(engine.rows(f"SELECT grp, household_id, person_id FROM {watch.LISTED}"))
    cycle.run(engine, pack, AS_OF, KNOWN_AT)
    for household, person, body in bodies(engine):
        expected = {
            grp
            for grp, home, who in listed
            if home == household and (who is None or person is None or who == person)
        }
        assert {g["id"] for g in body["layers"]["points"]} == expected


def test_what_is_unknown_is_not_on_the_list(base: Pack, engine: Engine) -> None:
    never = group("never", "household", "income_usual > NULL", "income_usual")
    outcome = cycle.run(engine, watched(base, never), AS_OF, KNOWN_AT)
    assert outcome.layers is not None
    assert outcome.layers.points == {"never": 0}
    assert outcome.layers.surface > 0


def test_who_joins_the_list_has_other_evidence_and_nobody_else(base: Pack, engine: Engine) -> None:
    nobody = group("large", "household", "members > 99", "members")
    large = group("large", "household", "members >= 1", "members")
    cycle.run(engine, watched(base, nobody), AS_OF, KNOWN_AT)
    before = len(bodies(engine))
    outcome = cycle.run(engine, watched(base, large), AS_OF, KNOWN_AT)
    later = bodies(engine)[before:]
    assert later
    assert all(body["layers"]["points"] for _, _, body in later)
    assert outcome.layers is not None
    assert len(later) == outcome.layers.points["large"]
    assert sum(m["raised"] + m["cleared"] for m in outcome.moved.values()) == 0


def test_a_pack_without_a_watch_says_nothing_of_layers(base: Pack, engine: Engine) -> None:
    pack = replace(with_signals(base, *SIGNALS), watch=None)
    outcome = cycle.run(engine, pack, AS_OF, KNOWN_AT)
    assert outcome.layers is None
    assert {body["layers"] for _, _, body in bodies(engine)} == {None}
