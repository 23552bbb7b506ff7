"""The base pack, compiled once, and small counties to try it on."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from almoner.policy import compile_pack
from almoner.policy.model import Pack

PACKS = Path(__file__).parents[1] / "packs"


@pytest.fixture(scope="session")
def base() -> Pack:
    return compile_pack(PACKS / "base", as_of=dt.date(2026, 11, 9))
