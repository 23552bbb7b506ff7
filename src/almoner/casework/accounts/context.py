"""Template context that every page needs: the stylesheet, and what the user may do."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.contrib.staticfiles import finders
from django.http import HttpRequest

from almoner.casework.accounts.access import membership_of, rights_of

STYLES = "casework/console.css"


@cache
def styles_are_built() -> bool:
    """Whether the compiled stylesheet exists. Pages work without it, but a link to a missing file is an
    error."""
    return finders.find(STYLES) is not None


def page(request: HttpRequest) -> dict[str, Any]:
    """The template variables `styles` (path or None), `membership` (or None) and `rights`."""
    user = getattr(request, "user", None)
    membership = membership_of(user) if user is not None and user.is_authenticated else None
    return {
        "styles": STYLES if styles_are_built() else None,
        "membership": membership,
        "rights": rights_of(membership),
    }
