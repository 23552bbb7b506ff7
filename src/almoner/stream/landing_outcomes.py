"""The folders done/ and refused/ of a department, in which landed files and words about them lie.

The department may write beside them. They are therefore opened without following links, and what is put into
them goes through the opened folder: a link in their place leads nowhere.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import time

DONE, REFUSED = "done", "refused"
REASON, RECEIPT = ".reason.txt", ".receipt.json"
_DAY = 86_400  # seconds


@dataclass(frozen=True)
class OutcomeFolder:
    """The folder `name` of a department's `folder`. Every call raises OSError where it cannot be used."""

    folder: Path
    name: str

    def put(self, file: Path, ending: str, text: str, *, keep: bool) -> None:
        """Write `text` under the file's name with `ending`; then move the file here, or delete it."""
        with self._opened() as folder:
            name = _free(folder, file.name, ending)
            words = os.open(f"{name}{ending}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
            try:
                with os.fdopen(words, "w", encoding="utf-8", errors="backslashreplace") as opened:
                    opened.write(text)
                if keep:
                    os.rename(file, name, dst_dir_fd=folder)
                else:
                    file.unlink()
            except OSError:
                os.unlink(f"{name}{ending}", dir_fd=folder)
                raise
            if keep:
                with suppress(OSError):  # it counts from now how long it is kept
                    os.utime(name, dir_fd=folder, follow_symlinks=False)

    def forget(self, days: Callable[[str], int]) -> int:
        """Delete what lies here for longer than `days` of its name. Gives the number."""
        gone = 0
        with self._opened() as folder:
            for name in _names(folder):
                with suppress(OSError):
                    if os.lstat(name, dir_fd=folder).st_mtime < time() - days(name) * _DAY:
                        os.unlink(name, dir_fd=folder)
                        gone += 1
        return gone

    def count(self) -> int:
        """How many files lie here, without words about them."""
        with self._opened() as folder:
            return sum(not name.endswith((REASON, RECEIPT)) for name in _names(folder))

    @contextmanager
    def _opened(self) -> Iterator[int]:
        path = self.folder / self.name
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            yield folder
        finally:
            os.close(folder)


def _names(folder: int) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def _free(folder: int, wanted: str, ending: str) -> str:
    """A name that is free in the folder, with and without the ending."""
    name = wanted
    while _is_there(folder, name) or _is_there(folder, f"{name}{ending}"):
        name = f"{dt.datetime.now():%Y%m%d-%H%M%S-%f}-{wanted}"
    return name


def _is_there(folder: int, name: str) -> bool:
    try:
        os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True
