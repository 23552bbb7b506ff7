"""What holds for every page: it is not kept by browsers or proxies, and who reads it is looked up once."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from almoner.casework.accounts.access import memberships_read_once

Respond = Callable[[HttpRequest], HttpResponse]


def no_store(respond: Respond) -> Respond:
    def answer(request: HttpRequest) -> HttpResponse:
        response = respond(request)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return answer


def one_reader(respond: Respond) -> Respond:
    """Only of pages that change nothing."""

    def answer(request: HttpRequest) -> HttpResponse:
        if request.method not in {"GET", "HEAD"}:
            return respond(request)
        with memberships_read_once():
            return respond(request)

    return answer
