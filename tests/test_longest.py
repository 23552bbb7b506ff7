"""The longest files are begun first."""

from __future__ import annotations

from pathlib import Path

import pytest

from longest import LONGEST


@pytest.mark.parametrize("file", LONGEST)
def test_a_file_that_was_moved_is_still_begun_early(file: str) -> None:
    assert (Path(__file__).parent / file).is_file()
