"""A term can be a parameter: a place changes it by a dated value, not by a copy of the rule."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from almoner.policy import clocks
from almoner.policy.findings import Finding
from almoner.policy.model.pack import Pack
from almoner.policy.model.terms import Term
from policy.small_pack import FILES, check

CLOCK = """\
metadata: {label: {en: Days to check, zh: 核查天数}, unit: working_day, reference: Notice 1}
values:
  2025-01-01: 20
  2026-07-01: 5
"""
AREAS = CLOCK.replace("values:", "default:\n  values:\n    2025-01-01: 9\n'5201':\n  values:").replace(
    "  20", "    20"
)


def checked(folder: Path, amount: str, clock: str = CLOCK) -> tuple[Pack | None, tuple[Finding, ...]]:
    rule = FILES["signals/poor.yaml"].replace("amount: 5", f"amount: {amount}")
    return check(folder, {"signals/poor.yaml": rule, "parameters/days_to_check.yaml": clock})


def yellow(pack: Pack | None) -> Term:
    assert pack is not None
    return pack.signals["poor"].levels[1].within


def test_the_clock_is_the_parameters_value_of_the_day(tmp_path: Path) -> None:
    pack, findings = checked(tmp_path, '":days_to_check"')
    assert not findings
    assert pack is not None
    assert yellow(pack) == Term(5, "working_days", "days_to_check")
    assert yellow(clocks.on(pack, dt.date(2026, 6, 30))).amount == 20
    assert yellow(clocks.on(pack, dt.date(2026, 7, 1))).amount == 5


def test_before_its_first_day_the_first_value_holds(tmp_path: Path) -> None:
    pack, _ = checked(tmp_path, '":days_to_check"')
    assert pack is not None
    assert yellow(clocks.on(pack, dt.date(2020, 1, 1))).amount == 20


def test_plain_numbers_stay(tmp_path: Path) -> None:
    pack, _ = checked(tmp_path, "5")
    assert pack is not None
    assert yellow(clocks.on(pack, dt.date(2020, 1, 1))) == Term(5, "working_days")


@pytest.mark.parametrize(
    ("amount", "clock", "rule", "says"),
    [
        ('"5"', CLOCK, "wrong-type", "is not a number"),
        ('":days_to_chek"', CLOCK, "unknown-parameter", "days_to_check"),
        ('":days_to_check"', CLOCK.replace(": 20", ": 2.5"), "parameter-clock", "cannot be a time"),
        ('":days_to_check"', CLOCK.replace(": 5", ": 0"), "parameter-clock", "whole numbers"),
        ('":days_to_check"', CLOCK.replace(": 5", ": null"), "parameter-clock", "never end"),
        ('":days_to_check"', AREAS, "parameter-clock", "all areas"),
    ],
)
def test_what_cannot_be_a_clock_is_told(
    tmp_path: Path, amount: str, clock: str, rule: str, says: str
) -> None:
    pack, findings = checked(tmp_path, amount, clock)
    assert pack is None
    assert [f.rule for f in findings] == [rule]
    assert says in f"{findings[0].message} {findings[0].advice}"
    line = FILES["signals/poor.yaml"].splitlines().index("    within: {amount: 5, unit: working_days}") + 1
    assert (findings[0].file, findings[0].line) == ("signals/poor.yaml", line)
