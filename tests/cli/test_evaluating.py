"""`almoner evaluate --months`, on the place of a demonstration."""

from __future__ import annotations

import json
from pathlib import Path

import command
from once import copied


def test_a_place_is_judged_by_month_as_it_was_known_then(demo: Path, tmp_path: Path) -> None:
    """A demonstration has three months in files of their own; before its first file nothing is known."""
    home = copied(demo / "demo" / "home", tmp_path / "home")
    done = command.run("evaluate", demo / "demo" / "place", "--home", home, "--months", 3, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    days = found["new_by_day"]
    assert list(days) == ["2026-09-09", "2026-10-09", "2026-11-09"]
    total = sum(day["raised"] for day in days.values())
    assert total == sum(signal["raised"] for signal in found["new_by_signal"].values()) > 0
    assert found["new_by_signal"].keys() == found["signals"].keys()
    assert any(need["began"] for need in found["needs_begun"].values())
    for counts in days.values():
        assert counts["own"] is None or counts["own"] <= counts["own_90"]
