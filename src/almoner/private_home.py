"""Keeps the folder of an installation to its owner: folders 0700, files 0600, whatever the umask."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from almoner.errors import HomeError

OTHERS = 0o077  # the rights of the group and of everybody else
SECRETS = "secrets"


def write_privately() -> None:
    """Let nobody else read what this process writes from now on."""
    os.umask(OTHERS)


def keep_private(folder: Path) -> None:
    """Make what this process writes private from now on, and take the rights of others from the folder and
    from what lies directly in it.

    Nobody else can reach what lies deeper. Raises HomeError where a right cannot be taken away.
    """
    write_privately()
    _close(folder.resolve())
    with os.scandir(folder) as entries:
        for entry in entries:
            _close(Path(entry.path))


def keep_all_private(folder: Path) -> None:
    """The same for everything in the folder, however deep: when a service starts.

    Raises HomeError for a key that others could read, too: such a key is no secret any more.
    """
    keep_private(folder)
    for path in _below(folder):
        _close(path)


def _below(folder: Path) -> Iterator[Path]:
    for inside, folders, files in os.walk(folder):
        yield from (Path(inside, name) for name in (*folders, *files))


def _close(path: Path) -> None:
    """Take the rights of others. A folder behind a symbolic link is the operator's; a file there is ours."""
    try:
        found = path.stat()
    except FileNotFoundError:  # SQLite's log, for example, comes and goes
        return
    if not found.st_mode & OTHERS or (path.is_symlink() and not stat.S_ISREG(found.st_mode)):
        return
    if path.parent.name == SECRETS and stat.S_ISREG(found.st_mode):
        raise HomeError(
            f"{path} can be read by others: chmod 600 {path}. If anybody else can use this machine, treat the"
            " key as known."
        )
    try:
        path.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS)
    except FileNotFoundError:
        return
    except OSError as error:
        raise HomeError(
            f"{path} is open to others, and this user cannot close it ({error.strerror}). As its owner: chmod"
            f" go-rwx {path}"
        ) from None
