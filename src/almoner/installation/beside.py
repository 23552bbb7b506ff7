"""Runs a worker in a process of its own beside the console."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def worker_process(folder: Path, start: bool, options: Sequence[str] = ()) -> Iterator[None]:
    """Run a worker while the block lasts, with the `options` of `almoner work`; none unless `start`."""
    if start:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that the worker ends as well
    command = [sys.executable, "-m", "almoner", "work", str(folder), *options]
    process = subprocess.Popen(command) if start else None  # noqa: S603 - our own command
    try:
        yield
    finally:
        if process:
            process.terminate()
            process.wait()
