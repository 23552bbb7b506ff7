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


class SliceFailed(AlmonerError):  # noqa: N818 - says what happened
    """A slice could not be worked on, and neither disk nor memory is the cause: a record in it may be."""


def is_environmental(error: Exception) -> bool:
    """Whether the disk, the memory or another process caused the error, and not a record."""
    return isinstance(error, EngineError) and any(word in str(error).lower() for word in _ENVIRONMENT)
