"""Errors that tell a person why an action was refused."""

from __future__ import annotations

from django.utils.translation import gettext as _


class Refused(Exception):  # noqa: N818 - a refusal is an answer
    """The action cannot be carried out now; the text says why."""


class Stale(Refused):
    """Somebody else has changed the record since the page was shown."""

    def __init__(self) -> None:
        super().__init__(
            _("This has changed since you opened it. Nothing was saved: read it again, then decide.")
        )
