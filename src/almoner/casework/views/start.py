"""The start page of each role, and the page for addresses that do not exist."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from almoner.casework.accounts.access import Right, membership_of, rights_of

HOMES = {  # by right; the first right that a user has decides
    Right.ASSIGN: "today",
    Right.CASES: "queue",
    Right.REFERRALS: "inbox",
    Right.OVERSIGHT: "oversight",
    Right.FEEDS: "sharing",
    Right.CALENDAR: "calendar",
}


def start(request: HttpRequest) -> HttpResponse:
    rights = rights_of(membership_of(request.user))
    home = next((page for right, page in HOMES.items() if right in rights), None)
    if home is None:
        return render(request, "casework/nothing.html", status=404)
    return redirect(home)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - for Django
    return render(request, "casework/not_found.html", status=404)
