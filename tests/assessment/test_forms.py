"""Forms: each kind of blank, filled in."""

from __future__ import annotations

from typing import Any

import pytest

from almoner.assessment.templates import Template, fill, number, say

YEARS = {"$": "age", "one": " year", "many": " years", "yes": "yes", "no": "no", "unknown": "unknown"}


@pytest.mark.parametrize(
    ("part", "bindings", "filled"),
    [
        ({"$": "a"}, {"a": [1, None]}, [1, None]),
        ({"x": [{"$": "a"}, "b"], "y": None}, {"a": 2}, {"x": [2, "b"], "y": None}),
        ({"$choose": "level", "of": {"red": {"days": {"$": "n"}}}}, {"level": "red", "n": 3}, {"days": 3}),
        ({"$choose": "level", "of": {"red": 1}}, {"level": None}, None),
        ({"$choose": "seen", "of": {"true": ["why"], "false": []}}, {"seen": False}, []),
        ({"$among": "in", "of": [[["a", "b"], 1], [["c"], 2], [["b"], 3]]}, {"in": ["b"]}, [1, 3]),
        ({"$among": "in", "of": [[["a"], 1]]}, {"in": None}, []),
        ({"en": {"$say": ["Age (", YEARS, ")"]}}, {"age": 81}, {"en": "Age (81 years)"}),
    ],
)
def test_a_blank_is_filled_in(part: Any, bindings: dict[str, Any], filled: Any) -> None:
    assert fill(part, bindings) == filled


@pytest.mark.parametrize(
    ("age", "expected"),
    [(1, "1 year"), (2, "2 years"), (None, "unknown"), (True, "yes"), (False, "no"), (1.0, "1 year")],
)
def test_a_number_is_said_with_its_unit_and_a_fact_with_its_word(age: Any, expected: str) -> None:
    assert say([YEARS], {"age": age}) == expected


@pytest.mark.parametrize(
    ("taken", "expected"), [(0, "old"), (1, "81 years"), (2, "nobody knows"), (None, "nobody knows")]
)
def test_the_branch_that_was_taken_is_the_one_that_is_said(taken: int | None, expected: str) -> None:
    assert (
        say(
            [{"$branch": "case", "of": [["old"], [YEARS]], "unknown": "nobody knows"}],
            {"case": taken, "age": 81},
        )
        == expected
    )


def test_a_member_without_blanks_is_known_to_be_alike_for_everybody() -> None:
    template = Template(("a",), {"plain": {"en": ["x"]}, "asked": [{"in": {"$": "a"}}]})
    assert template.constants == {"plain": {"en": ["x"]}}


def test_another_word_is_another_form_and_the_same_words_are_the_same() -> None:
    one, same, other = (Template(("a",), {"label": label, "v": {"$": "a"}}) for label in ("x", "x", "y"))
    assert one.digest == same.digest != other.digest


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1234567.891, "1,234,567.89"),
        (0.12345, "0.1235"),
        (0.5, "0.5"),
        (3.0, "3"),
        ("2026-11-09", "2026-11-09"),
    ],
)
def test_numbers_are_written_as_people_write_them(value: Any, expected: str) -> None:
    assert number(value) == expected
