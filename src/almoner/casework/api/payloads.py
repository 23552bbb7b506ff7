"""Read small JSON request bodies by their schema. Errors name the place by a JSON pointer and never quote
values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import pydantic
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest

from almoner import strict_json
from almoner.casework.api.problems import Problem
from almoner.strict_json import NotStrictJson

LARGEST_BYTES = 16 * 1024
JSON = "application/json"
S = TypeVar("S", bound=pydantic.BaseModel)


def read(request: HttpRequest, schema: type[S]) -> S:
    """The request's body as `schema`. Raises Problem 413, 415 or 422."""
    if request.content_type != JSON:
        raise Problem(415, "content-type", "Unknown content type", f"Send {JSON}.")
    try:
        body = request.body if int(request.META.get("CONTENT_LENGTH") or 0) <= LARGEST_BYTES else None
    except RequestDataTooBig:
        body = None
    if body is None or len(body) > LARGEST_BYTES:
        raise Problem(413, "too-large", "Too large", f"This request may have {LARGEST_BYTES:,} bytes.")
    try:
        return schema.model_validate(parsed(body))
    except pydantic.ValidationError as error:
        raise refused(error.errors(include_url=False, include_input=False), "#") from None


def parsed(body: bytes, parse_float: Callable[[str], Any] | None = None) -> Any:
    """The JSON value of a body. Raises Problem 422 where it is none, or could be read in two ways."""
    try:
        return strict_json.loads(body, parse_float)
    except NotStrictJson as refused:
        raise Problem(422, "not-json", "Not JSON", str(refused)) from None


def know_all(request: HttpRequest, known: set[str]) -> None:
    """Raise Problem 422 for an unknown query parameter. A misspelt parameter would otherwise be ignored."""
    unknown = sorted(set(request.GET) - known)
    if unknown:
        raise refused(
            [{"loc": ("query", name[:40]), "msg": "There is no such parameter."} for name in unknown], "#"
        )


def refused(errors: Iterable[Mapping[str, Any]], root: str) -> Problem:
    """The Problem that lists validation errors: where each is, and what is expected there."""
    details = [("/".join([root, *map(_part, error["loc"])]), str(error["msg"])) for error in errors]
    return Problem(
        422,
        "not-valid",
        "Not valid",
        "The request does not fit its description in /api/openapi.json.",
        details[:20],
    )


def _part(step: object) -> str:
    return str(step).replace("~", "~0").replace("/", "~1")
