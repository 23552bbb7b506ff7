"""A real inbox, facts, vault and identities in one folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from almoner.policy.model.pack import Pack
from once import once
from policy.support_pack import FILES
from stream.installation import Workers, almoner, inbox_of
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


@pytest.fixture(scope="session")
def small_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new installation on a small pack, which lies beside it. Take a copy of it (`once.copied`)."""
    return once(tmp_path_factory, "small_home", _on_the_small_pack) / "home"


def _on_the_small_pack(folder: Path) -> None:
    for path, text in FILES.items():
        file = folder / "pack" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    almoner("init", folder / "home", "--pack", folder / "pack")
    inbox_of(folder / "home").close()  # it is there before the first worker, so that a test may look into it
