"""The lock of an installation: one process writes at a time, and another one learns which that is."""

from __future__ import annotations

import datetime as dt
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from almoner.errors import HomeError

FILE = "worker.lock"


@contextmanager
def sole_worker(folder: Path) -> Iterator[None]:
    """Hold the lock within the block. Raises HomeError when another process holds it.

    The operating system releases it when a process dies.
    """
    with (folder / FILE).open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise HomeError(
                f"{folder} has a worker already ({file.read().strip() or 'just starting'}). Only one may"
                " write: stop that one first, or let it work."
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()}, since {dt.datetime.now():%Y-%m-%d %H:%M:%S}\n")
        file.flush()
        yield
        file.truncate(0)
