"""Scenarios of the packs that come with Almoner pass, and a wrong expectation is told in words."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

import pytest

from almoner.policy import compile_pack
from almoner.policy.model.pack import Pack
from almoner.trials import scenarios

PACKS = Path(__file__).parents[2] / "packs"


@pytest.mark.parametrize("name", ["base", "guizhou", "gansu", "chongqing", "gsoep", "cps"])
def test_every_scenario_of_the_pack_passes(name: str) -> None:
    verdicts = scenarios.run(compile_pack(PACKS / name, as_of=dt.date(2026, 11, 9)))
    assert verdicts
    assert [(v.case.name, v.wrong) for v in verdicts if not v.passed] == []


def test_every_signal_and_programme_of_the_base_pack_has_a_case_for_and_a_case_against(base: Pack) -> None:
    for kind, ids in (("signals", base.signals), ("programmes", base.programmes)):
        for item in ids:
            said = {
                bool(v)
                for c in base.scenarios
                for k, v in getattr(c, kind).items()
                if k.partition("@")[0] == item
            }
            assert True in said, item
    against = {k.partition("@")[0] for c in base.scenarios for k, v in c.signals.items() if v is False}
    assert against == set(base.signals)


def test_a_wrong_expectation_fails_with_both_answers(base: Pack) -> None:
    case = next(
        c for c in base.scenarios if "income_shock" in c.signals and c.signals["income_shock"] == "orange"
    )
    wrong = dataclasses.replace(
        case, signals={"income_shock": None}, programmes={"temporary_assistance": 1.0}
    )
    [verdict] = scenarios.run(base, [wrong])
    assert not verdict.passed
    assert verdict.wrong[0] == "income_shock: expected unknown, the pack says orange"
    assert verdict.wrong[1].startswith("temporary_assistance: expected 1.0, the pack says ")


def test_a_correction_takes_the_place_of_the_row_with_its_key(base: Pack) -> None:
    case = next(
        c for c in base.scenarios if c.corrections.get("medical_settlements") and "illness_cost" in c.signals
    )
    assert scenarios.run(base, [case])[0].passed
    as_first_delivered = dataclasses.replace(case, corrections={}, signals={"illness_cost": "orange"})
    assert scenarios.run(base, [as_first_delivered])[0].passed


def test_a_signal_can_be_of_any_level_of_the_packs_terms(base: Pack) -> None:
    case = next(c for c in base.scenarios if c.signals.get("income_shock") == "orange")
    shock = base.signals["income_shock"]
    levels = tuple(
        dataclasses.replace(level, id="urgent") if level.id == "orange" else level for level in shock.levels
    )
    changed = {**base.signals, "income_shock": dataclasses.replace(shock, levels=levels)}
    expected = dataclasses.replace(case, signals={"income_shock": "urgent"})
    [verdict] = scenarios.run(dataclasses.replace(base, signals=changed), [expected])
    assert verdict.passed, verdict.wrong
