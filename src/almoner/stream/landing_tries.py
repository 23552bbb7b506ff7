"""Counts how often a landed file was begun, so that one that fails again and again is set aside.

The count is written before the file is read, in a hidden file beside it: it holds when the worker is ended
by the file.
"""

from __future__ import annotations

import json
from pathlib import Path

MOST_TRIES = 3
_SUFFIX = ".tries"


def begin(file: Path) -> int:
    """Note that the file is begun. Gives how often it was begun before, in this state of the file."""
    before = _read(file)
    _path(file).write_text(json.dumps({"state": _state(file), "tries": before + 1}), encoding="utf-8")
    return before


def not_its_fault(file: Path) -> None:
    """Take the last try back: the disk or another process was the cause."""
    tries = _read(file) - 1
    _path(file).write_text(json.dumps({"state": _state(file), "tries": max(tries, 0)}), encoding="utf-8")


def forget(file: Path) -> None:
    """The file has been settled."""
    _path(file).unlink(missing_ok=True)


def _read(file: Path) -> int:
    try:
        found = json.loads(_path(file).read_text(encoding="utf-8"))
        return int(found["tries"]) if found["state"] == _state(file) else 0
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _state(file: Path) -> list[int]:
    """Size in bytes and time of the last change: what is sent again under a name is another file."""
    stat = file.stat()
    return [stat.st_size, stat.st_mtime_ns]


def _path(file: Path) -> Path:
    return file.with_name(f".{file.name}{_SUFFIX}")
