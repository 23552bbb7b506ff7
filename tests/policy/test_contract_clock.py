"""A contract says by how much a sender's clock may be ahead."""

from __future__ import annotations

from pathlib import Path

import pytest

from almoner.policy.model.feeds import CLOCK_SKEW_SECONDS
from policy.small_pack import FILES, check, compiled

CONTRACT = "contracts/wages.yaml"


def with_skew(written: str) -> dict[str, str | bytes | None]:
    lines = f"  - {{property: clockSkewSeconds, value: {written}}}\n"
    text = str(FILES[CONTRACT])
    assert text.count("customProperties:\n  - {property: label") == 1
    return {
        CONTRACT: text.replace(
            "customProperties:\n  - {property: label", f"customProperties:\n{lines}  - {{property: label"
        )
    }


@pytest.mark.parametrize("seconds", [0, 1, 60, 300, 3600, 86_400])
def test_it_is_a_number_of_seconds(tmp_path: Path, seconds: int) -> None:
    assert compiled(tmp_path, with_skew(str(seconds))).feeds["wages"].clock_skew_seconds == seconds


def test_it_need_not_be_said(tmp_path: Path) -> None:
    assert compiled(tmp_path).feeds["wages"].clock_skew_seconds == CLOCK_SKEW_SECONDS


@pytest.mark.parametrize("written", ["-1", "86401", "1.5", "soon", "true", "[300]", "'300'"])
def test_anything_else_is_refused_with_advice(tmp_path: Path, written: str) -> None:
    _, found = check(tmp_path, with_skew(written))
    assert [f.rule for f in found] == ["wrong-value"]
    assert "clockSkewSeconds" in found[0].message
