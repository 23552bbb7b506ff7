"""Due by time alone: the signals that a day can change, and the households assessed for them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from almoner.policy.model.pack import Pack
from almoner.stream import state, ticks
from policy.small_pack import compiled
from policy.support_pack import FILES
from stream.small_events import OTHER, WHO, scopes, settled, standing, wage
from stream.taking import Clock, Stream, event, working
from stream.test_worker import place, small

__all__ = ["place", "small"]  # fixtures


def test_time_alone_raises_and_clears_without_any_event(place: Stream) -> None:
    clock = Clock(dt.datetime(2026, 11, 9, 8))
    stream = place
    settled(stream, clock)
    stream.put(wage("5", WHO, 300, "2026-11-05"))  # with the other month enough; alone, later, too little
    with working(stream, clock) as worker:
        worker.drain()
        assert standing(stream) == []
        before = scopes(stream)
        clock.now = dt.datetime(2027, 1, 2, 8)  # the larger wage leaves the window of 60 days
        worker.drain()
        assert "signal:poor:household:1" in standing(stream)
        assert not any("household:2" in key for key in standing(stream))
        assert scopes(stream)[len(before) :] == ["households"]  # nobody was swept
        assert state.mark(stream.engine, "tick") == "2027-01-02"
        assert not worker.step()


def test_a_tick_works_out_only_what_the_day_can_change(base: Pack, small: Pack) -> None:
    day, next_day = dt.date(2026, 11, 9), dt.date(2026, 11, 10)
    assert ticks.changed_by_time(small, day, next_day) == {"poor"}
    assert ticks.changed_by_time(small, None, next_day) >= {"poor"}
    assert "disability_new" not in ticks.changed_by_time(base, day, next_day)
    assert ticks.changed_by_watermarks(base, ["elderly_meters"]) == {
        "elder_meter_runaway",
        "elder_unsupported",
    }


BAR = dt.date(2026, 11, 10)  # the day on which the bar of `barred` is another


def barred(folder: Path, values: str) -> Pack:
    """The small pack, whose signal `ill` reads no day: it is due by time only where its bar changes."""
    metadata = "metadata:\n  label: {en: Bar, zh: 线}\n  unit: CNY\n  reference: Notice 9\n"
    ill = FILES["signals/ill.yaml"].replace("cost_year > 1000", "cost_year > :bar")
    return compiled(folder, {**FILES, "signals/ill.yaml": ill, "parameters/bar.yaml": metadata + values})


LOWERED = "values: {2024-01-01: 1000, 2026-11-10: 700}\n"
LOWERED_IN_AN_AREA = """\
default: {values: {2024-01-01: 5000}}
"5201": {values: {2024-01-01: 1000, 2026-11-10: 700}}
"""


@pytest.mark.parametrize("values", [LOWERED, LOWERED_IN_AN_AREA])
@pytest.mark.parametrize(
    ("since", "today", "is_due"),
    [(-2, -1, False), (-1, 0, True), (-1, 1, True), (-9, 9, True), (0, 1, False), (1, 9, False)],
)
def test_a_signal_is_due_by_time_when_a_parameter_of_it_comes_into_force(
    values: str, since: int, today: int, is_due: bool, tmp_path: Path
) -> None:
    before, day = (BAR + dt.timedelta(days=n) for n in (since, today))
    expected = {"poor", "ill"} if is_due else {"poor"}  # `poor` reads the day itself
    assert ticks.changed_by_time(barred(tmp_path, values), before, day) == expected


@pytest.mark.parametrize("values", [LOWERED, LOWERED_IN_AN_AREA])
def test_a_parameter_that_comes_into_force_raises_without_any_event(values: str, tmp_path: Path) -> None:
    place = Stream(tmp_path / "home", barred(tmp_path / "pack", values))
    clock = Clock(dt.datetime(2026, 11, 9, 8))
    for n, (who, cost) in enumerate(((WHO, 800), (OTHER, 600)), 10):
        place.put(event("clinic", n, resident_no=who, day="2026-10-01", cost=cost))
    settled(place, clock)
    assert not any("ill" in key for key in standing(place))
    before = scopes(place)
    with working(place, clock) as worker:
        clock.now = dt.datetime(2026, 11, 10, 8)
        worker.drain()
    assert [key for key in standing(place) if "ill" in key] == ["signal:ill:person:1"]
    assert scopes(place)[len(before) :] == ["households"]  # nobody was swept
    place.close()


def test_a_parameter_that_comes_into_force_clears_without_any_event(tmp_path: Path) -> None:
    raised_bar = "values: {2024-01-01: 1000, 2026-11-10: 2000}\n"
    place = Stream(tmp_path / "home", barred(tmp_path / "pack", raised_bar))
    clock = Clock(dt.datetime(2026, 11, 9, 8))
    place.put(event("clinic", 10, resident_no=WHO, day="2026-10-01", cost=1500))
    settled(place, clock)
    assert [key for key in standing(place) if "ill" in key] == ["signal:ill:person:1"]
    with working(place, clock) as worker:
        clock.now = dt.datetime(2026, 11, 10, 8)
        worker.drain()
    assert not any("ill" in key for key in standing(place))
    place.close()


def test_only_households_that_can_be_due_are_assessed(place: Stream) -> None:
    clock = Clock()
    settled(place, clock)
    assert ticks.due(place.engine, place.pack, {"poor"}, clock().date(), clock()) == []
    place.put(wage("5", WHO, 300))
    with working(place, clock) as worker:
        clock.forward(seconds=1)
        worker.drain()
    assert ticks.due(place.engine, place.pack, set(), clock().date(), clock()) == [1]
