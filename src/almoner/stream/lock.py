"""The locks of an installation: one worker writes and one console serves; a second learns which that is."""

from __future__ import annotations

import datetime as dt
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from almoner.errors import HomeError

FILE, CONSOLE = "worker.lock", "console.lock"


def sole_worker(folder: Path) -> AbstractContextManager[None]:
    """Hold the worker's lock within the block. Raises HomeError when another process holds it."""
    return _locked(folder / FILE, f"{folder} has a worker already", "Only one may write")


def sole_console(folder: Path) -> AbstractContextManager[None]:
    """Hold the console's lock within the block. Raises HomeError when another process holds it."""
    return _locked(folder / CONSOLE, f"{folder} has a console already", "Only one may serve")


@contextmanager
def _locked(path: Path, has_one: str, why: str) -> Iterator[None]:
    """Hold a lock within the block.

    The operating system holds it on the open file and releases it when the process dies. The text in the file
    is for people only: a process number means nothing to another machine or container.
    """
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise HomeError(
                f"{has_one} ({file.read().strip() or 'just starting'}). {why}: stop that one first, or let it"
                " work."
            ) from None
        file.truncate(0)
        file.write(
            f"process {os.getpid()} on {socket.gethostname()}, since {dt.datetime.now():%Y-%m-%d %H:%M:%S}\n"
        )
        file.flush()
        yield
        file.truncate(0)
