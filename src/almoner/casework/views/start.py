"""Where people land, and what they see where there is nothing for them."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from almoner.casework.access import membership_of
from almoner.casework.models import RoleOf

HOME_OF = {RoleOf.DEPARTMENT: "inbox", RoleOf.ADMINISTRATOR: "calendar"}


def start(request: HttpRequest) -> HttpResponse:
    membership = membership_of(request.user)
    if membership is None:
        return render(request, "casework/nothing.html", status=404)
    return redirect(HOME_OF.get(RoleOf(membership.role), "queue"))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django's signature
    return render(request, "casework/not_found.html", status=404)
