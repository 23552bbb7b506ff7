"""What a person is told instead of an action."""

from __future__ import annotations


class Refused(Exception):  # noqa: N818 - a refusal is an answer
    """The action cannot be done now; the text says why."""


class Stale(Refused):
    """Somebody else changed the record since the page was shown."""
