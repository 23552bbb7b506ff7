"""A contract says when a delivery vouches for a period."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from almoner.policy.model.feeds import Feed, Trailer
from policy.small_pack import FILES, check, compiled

CONTRACT = "contracts/wages.yaml"
DEFAULTS = {field.name: field.default for field in fields(Feed)}


def with_terms(**written: str) -> dict[str, str | bytes | None]:
    lines = "".join(f"  - {{property: {name}, value: {value}}}\n" for name, value in written.items())
    head = "customProperties:\n  - {property: label"
    text = str(FILES[CONTRACT])
    assert text.count(f"\n{head}") == 1
    return {CONTRACT: text.replace(f"\n{head}", f"\ncustomProperties:\n{lines}  - {{property: label")}


@pytest.mark.parametrize(
    ("name", "written", "field", "value"),
    [
        ("heldBackShare", "0", "held_back_share", 0),
        ("heldBackShare", "0.05", "held_back_share", 0.05),
        ("heldBackShare", "1", "held_back_share", 1),
        ("volumeShare", "0", "volume_share", 0),
        ("volumeShare", "0.8", "volume_share", 0.8),
        ("volumeShare", "1", "volume_share", 1),
        ("volumeRows", "0", "volume_rows", 0),
        ("volumeRows", "500", "volume_rows", 500),
        ("rowCount", "{least: 900}", "row_count", (900, None)),
        ("rowCount", "{most: 1100}", "row_count", (None, 1100)),
        ("rowCount", "{least: 900, most: 1100}", "row_count", (900, 1100)),
        ("rowCount", "{least: 7, most: 7}", "row_count", (7, 7)),
        ("completeBy", "wage", "complete_by", "wage"),
        ("completeBy", "month", "complete_by", "month"),
        ("trailer", "{words: [合计]}", "trailer", Trailer(words=("合计",))),
        (
            "trailer",
            "{words: [Total, 总计], rows: wage}",
            "trailer",
            Trailer(words=("Total", "总计"), rows="wage"),
        ),
    ],
)
def test_what_is_written_is_read(tmp_path: Path, name: str, written: str, field: str, value: Any) -> None:
    feed = compiled(tmp_path, with_terms(**{name: written})).feeds["wages"]
    assert getattr(feed, field) == value
    others = {"held_back_share", "volume_share", "volume_rows", "row_count", "complete_by", "trailer"} - {
        field
    }
    assert all(getattr(feed, other) == DEFAULTS[other] for other in others)


@pytest.mark.parametrize(
    ("name", "written", "rule"),
    [
        ("heldBackShare", "-0.01", "wrong-value"),
        ("heldBackShare", "2", "wrong-value"),
        ("heldBackShare", "2 %", "wrong-value"),
        ("heldBackShare", "true", "wrong-value"),
        ("heldBackShare", "[0.02]", "wrong-value"),
        ("volumeShare", "60", "wrong-value"),
        ("volumeShare", "most", "wrong-value"),
        ("volumeRows", "-1", "wrong-value"),
        ("volumeRows", "1.5", "wrong-value"),
        ("volumeRows", "true", "wrong-value"),
        ("volumeRows", "many", "wrong-value"),
        ("rowCount", "900", "wrong-value"),
        ("rowCount", "[900, 1100]", "wrong-value"),
        ("rowCount", "{least: 1100, most: 900}", "wrong-value"),
        ("rowCount", "{fewest: 900}", "wrong-value"),
        ("rowCount", "{least: -1}", "wrong-value"),
        ("rowCount", "{least: few}", "wrong-value"),
        ("completeBy", "area", "unknown-column"),
        ("completeBy", "[wage]", "unknown-column"),
        ("trailer", "合计", "wrong-value"),
        ("trailer", "[合计]", "wrong-value"),
        ("trailer", "{words: 合计}", "wrong-value"),
        ("trailer", "{words: []}", "wrong-value"),
        ("trailer", "{words: ['']}", "wrong-value"),
        ("trailer", "{words: [3]}", "wrong-value"),
        ("trailer", "{rows: wage}", "wrong-value"),
        ("trailer", "{words: [合计], column: wage}", "wrong-value"),
        ("trailer", "{words: [合计], rows: wages}", "unknown-column"),
    ],
)
def test_anything_else_is_refused_with_advice(tmp_path: Path, name: str, written: str, rule: str) -> None:
    _, found = check(tmp_path, with_terms(**{name: written}))
    assert [f.rule for f in found] == [rule]
    assert found[0].advice
