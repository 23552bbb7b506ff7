"""A demonstration that was made once."""

from __future__ import annotations

from pathlib import Path

import pytest

import command
from once import once


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `demo` of `almoner demo`, and its output in `printed.json`. Take a copy of it
    (`once.copied`)."""
    return once(tmp_path_factory, "demo", _demonstrated)


def _demonstrated(folder: Path) -> None:
    done = command.run("demo", "--no-serve", "--json", "--residents", 1000, "--folder", folder / "demo")
    assert done.returncode == 0, done.stderr
    (folder / "printed.json").write_text(done.stdout, encoding="utf-8")
