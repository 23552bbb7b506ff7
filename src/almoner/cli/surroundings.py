"""Says in words what a disk or a database cannot do now, in place of a traceback."""

from __future__ import annotations

import errno
import sqlite3
import sys

_ADVICE = {
    errno.ENOSPC: "The disk is full. Make room, and try again.",
    errno.EDQUOT: "The disk's quota is used up. Make room, and try again.",
    errno.EFBIG: "The file may not become larger. Look at the limits of this process and of the disk.",
    errno.EROFS: "The disk can only be read. Make it writable, and try again.",
    errno.EACCES: "This user may not do that there. Look at the rights of the file and its folder.",
    errno.EPERM: "This user may not do that there. Look at the rights of the file and its folder.",
    errno.EIO: "The disk does not answer as it should. Look at its health before anything else.",
}
_DATABASE = (
    "Look whether its disk is full or can only be read, at the rights of its files, and whether it runs."
)


def in_words(error: BaseException) -> str | None:
    """What to tell about an error of the disk or of a database; None for any other error."""
    if isinstance(error, OSError) and error.errno in _ADVICE:
        at = f"{error.filename}: " if isinstance(error.filename, str) else ""
        return f"{at}{error.strerror}. {_ADVICE[error.errno]}"
    if isinstance(error, _unusable()):
        return f"A database cannot be used ({_kind(error)}). {_DATABASE}"
    return None


def _unusable() -> tuple[type[BaseException], ...]:
    """The errors of databases that say nothing about rows. Django's count only where it is in use."""
    django = sys.modules.get("django.db.utils")
    return (sqlite3.OperationalError, *((django.OperationalError, django.InterfaceError) if django else ()))


def _kind(error: BaseException) -> str:
    """SQLite's words, which name no value; of other databases the kind of error only."""
    cause = error if isinstance(error, sqlite3.Error) else error.__cause__
    return str(cause) if isinstance(cause, sqlite3.Error) else type(cause or error).__name__
