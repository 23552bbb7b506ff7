"""Builds folders that take long once in a session of tests, in any of its processes. A test that changes one
takes a copy."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder `name` that `make` filled. Nobody may change it."""
    own = factory.getbasetemp()
    shared = (
        own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    )  # with xdist each process has a folder in the session's
    folder, made = shared / "once" / name, shared / "once" / f"{name}.made"
    folder.parent.mkdir(exist_ok=True)
    with (shared / "once" / f"{name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a process that was ended while it built
            folder.mkdir()
            make(folder)
            made.touch()
    return folder


def copied(folder: Path, to: Path) -> Path:
    """A copy to change."""
    return Path(shutil.copytree(folder, to))
