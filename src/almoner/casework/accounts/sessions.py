"""Limits of a session: how long it lasts, and what ends it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.utils.translation import gettext as _

from almoner.casework.accounts.access import membership_of
from almoner.casework.accounts.signing_in import BEGAN, EPOCH, SEEN, must_enrol, to_enrolment

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

WRITTEN_EVERY = 60  # seconds; so that not every click writes to the database
WITHOUT_SECOND_FACTOR = frozenset(
    {
        "mfa_activate_totp",
        "account_reauthenticate",
        "mfa_reauthenticate",
        "password",
        "sign-out",
        "set_language",
    }
)


class SessionLimits:
    """Middleware that ends sessions and enforces the second factor.

    A session ends when it has been idle too long, when it is too old, or when the person's rights have
    changed. People who need a second factor and have none are sent to the page where they set one up.
    """

    def __init__(self, respond: Callable[[HttpRequest], HttpResponse]) -> None:
        self._respond = respond

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated and _is_over(request):
            logout(request)
            messages.warning(request, _("You were signed out. Sign in again to go on."))
        return self._respond(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Redirect to enrolment when the view needs a second factor that the user does not have yet."""
        del args, kwargs
        open_to_all = not getattr(view, "login_required", True)
        if open_to_all or not request.user.is_authenticated:
            return None
        name = request.resolver_match.url_name if request.resolver_match else None
        return to_enrolment() if name not in WITHOUT_SECOND_FACTOR and must_enrol(request) else None


def _is_over(request: HttpRequest) -> bool:
    now, session = int(time.time()), request.session
    began, seen = session.get(BEGAN), session.get(SEEN)
    if began is None or seen is None:
        return True
    if now - seen > settings.IDLE_SECONDS or now - began > settings.SESSION_COOKIE_AGE:
        return True
    member = membership_of(request.user)
    if (member.epoch if member else 0) != session.get(EPOCH):
        return True
    if now - seen >= WRITTEN_EVERY:
        session[SEEN] = now
    return False
