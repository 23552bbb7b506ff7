"""Read JSON from outside strictly (RFC 8259, and I-JSON of RFC 7493): what two readers could read differently
is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NoReturn

from almoner.errors import AlmonerError

DEEPEST = 32  # objects and lists within each other; an event has three


class NotStrictJson(AlmonerError):  # noqa: N818 - it is a refusal, not a fault of ours
    """The text is no JSON, or not plain. The message says why, and never quotes it."""


def loads(body: bytes, parse_float: Callable[[str], Any] | None = None) -> Any:
    """The value that `body` holds, in UTF-8.

    Raises NotStrictJson for other encodings, an object with a key twice, half of a character (a lone
    surrogate), NaN and Infinity, and objects nested deeper than `DEEPEST`.
    """
    try:
        text = body.decode("utf-8-sig")  # a byte order mark is allowed
    except UnicodeDecodeError:
        raise NotStrictJson("The body is not text in UTF-8.") from None
    try:
        found = json.loads(
            text, parse_float=parse_float, parse_constant=_no_number, object_pairs_hook=object_once
        )
    except (ValueError, RecursionError):
        raise NotStrictJson("The body is not valid JSON in UTF-8.") from None
    if isinstance(found, dict | list):
        _refuse_depth(found)
    if "\\ud" in text or "\\uD" in text:
        _refuse_half_characters(found)
    return found


def object_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of its members. Raises NotStrictJson where a key comes twice: readers take either value."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotStrictJson("An object has a key twice. Name each key once.")
    return found


def _no_number(_name: str) -> NoReturn:
    raise NotStrictJson("NaN and Infinity are no JSON. Leave such a value out.")


def _refuse_half_characters(found: Any) -> None:
    try:
        json.dumps(found, ensure_ascii=False, default=str).encode("utf-8")
    except UnicodeEncodeError:
        raise NotStrictJson("A text holds half of a character (a lone surrogate). Send it whole.") from None


def _refuse_depth(found: Any) -> None:
    level = [found]
    for _ in range(DEEPEST):
        inner = (each.values() if isinstance(each, dict) else each for each in level)
        level = [value for values in inner for value in values if isinstance(value, dict | list)]
        if not level:
            return
    raise NotStrictJson(f"Objects and lists may lie in each other {DEEPEST} deep, not deeper.")
