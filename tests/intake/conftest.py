"""An installation that has taken in one row of wages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from feeds import WAGE_HEADER, Place, number, write_csv


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path / "home", in_file=False)
    rows = [[number(1), "2026-09", "E0", "10"]]
    place.take(write_csv(tmp_path / "before.csv", WAGE_HEADER, rows), "wages", "2026-11-01")
    yield place
    place.close()
