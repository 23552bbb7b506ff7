"""Conditions in words: what a case worker reads of a rule."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from almoner.assessment.expressions import atoms
from almoner.assessment.templates import say
from almoner.assessment.wording import Wording
from almoner.policy.model.pack import Column, Pack, Parameter

COLUMNS = {
    "alone": Column(name="alone", label={"en": "Lives alone", "zh": "独居"}, unit=None),
    "age": Column(name="age", label={"en": "Age", "zh": "年龄"}, unit="year"),
    "farm": Column(name="farm", label={"en": "Farm income", "zh": "务农收入"}, unit="CNY/person/month"),
    "wages": Column(name="wages", label={"en": "Wages", "zh": "工资"}, unit="CNY/person/month"),
    "days": Column(name="days", label={"en": "Silent days", "zh": "静默天数"}, unit="day"),
    "visits": Column(name="visits", label={"en": "Visits", "zh": "探访"}, unit="visit"),
}
UNITS = {
    "CNY": {"en": "CNY", "zh": "元"},
    "person": {"en": "person", "zh": "人"},
    "month": {"en": "month", "zh": "月"},
    "year": {"en": "years", "zh": "岁"},
    "day": {"en": "days", "zh": "天"},
    "visit": {"en": "visit", "zh": "次"},
}


def said(sql: str, row: Mapping[str, Any], language: str = "en", slot: str = "s") -> list[str]:
    line = Parameter("line", {"en": "Line", "zh": "标准"}, "CNY/person/month", {})
    pack = SimpleNamespace(units=UNITS, parameters={"line": line}, column=lambda name: (None, COLUMNS[name]))
    wording = Wording(cast("Pack", pack), language, {"line": 630})
    return [say(wording.sentence(node, slot), row) for node in atoms(sql)]


@pytest.mark.parametrize(
    ("sql", "row", "sentences"),
    [
        ("alone", {"alone": True}, ["Lives alone: yes"]),
        (
            "age >= 60 AND alone",
            {"age": 81, "alone": None},
            ["Age (81 years) is at least 60", "Lives alone: unknown"],
        ),
        ("days >= 1", {"days": 1}, ["Silent days (1 day) is at least 1"]),
        ("days >= 1", {"days": 2}, ["Silent days (2 days) is at least 1"]),
        ("visits = 3", {"visits": 3}, ["Visits (3 visits) is 3"]),
        (
            "wages < :line",
            {"wages": 216.11},
            ["Wages (216.11 CNY a person a month) is less than Line (630 CNY a person a month)"],
        ),
        (
            "wages + coalesce(farm, 0) < :line",
            {"wages": 200, "farm": None, "s:left": 200},
            [
                (
                    "Wages (200 CNY a person a month) + (Farm income (unknown) or, if unknown, 0) (= 200)"
                    " is less than Line (630 CNY a person a month)"
                )
            ],
        ),
        (
            "NOT coalesce(age > 80 OR alone, FALSE)",
            {"age": 79, "alone": False},
            ["Age (79 years) is more than 80", "Lives alone: no"],
        ),
        ("coalesce(alone, FALSE)", {"alone": True}, ["Lives alone: yes"]),
        ("NOT alone", {"alone": False}, ["it is not so that Lives alone: no"]),
    ],
)
def test_a_condition_in_english(sql: str, row: dict[str, Any], sentences: list[str]) -> None:
    assert said(sql, row) == sentences


def test_a_condition_in_chinese() -> None:
    found = said("wages < :line AND alone", {"wages": 216.11, "alone": True}, "zh")
    assert found == ["工资：216.11 元/人/月 低于 标准：630 元/人/月", "独居：是"]
