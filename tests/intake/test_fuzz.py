"""Damaged files of every kind: each is taken in or refused, nothing else, and a good file behind goes in."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from benchmarks.fuzz_bench import KINDS, fuzz, good
from feeds import WAGE_HEADER, Place, number, write_csv

FILES = 75  # of each kind
ROWS = [[number(n), "2026-10", f"E{n}", 3000.5 + n] for n in range(20)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_taken_in_or_refused_and_a_good_one_behind_it_goes_in(
    place: Place, tmp_path: Path, kind: str
) -> None:
    moment = dt.datetime(2026, 11, 5, 8)

    def take(file: Path) -> None:
        nonlocal moment
        moment += dt.timedelta(seconds=1)
        place.take(file, "wages", str(moment))

    outcome = fuzz(kind, good(kind, WAGE_HEADER, ROWS), take, tmp_path, FILES)
    assert (outcome.faults, outcome.files) == ([], FILES)
    assert outcome.refused > FILES // 20
    behind = write_csv(tmp_path / "behind.csv", WAGE_HEADER, [[number(99), "2026-10", "E99", "1"]])
    assert place.take(behind, "wages", "2026-11-06T08:00:00").rows_new == 1
