"""The steps of casework's tables are one line: two that follow the same step make no installation."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from almoner import casework

CASEWORK = Path(casework.__file__).parent


@pytest.mark.parametrize(
    "folder", [CASEWORK / "migrations", CASEWORK / "api" / "migrations"], ids=["cases", "api"]
)
def test_each_step_has_a_number_of_its_own_and_follows_the_one_before(folder: Path) -> None:
    steps = sorted(file.stem for file in folder.glob("[0-9]*.py"))
    assert [step[:4] for step in steps] == [f"{n:04d}" for n in range(1, len(steps) + 1)]
    for before, step in pairwise(steps):
        text = (folder / f"{step}.py").read_text(encoding="utf-8")
        assert re.search(rf'"{before}"', text), f"{step} does not follow {before}"
