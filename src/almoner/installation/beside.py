"""A worker beside the console."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def beside(folder: Path, wanted: bool, options: Sequence[str] = ()) -> Iterator[None]:
    """A worker in a process of its own while the block lasts, with the `options` of `almoner work`."""
    if wanted:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that the worker is told to end as well
    command = [sys.executable, "-m", "almoner", "work", str(folder), *options]
    process = subprocess.Popen(command) if wanted else None  # noqa: S603 - this very command
    try:
        yield
    finally:
        if process:
            process.terminate()
            process.wait()
