"""What every page needs: its styles when they are built, and what the user may do."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.contrib.staticfiles import finders
from django.http import HttpRequest

from almoner.casework.accounts.access import membership_of, rights_of

STYLES = "casework/console.css"


@cache
def styles_are_built() -> bool:
    """Pages are plain but usable without the compiled styles; a link to a missing file would be an error."""
    return finders.find(STYLES) is not None


def page(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    membership = membership_of(user) if user is not None and user.is_authenticated else None
    return {
        "styles": STYLES if styles_are_built() else None,
        "membership": membership,
        "rights": rights_of(membership),
    }
