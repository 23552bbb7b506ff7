"""A contract says what rows leave out, what a whole list is, and what takes another row back."""

from __future__ import annotations

from pathlib import Path

import pytest

from policy.small_pack import FILES, check, compiled

CONTRACT = "contracts/wages.yaml"


def with_terms(**written: str) -> dict[str, str | bytes | None]:
    lines = "".join(f"  - {{property: {name}, value: {value}}}\n" for name, value in written.items())
    begin = "customProperties:\n  - {property: label"
    text = str(FILES[CONTRACT])
    assert text.count(begin) == 1
    return {CONTRACT: text.replace(begin, f"customProperties:\n{lines}  - {{property: label")}


@pytest.mark.parametrize(
    ("written", "by_period", "share", "rows"),
    [
        ({"delivery": "full"}, False, 0.05, 20),
        ({"delivery": "full", "listOf": "all"}, False, 0.05, 20),
        ({"delivery": "full", "listOf": "period"}, True, 0.05, 20),
        ({"delivery": "full", "withdrawnShare": "0"}, False, 0, 20),
        ({"delivery": "full", "withdrawnShare": "1", "withdrawnRows": "0"}, False, 1, 0),
    ],
)
def test_whole_lists(
    tmp_path: Path, written: dict[str, str], by_period: bool, share: float, rows: int
) -> None:
    found = compiled(tmp_path, with_terms(**written)).feeds["wages"].full_list
    assert found is not None
    assert (found.by_period, found.most_share, found.most_rows) == (by_period, share, rows)


@pytest.mark.parametrize(("written", "absent"), [({}, "keep"), ({"absent": "empty"}, "empty")])
def test_what_is_left_out(tmp_path: Path, written: dict[str, str], absent: str) -> None:
    feed = compiled(tmp_path, with_terms(**written)).feeds["wages"]
    assert (feed.absent, feed.full_list) == (absent, None)


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ({"absent": "sometimes"}, "absent"),
        ({"delivery": "partly"}, "delivery"),
        ({"delivery": "full", "listOf": "month"}, "listOf"),
        ({"delivery": "full", "withdrawnShare": "1.5"}, "withdrawnShare"),
        ({"delivery": "full", "withdrawnShare": "-0.1"}, "withdrawnShare"),
        ({"delivery": "full", "withdrawnShare": "many"}, "withdrawnShare"),
        ({"delivery": "full", "withdrawnRows": "-1"}, "withdrawnRows"),
        ({"delivery": "full", "withdrawnRows": "true"}, "withdrawnRows"),
        ({"delivery": "full", "listBy": "[nowhere]"}, "nowhere"),
        ({"delivery": "full", "listBy": "nowhere"}, "listBy"),
        ({"listOf": "all"}, "listOf"),
        ({"delivery": "changes", "withdrawnRows": "5"}, "withdrawnRows"),
        ({"withdrawnShare": "0.5"}, "withdrawnShare"),
        ({"reversalOf": "[nowhere]"}, "nowhere"),
        ({"reversalOf": "[]"}, "reversalOf"),
    ],
)
def test_anything_else_is_told(tmp_path: Path, written: dict[str, str], named: str) -> None:
    _, found = check(tmp_path, with_terms(**written))
    assert found
    assert any(named in fault.message for fault in found)
