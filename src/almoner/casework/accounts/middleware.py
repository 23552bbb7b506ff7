"""Middleware for all pages: forbids caching, and looks up the reader once for each page."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from almoner.casework.accounts.access import memberships_read_once

Respond = Callable[[HttpRequest], HttpResponse]


def no_store(respond: Respond) -> Respond:
    """Tell browsers and proxies not to store any page."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = respond(request)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return answer


def one_reader(respond: Respond) -> Respond:
    """Cache the reader's membership during GET and HEAD requests, which change nothing."""

    def answer(request: HttpRequest) -> HttpResponse:
        if request.method not in {"GET", "HEAD"}:
            return respond(request)
        with memberships_read_once():
            return respond(request)

    return answer
