"""Limits of a session: how long it lasts, and what ends it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from almoner.casework.accounts.access import membership_of
from almoner.casework.accounts.signing_in import BEGAN, EPOCH, SEEN, SecondFactor, lacks_second_factor

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

WRITTEN_EVERY = 60  # seconds; so that not every click writes to the database
TO_ENROL = frozenset(
    {"mfa_activate_totp", "account_reauthenticate", "password", "sign-out", "set_language"}
)  # the pages for who must set up a second factor


class SessionLimits:
    """Middleware that ends sessions and enforces the second factor.

    A session ends when it has been idle too long, when it is too old, or when the person's rights have
    changed. It ends, too, where the person has a second factor that this session has not used. People who
    need one and have none are sent to the page where they set it up.
    """

    def __init__(self, respond: Callable[[HttpRequest], HttpResponse]) -> None:
        self._respond = respond

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated and _is_over(request):
            _end(request)
        return self._respond(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Redirect where the view needs a second factor that this session has not used."""
        del args, kwargs
        open_to_all = not getattr(view, "login_required", True)
        if open_to_all or not request.user.is_authenticated:
            return None
        lacking = lacks_second_factor(request)
        if lacking is SecondFactor.USE:
            _end(request)
            return redirect("sign-in")
        name = request.resolver_match.url_name if request.resolver_match else None
        return redirect("mfa_activate_totp") if lacking and name not in TO_ENROL else None


def _end(request: HttpRequest) -> None:
    logout(request)
    messages.warning(request, _("You were signed out. Sign in again to go on."))


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
