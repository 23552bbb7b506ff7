"""Errors of the API as `application/problem+json` (RFC 9457). Details never quote what a record holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, JsonResponse


class Problem(Exception):  # noqa: N818 - its name in RFC 9457
    """An error that ends a request. `kind` is its stable name; `errors` are (JSON pointer, what to do)."""

    def __init__(
        self,
        status: int,
        kind: str,
        title: str,
        detail: str,
        errors: Sequence[tuple[str, str]] = (),
        retry_after: int | None = None,
    ) -> None:
        super().__init__(title)
        self.status, self.kind, self.title, self.detail = status, kind, title, detail
        self.errors, self.retry_after = tuple(errors), retry_after


def answer(request: HttpRequest, problem: Problem) -> JsonResponse:
    """The response for a problem."""
    body: dict[str, Any] = {
        "type": f"urn:almoner:problem:{problem.kind}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": request.path,
    }
    if problem.errors:
        body["errors"] = [{"pointer": pointer, "detail": detail} for pointer, detail in problem.errors]
    response = JsonResponse(body, status=problem.status, content_type="application/problem+json")
    if problem.retry_after is not None:
        response["Retry-After"] = str(problem.retry_after)
    if problem.status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="almoner"'
    return response
