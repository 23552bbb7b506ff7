"""`POST /api/events`: CloudEvents 1.0 in, a receipt out."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI, Router, Schema, Status
from ninja.errors import AuthenticationError, HttpError
from ninja.security import HttpBearer

from almoner import __version__
from almoner.casework.api import receiving, tokens
from almoner.casework.api.problems import Problem, answer

_EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["specversion", "id", "source", "type"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {
            "type": "string",
            "minLength": 1,
            "maxLength": 512,
            "description": "Names the event, together with `source`, for ever.",
        },
        "source": {"type": "string", "minLength": 1, "maxLength": 512},
        "type": {
            "type": "string",
            "description": "A feed of the department; `<feed>.withdrawn` takes the row with this key back.",
        },
        "time": {"type": "string", "format": "date-time"},
        "data": {
            "type": "object",
            "description": "One row of the feed's contract; a row of a known key is a correction.",
        },
        "completethrough": {
            "type": "string",
            "format": "date",
            "description": "All that happened up to this day was sent.",
        },
    },
}
_BODY = {
    "required": True,
    "content": {
        receiving.SINGLE: {"schema": _EVENT},
        receiving.BATCH: {"schema": {"type": "array", "maxItems": receiving.MOST_EVENTS, "items": _EVENT}},
    },
}


class Receipt(Schema):
    """The events are on the disk. `repeated` came before and were left out; `position` is the inbox's last."""

    accepted: int
    repeated: int
    position: int
    received_at: dt.datetime


class Fault(Schema):
    pointer: str
    detail: str


class ProblemDetails(Schema):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[Fault] | None = None


class DepartmentToken(HttpBearer):
    """Gives the department whose token came."""

    def authenticate(self, request: HttpRequest, token: str) -> str | None:
        del request
        return tokens.department_of(token)


router = Router()


@router.post(
    "/events", auth=DepartmentToken(), operation_id="send_events", summary="Send one event or a batch", openapi_extra={"requestBody": _BODY},
    response={202: Receipt, frozenset({401, 413, 415, 422, 429, 503}): ProblemDetails},
)  # fmt: skip
def events(request: HttpRequest) -> Status[dict[str, Any]]:
    """Kept in order, each once by `source` and `id`; all of a batch or nothing."""
    accepted = receiving.receive(request, str(request.auth))  # type: ignore[attr-defined]
    return Status(202, asdict(accepted))


api = NinjaAPI(title="Almoner", version=__version__, docs_url=None, urls_namespace="api")
api.add_router("", router)


@api.exception_handler(Problem)
def _problem(request: HttpRequest, problem: Problem) -> HttpResponse:
    return answer(request, problem)


@api.exception_handler(AuthenticationError)
def _stranger(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    del error
    detail = "Send the department's token: Authorization: Bearer TOKEN. Whoever runs the installation makes one with: almoner token HOME DEPARTMENT"
    return answer(request, Problem(401, "unknown-token", "Unknown token", detail))


@api.exception_handler(HttpError)
def _other(request: HttpRequest, error: HttpError) -> HttpResponse:
    return answer(request, Problem(error.status_code, "http", "Cannot be done", str(error)))


def urls() -> Any:
    """The addresses; they know tokens, not sessions."""
    found = api.urls
    for pattern in found[0]:
        setattr(pattern.callback, "login_required", False)  # noqa: B010 - a function has no such attribute yet
    return found
