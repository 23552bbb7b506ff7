"""What a person is told instead of an action."""

from __future__ import annotations

from django.utils.translation import gettext as _


class Refused(Exception):  # noqa: N818 - a refusal is an answer
    """The action cannot be done now; the text says why."""


class Stale(Refused):
    """Somebody else changed the record since the page was shown."""

    def __init__(self) -> None:
        super().__init__(
            _("This has changed since you opened it. Nothing was saved: read it again, then decide.")
        )
