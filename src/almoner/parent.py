"""Ends a process when its parent has ended, however that was: an orphan would hold locks and go on unseen."""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import Thread
from time import sleep

LOOK_SECONDS = 0.5
END_SECONDS = 60.0  # for an orphan to finish what it does


def end_with(parent: int, stop: Callable[[], None], end_seconds: float = END_SECONDS) -> None:
    """Call `stop` when `parent` (a process id) is not this process's parent any more; after `end_seconds`
    more, end this process at once."""
    Thread(target=_watch, args=(parent, stop, end_seconds), name="parent", daemon=True).start()


def _watch(parent: int, stop: Callable[[], None], end_seconds: float) -> None:
    while os.getppid() == parent:
        sleep(LOOK_SECONDS)
    stop()
    sleep(end_seconds)
    os._exit(1)
