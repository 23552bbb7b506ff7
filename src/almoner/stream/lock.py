"""The lock of an installation: one process writes at a time, and another one learns which that is."""

from __future__ import annotations

import datetime as dt
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from almoner.errors import HomeError

FILE = "worker.lock"


@contextmanager
def sole_worker(folder: Path) -> Iterator[None]:
    """Hold the lock within the block. Raises HomeError when another process holds it.

    The operating system holds it on the open file and releases it when the process dies. The text in the file
    is for people only: a process number means nothing to another machine or container.
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
        file.write(
            f"process {os.getpid()} on {socket.gethostname()}, since {dt.datetime.now():%Y-%m-%d %H:%M:%S}\n"
        )
        file.flush()
        yield
        file.truncate(0)
