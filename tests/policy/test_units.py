"""Unit algebra: read, multiplied, divided, compared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almoner.policy.reading import units
from almoner.policy.reading.conditions import parse
from almoner.policy.reading.unit_check import UnitCheck

CNY_MONTH = units.parse("CNY/month", ["CNY"])
COLUMNS = {
    "income": CNY_MONTH,
    "per_head": units.parse("CNY/person/month", ["CNY"]),
    "members": units.parse("person", []),
    "months": units.parse("month", []),
    "seen": units.parse("date", []),
    "share": units.NUMBER,
}
atoms = st.dictionaries(st.sampled_from(sorted(units.ATOMS)), st.sampled_from([-2, -1, 1, 2]), max_size=4)


def unit_of(text: str) -> tuple[str | None, int]:
    check = UnitCheck(COLUMNS, {"line": COLUMNS["per_head"], "ratio": units.NUMBER})
    unit = check.unit(parse(text))
    return (None if unit is None else units.write(unit)), len(check.clashes)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        (":line * members", "CNY/month"),
        ("income / members", "CNY/month/person"),
        ("income * months", "CNY"),
        ("income * :ratio", "CNY/month"),
        ("0.6 * income", "CNY/month"),
        ("greatest(income - 800, 0)", "CNY/month"),
        ("coalesce(income, 0) + per_head * members", "CNY/month"),
        ("CASE WHEN members > 3 THEN income ELSE 0 END", "CNY/month"),
        ("round(income / income, 2)", "1"),
        ("1 / months", "1/month"),
        ("date_diff('month', seen, :as_of)", "month"),
        (":as_of - seen", "day"),
        ("12", None),
        ("income > 800 AND members >= 3", None),
    ],
)
def test_the_unit_of_an_expression(text: str, unit: str | None) -> None:
    assert unit_of(text) == (unit, 0)


@pytest.mark.parametrize(
    "text",
    [
        "income < :line",
        "income + members > 1",
        "income BETWEEN 0 AND members",
        "income IN (1, members)",
        "greatest(income, members) > 0",
        "CASE WHEN true THEN income ELSE members END > 0",
        "NOT (income = share)",
        "if(income > members, 1, 0) > 0",
    ],
)
def test_different_units_do_not_go_together(text: str) -> None:
    assert unit_of(text)[1] == 1


def test_days_and_dates_compare_with_the_day_of_the_run() -> None:
    assert unit_of("seen < :as_of - INTERVAL 30 DAY")[1] == 0


@pytest.mark.parametrize(
    ("text", "word"), [("RMB/month", "RMB"), ("CNY/persons", "persons"), ("CNY//month", "")]
)
def test_an_unknown_unit_names_its_word(text: str, word: str) -> None:
    with pytest.raises(ValueError, match=f"^{word}$"):
        units.parse(text, ["CNY"])


@pytest.mark.parametrize("text", [None, "1", "", "%"])
def test_plain_numbers_have_no_unit(text: str | None) -> None:
    assert units.parse(text, []) == units.NUMBER


@given(atoms)
def test_what_is_written_reads_back(unit: dict[str, int]) -> None:
    assert units.parse(units.write(unit), []) == unit


@given(atoms, atoms)
def test_dividing_undoes_multiplying(a: dict[str, int], b: dict[str, int]) -> None:
    assert units.per(units.times(a, b), b) == a
    assert units.times(a, b) == units.times(b, a)
