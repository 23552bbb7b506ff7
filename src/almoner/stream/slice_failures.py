"""Tells a slice that cannot be worked on from trouble with the disk, the memory or another process."""

from __future__ import annotations

from almoner.errors import AlmonerError, EngineError

_ENVIRONMENT = (
    "io error",
    "out of memory",
    "fatal",
    "no space",
    "could not",
    "cannot open",
    "invalidated",
    "connection",
)


_DISK = ("no space", "io error", "cannot open", "connection")
_ENDED = ("fatal", "invalidated")


class SliceFailed(AlmonerError):  # noqa: N818 - says what happened
    """A slice could not be worked on, and neither disk nor memory is the cause: a record in it may be."""


def is_environmental(error: Exception) -> bool:
    """Whether the disk, the memory or another process caused the error, and not a record."""
    return isinstance(error, EngineError) and any(word in str(error).lower() for word in _ENVIRONMENT)


def is_of_disk(error: Exception) -> bool:
    """Whether the disk or another process is the cause, which another file would meet as well."""
    return isinstance(error, EngineError) and any(word in str(error).lower() for word in _DISK)


def ends_engine(error: Exception) -> bool:
    """Whether nothing can be read or written any more until the database is opened anew."""
    return isinstance(error, EngineError) and any(word in str(error).lower() for word in _ENDED)
