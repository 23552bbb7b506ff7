"""An inbox beside facts, vault and identities in one folder: all real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from almoner.policy.model import Pack
from stream.installation import Workers
from stream.taking import Stream


@pytest.fixture
def stream(base: Pack, tmp_path: Path) -> Iterator[Stream]:
    opened = Stream(tmp_path / "home", base)
    yield opened
    opened.close()


@pytest.fixture
def worker() -> Iterator[Workers]:
    started = Workers()
    yield started
    started.end()
