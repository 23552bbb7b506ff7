"""The packs of Guizhou, Gansu and Chongqing: what they change of base, their clocks, and a county under
their rules."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from almoner import cycle
from almoner.engines import Engine
from almoner.home import now
from almoner.installation.intake import deliveries_in
from almoner.lab.place import build
from almoner.policy import compile_pack
from almoner.policy.authoring.references import references
from almoner.policy.model.pack import Pack
from almoner.policy.model.terms import Term
from county import KNOWN_AT, taken_in

PACKS = Path(__file__).parents[2] / "packs"
NAMES = ("guizhou", "gansu", "chongqing")
DAY = dt.date(2026, 11, 9)
DAYS_OF_A_WORKING_WEEK = 5


@pytest.fixture(scope="module")
def provinces() -> dict[str, Pack]:
    return {name: compile_pack(PACKS / name, as_of=DAY) for name in NAMES}


def own_parameters(name: str) -> Iterator[Path]:
    return (f for f in sorted((PACKS / name / "parameters").glob("*.yaml")))


def working_days(term: Term) -> float:
    """Hours count as a day, because something must be done on that day."""
    return 1 if term.unit == "hours" else term.amount * (5 / 7 if term.unit == "days" else 1)


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_of_a_place_has_the_unit_that_the_rule_of_base_expects(name: str) -> None:
    units = {
        f.stem: [
            str(yaml.safe_load(layer.read_text(encoding="utf-8"))["metadata"]["unit"])
            for layer in (f, PACKS / "base" / "parameters" / f.name)
            if layer.exists()
        ]
        for f in own_parameters(name)
    }
    assert {n: u for n, u in units.items() if len(set(u)) > 1} == {}


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_of_a_place_is_in_force_and_has_a_source(provinces: dict[str, Pack], name: str) -> None:
    """A figure of base that is in force must not be replaced by nothing."""
    pack = provinces[name]
    for file in own_parameters(name):
        assert pack.parameters[file.stem].at(DAY) is not None, file.stem
    assert all(r.reference for r in references(pack))


def test_in_guizhou_check_and_first_help_fit_in_fifteen_days(provinces: dict[str, Pack]) -> None:
    pack = provinces["guizhou"]
    limit = pack.parameters["alert_help_days"].at(DAY)
    assert limit is not None
    assert limit.value == 15
    help_first = pack.programmes["temporary_assistance"]
    for signal in (pack.signals[name] for name in help_first.signals):
        for level in signal.levels:
            days = (working_days(level.within) + working_days(help_first.within)) * 7 / DAYS_OF_A_WORKING_WEEK
            assert days <= 15, (signal.id, level.id)


def test_base_alone_would_not_keep_the_promise_of_guizhou(base: Pack) -> None:
    help_first = base.programmes["temporary_assistance"]
    slowest = max(
        working_days(level.within) for name in help_first.signals for level in base.signals[name].levels
    )
    assert (slowest + working_days(help_first.within)) * 7 / DAYS_OF_A_WORKING_WEEK > 15


def test_in_gansu_the_home_check_takes_five_working_days_and_the_decision_fifteen(
    provinces: dict[str, Pack],
) -> None:
    pack = provinces["gansu"]
    reported = {level.id: level.within for level in pack.signals["poverty_reported"].levels}
    assert reported["red"] == Term(24, "hours")
    assert (reported["orange"].amount, reported["orange"].unit) == (5, "working_days")
    assert (reported["yellow"].amount, reported["yellow"].unit) == (15, "working_days")
    for name in ("monitored_unstable", "monitored_sudden"):
        within = pack.categories[name].within
        assert (within.amount, within.unit) == (15, "working_days")


def test_the_calendars_are_those_of_the_state_council(provinces: dict[str, Pack]) -> None:
    for pack in provinces.values():
        free = [day for day, works in pack.holidays.items() if not works]
        worked = [day for day, works in pack.holidays.items() if works]
        assert {y: sum(d.year == y for d in free) for y in (2025, 2026)} == {2025: 28, 2026: 33}
        assert {y: sum(d.year == y for d in worked) for y in (2025, 2026)} == {2025: 5, 2026: 6}
        assert all(day.weekday() >= 5 for day in worked)


def test_every_own_signal_of_a_province_has_a_scenario_for_one_against_and_one_unknown(
    base: Pack, provinces: dict[str, Pack]
) -> None:
    for pack in provinces.values():
        for name in pack.signals.keys() - base.signals.keys():
            said = [v for c in pack.scenarios for k, v in c.signals.items() if k.partition("@")[0] == name]
            assert {False, None} <= set(said), name
            assert any(isinstance(v, str) for v in said), name
        assert len(pack.scenarios) >= 15


def test_areas_change_lines_and_what_is_not_named_has_a_default(provinces: dict[str, Pack]) -> None:
    for pack, area, lines in (
        (provinces["guizhou"], "520302", (832, 605)),
        (provinces["guizhou"], None, (779, 601)),
        (provinces["gansu"], "620102", (920, None)),
        (provinces["gansu"], None, (673, 465)),
        (provinces["chongqing"], None, (770, 630)),
    ):
        found = [pack.parameters[f"living_line_{kind}"].at(DAY, area) for kind in ("urban", "rural")]
        assert tuple(v and v.value for v in found) == lines


def test_nothing_in_chongqings_pack_claims_to_know_an_artificial_intelligence() -> None:
    said = {
        f.relative_to(PACKS).as_posix()
        for f in (PACKS / "chongqing").rglob("*")
        if f.is_file()
        and any(w in f.read_text(encoding="utf-8") for w in ("artificial intelligence", "人工智能"))
    }
    assert said == {"chongqing/README.md"}  # which says that none is known


@pytest.fixture(scope="module")
def county(base: Pack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dt.date, Engine]]:
    folder = tmp_path_factory.mktemp("province")
    build(folder, 1_000, seed=5, form="parquet")
    as_of = dt.date.fromisoformat(json.loads((folder / "place.json").read_text())["as_of"])
    wanted = deliveries_in([folder / "deliveries"], list(base.feeds), None, now(), None)
    with taken_in(base, wanted) as engine:
        yield as_of, engine


@pytest.mark.parametrize("name", NAMES)
def test_a_county_of_other_codes_is_assessed_by_the_provinces_defaults(
    base: Pack, provinces: dict[str, Pack], county: tuple[dt.date, Engine], name: str
) -> None:
    """Feeds of the province's own that nobody delivers leave their signals unknown and open nothing."""
    as_of, engine = county
    pack = provinces[name]
    with cycle.rehearse(engine, pack, as_of, KNOWN_AT) as (_, outcome):
        watched = {w.signal: w for w in outcome.watched}
        given = {p.programme for p in outcome.proposed}
    for signal in pack.signals.keys() - base.signals.keys():
        assert watched[signal].holds == 0
        assert watched[signal].unknown > 0
    assert sum(w.holds for w in watched.values()) > 0
    assert {"minimum_living_guarantee", "temporary_assistance"} <= given
