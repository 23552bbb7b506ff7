"""The base pack, compiled once, and an installation of it, made once."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pytest
from hypothesis import settings

from almoner.policy import compile_pack
from almoner.policy.model.pack import Pack
from county import deliveries, draw, taken_in
from longest import LONGEST
from once import once
from pending import PENDING, pending
from stream.installation import made

PACKS = Path(__file__).parents[1] / "packs"
settings.register_profile("almoner", deadline=None)  # timings are benchmarks, never assertions
settings.load_profile("almoner")
os.environ.setdefault(
    "GLIBC_TUNABLES", ""
)  # a worker that is forked cannot start itself anew (cli/test_memory.py has one that does)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin the longest files first, so that no process is left with one of them at the end."""
    items.sort(
        key=lambda item: next(
            (n for n, file in enumerate(LONGEST) if item.path.as_posix().endswith(file)), len(LONGEST)
        )
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what has no Chinese yet; `make release-check` refuses it."""
    waiting = pending()
    if waiting:
        terminalreporter.section(f"{len(waiting)} without Chinese ({PENDING.name})")
        for msgid in waiting:
            terminalreporter.write_line(msgid)


@pytest.fixture(scope="session")
def base() -> Pack:
    return compile_pack(PACKS / "base", as_of=dt.date(2026, 11, 9))


@pytest.fixture(scope="session")
def hundred(base: Pack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The facts of a hundred households on the base pack, in which every signal and programme is found.
    Change a copy only (`county.copy_opened`)."""

    def make(folder: Path) -> None:
        wanted = deliveries(folder / "files", draw(11, households=100))
        taken_in(base, wanted, folder / "facts.duckdb").close()

    return once(tmp_path_factory, "hundred", make) / "facts.duckdb"


@pytest.fixture(scope="session")
def base_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new installation on the base pack. Take a copy of it (`once.copied`)."""
    return once(tmp_path_factory, "base_home", lambda folder: made(folder / "home")) / "home"
