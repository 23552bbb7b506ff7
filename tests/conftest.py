"""The base pack, compiled once, and an installation of it, made once."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from almoner.policy import compile_pack
from almoner.policy.model import Pack
from once import once
from stream.installation import made

PACKS = Path(__file__).parents[1] / "packs"


@pytest.fixture(scope="session")
def base() -> Pack:
    return compile_pack(PACKS / "base", as_of=dt.date(2026, 11, 9))


@pytest.fixture(scope="session")
def base_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new installation on the base pack. Take a copy of it (`once.copied`)."""
    return once(tmp_path_factory, "base_home", lambda folder: made(folder / "home")) / "home"
