"""The API's calls: departments send events, and read and answer their referrals."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import re_path
from ninja import Header, Path, Query, Router, Schema, Status
from ninja.errors import AuthenticationError, HttpError, ValidationError

from almoner import __version__
from almoner.casework.api import payloads, receiving, referrals, shapes, tokens
from almoner.casework.api.describing import DescribedAPI
from almoner.casework.api.problems import Problem, answer
from almoner.casework.api.security import DepartmentToken, caller
from almoner.casework.core.inbox import NoInstallation
from almoner.errors import AlmonerError

_EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["specversion", "id", "source", "type"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {
            "type": "string",
            "minLength": 1,
            "maxLength": 512,
            "description": (
                "Names the event, together with `source`, for ever. The same again with other content is"
                " refused."
            ),
        },
        "source": {"type": "string", "minLength": 1, "maxLength": 512},
        "type": {
            "type": "string",
            "description": "A feed of the department; `<feed>.withdrawn` takes the row with this key back.",
        },
        "time": {"type": "string", "format": "date-time"},
        "data": {
            "type": "object",
            "description": "One row as in the feed's contract; a row with a known key is a correction.",
        },
        "completethrough": {
            "type": "string",
            "format": "date",
            "description": "Everything up to and including this day has been sent.",
        },
    },
}
_ONE = {
    "specversion": "1.0",
    "id": "2026-11-09/17",
    "source": "/water/meters",
    "type": "elderly_meters",
    "data": {"resident_no": "11010119900307803X", "day": "2026-11-09", "litres": 0},
    "completethrough": "2026-11-09",
}
_BODY = {
    "required": True,
    "content": {
        receiving.SINGLE: {"schema": _EVENT, "example": _ONE},
        receiving.BATCH: {
            "schema": {"type": "array", "maxItems": receiving.MOST_EVENTS, "items": _EVENT},
            "example": [_ONE],
        },
    },
}


class Receipt(Schema):
    """The events are stored. `repeated` events had come before and were skipped; `position` is the inbox's
    latest."""

    accepted: int
    repeated: int
    position: int
    received_at: dt.datetime


router = Router()


@router.post(
    "/events",
    auth=DepartmentToken(tokens.EVENTS),
    operation_id="send_events",
    summary="Send one event or a batch",
    openapi_extra={"requestBody": _BODY},
    response={202: Receipt, frozenset({401, 403, 409, 413, 415, 422, 429, 503}): shapes.ProblemDetails},
)
def events(request: HttpRequest) -> Status[dict[str, Any]]:
    """Events are stored in order, each once by `source` and `id`. A batch is stored as a whole or not at
    all."""
    accepted = receiving.receive(request, caller(request).department)
    return Status(202, asdict(accepted) | {"received_at": accepted.received_at.astimezone()})


_ANSWER = {
    "required": True,
    "content": {
        payloads.JSON: {"schema": shapes.Answer.model_json_schema(), "example": {"version": 2, "note": ""}},
    },
}
Reference = Annotated[
    str, Path(pattern="^[a-z0-9]{1,16}$", description="The referral's reference.", example="k7f2mq9xwa")
]


@router.get(
    "/referrals",
    auth=DepartmentToken(tokens.READ),
    operation_id="list_referrals",
    summary="The department's referrals",
    response={200: shapes.Page, frozenset({401, 403, 422, 429, 503}): shapes.ProblemDetails},
)
def list_referrals(
    request: HttpRequest,
    state: Annotated[
        list[shapes.State],
        Query(description="Only these states; repeat it for several.", default_factory=list, max_length=4),
    ],
    since: Annotated[
        shapes.Moment | None,
        Query(description="Only referrals sent or answered at this time or later (RFC 3339)."),
    ] = None,
    cursor: Annotated[
        str | None, Query(description="`next` of the previous page.", pattern="^[A-Za-z0-9_-]{1,32}$")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Referrals on a page.")] = 50,
) -> dict[str, Any]:
    """The referrals sent to the department, in the order in which they were made, without personal data."""
    payloads.know_all(request, {"state", "since", "cursor", "limit"})
    return referrals.page(caller(request).department, state, since, cursor, limit)


@router.get(
    "/referrals/{reference}",
    auth=DepartmentToken(tokens.READ),
    operation_id="read_referral",
    summary="One referral",
    exclude_unset=True,
    response={200: shapes.ReferralDetail, frozenset({401, 403, 404, 422, 429, 503}): shapes.ProblemDetails},
)
def read_referral(request: HttpRequest, reference: Reference) -> dict[str, Any]:
    """One referral, with its persons and the facts that its programme reads. The access is recorded, and the
    family can see it."""
    payloads.know_all(request, set())
    return referrals.one(caller(request).department, reference)


@router.post(
    "/referrals/{reference}/{answer}",
    auth=DepartmentToken(tokens.ANSWER),
    operation_id="answer_referral",
    summary="Accept, finish or return a referral",
    openapi_extra={"requestBody": _ANSWER},
    response={
        200: shapes.Answered,
        frozenset({401, 403, 404, 409, 413, 415, 422, 429, 503}): shapes.ProblemDetails,
    },
)
def answer_referral(
    request: HttpRequest,
    reference: Reference,
    answer: Annotated[
        shapes.Name,
        Path(description="accept: taken on; done: delivered; return: sent back, with a reason in `note`."),
    ],
    idempotency_key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            pattern="^[!-~]{1,200}$",
            description="A repeated request within two days is carried out once and gets the same answer.",
        ),
    ] = None,
) -> dict[str, Any]:
    """Accept, finish or return a referral. The answer is recorded in the audit trail for the department's
    system."""
    payloads.know_all(request, set())
    body = payloads.read(request, shapes.Answer)
    return referrals.answer(
        caller(request).department, reference, answer, body.version, body.note, idempotency_key
    )


api = DescribedAPI(
    title="Almoner",
    version=__version__,
    docs_url=None,
    urls_namespace="api",
    description="Departments send events, and read and answer their referrals. Scopes of tokens: "
    + "; ".join(f"`{scope}` to {words}" for scope, words in tokens.SCOPES.items())
    + ".",
)
api.add_router("", router)


@api.exception_handler(Problem)
def _problem(request: HttpRequest, problem: Problem) -> HttpResponse:
    return answer(request, problem)


@api.exception_handler(AuthenticationError)
def _stranger(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    del error
    detail = (
        "Send the department's token: Authorization: Bearer TOKEN. Whoever runs the installation makes one"
        " with: almoner token HOME DEPARTMENT"
    )
    return answer(request, Problem(401, "unknown-token", "Unknown token", detail))


@api.exception_handler(ValidationError)
def _not_valid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    return answer(request, payloads.refused(error.errors, "#"))


@api.exception_handler(NoInstallation)
def _no_installation(request: HttpRequest, error: NoInstallation) -> HttpResponse:
    return answer(request, Problem(503, "no-installation", "No installation", str(error)))


@api.exception_handler(OperationalError)
@api.exception_handler(InterfaceError)
@api.exception_handler(AlmonerError)
def _away(request: HttpRequest, error: Exception) -> HttpResponse:
    del error
    detail = "The installation cannot do this now. Nothing was changed; send it again later."
    return answer(request, Problem(503, "away", "Not now", detail, retry_after=receiving.RETRY_SECONDS))


@api.exception_handler(HttpError)
def _other(request: HttpRequest, error: HttpError) -> HttpResponse:
    return answer(request, Problem(error.status_code, "http", "Cannot be done", str(error)))


def urls() -> Any:
    """The API's addresses, which use tokens instead of sessions. Unknown addresses are answered by a problem
    too."""
    patterns, *names = api.urls
    patterns = [*patterns, re_path(r"", _nothing)]
    for pattern in patterns:
        assert pattern.callback is not None  # noqa: S101 - each of them has a view
        pattern.callback = _in_problems(pattern.callback)
    return (patterns, *names)


def _nothing(request: HttpRequest) -> HttpResponse:
    detail = "There is nothing at this address. See /api/openapi.json."
    return answer(request, Problem(404, "not-found", "Not found", detail))


def _in_problems(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Wrap a view: exempt it from sign-in, and answer 404 and 405 with a problem."""

    def respond(request: HttpRequest, *args: Any, **named: Any) -> HttpResponse:
        try:
            response = view(request, *args, **named)
        except Http404:
            return _nothing(request)
        if response.status_code != 405:
            return response
        allowed = response.headers["Allow"]
        problem = answer(request, Problem(405, "method", "No such method", f"Here one can {allowed}."))
        problem["Allow"] = allowed
        return problem

    respond.csrf_exempt = True  # type: ignore[attr-defined]
    respond.login_required = False  # type: ignore[attr-defined]
    return respond
