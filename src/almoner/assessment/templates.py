"""Templates: what a body says to everybody alike, with placeholders for what differs between households.

A body of the outbox is a template and its bindings. The template is JSON with every word, label, unit and
reference as the pack had it at that time; it is stored once, under the hash of its text. The bindings are a
JSON list with one value a placeholder, which the engine computes for all households at once. `fill` puts both
together to the body that `almoner.support.changes` describes.

A placeholder is an object with one of these members:

    {"$": name}                              the value itself
    {"$choose": name, "of": {value: part}}   the part for the value (as text); null where there is none
    {"$among": name, "of": [[[key], part]]}  a list: each part of which some key is in the value, a list
    {"$say": [piece]}                        text; pieces are text, or values with their words
                                             (`almoner.assessment.wording`)
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

Bindings = Mapping[str, Any]


@dataclass(frozen=True)
class Template:
    """`placeholders` names the bindings in their order; `body` is an object that uses them."""

    placeholders: tuple[str, ...]
    body: dict[str, Any]

    @cached_property
    def text(self) -> str:
        stored = {"blanks": self.placeholders, "body": self.body}
        return json.dumps(stored, ensure_ascii=False, separators=(",", ":"), default=str)

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()[:32]

    @classmethod
    def of(cls, text: str) -> Template:
        """The template with this text. The text is kept as it is, so its digest never changes."""
        stored = json.loads(text)
        template = cls(tuple(stored["blanks"]), stored["body"])
        template.__dict__["text"] = text
        return template

    def __reduce__(self) -> tuple[Callable[[str], Template], tuple[str]]:
        """Pickle as text."""
        return Template.of, (self.text,)

    @cached_property
    def constants(self) -> dict[str, Any]:
        """The members of the body without placeholders."""
        return {name: part for name, part in self.body.items() if not has_placeholders(part)}

    def bindings(self, values: Sequence[Any]) -> dict[str, Any]:
        """A stored list of values, by placeholder."""
        return dict(zip(self.placeholders, values, strict=True))


def fill(part: Any, bindings: Bindings) -> Any:
    """A part of a template with its placeholders filled in."""
    if isinstance(part, dict):
        return _filled(part, bindings)
    if isinstance(part, list | tuple):
        return [fill(member, bindings) for member in part]
    return part


def has_placeholders(part: Any) -> bool:
    """Whether a part of a template contains a placeholder."""
    if isinstance(part, dict):
        return any(name.startswith("$") or has_placeholders(inner) for name, inner in part.items())
    return isinstance(part, list | tuple) and any(map(has_placeholders, part))


def _filled(part: dict[str, Any], bindings: Bindings) -> Any:
    if "$" in part:
        return bindings[part["$"]]
    if "$say" in part:
        return say(part["$say"], bindings)
    if "$choose" in part:
        return fill(part["of"].get(_as_key(bindings[part["$choose"]])), bindings)
    if "$among" in part:
        values = set(bindings[part["$among"]] or ())
        return [fill(inner, bindings) for keys, inner in part["of"] if values & set(keys)]
    return {name: fill(inner, bindings) for name, inner in part.items()}


def _as_key(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def say(pieces: Sequence[Any], bindings: Bindings) -> str:
    """The text of a sentence's pieces."""
    return "".join(piece if isinstance(piece, str) else _render_piece(piece, bindings) for piece in pieces)


def _render_piece(piece: Mapping[str, Any], bindings: Bindings) -> str:
    if "$branch" in piece:
        taken, branches = bindings[piece["$branch"]], piece["of"]
        return piece["unknown"] if taken is None or taken >= len(branches) else say(branches[taken], bindings)
    value = bindings[piece["$"]]
    if value is None:
        return str(piece["unknown"])
    if isinstance(value, bool):
        return str(piece["yes" if value else "no"])
    return number(value) + str(piece["one" if value == 1 else "many"])


def number(value: Any) -> str:
    """A value as text: thousands separated, at most two decimals, or four below one."""
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, dt.date | str):
        return str(value)
    digits = 4 if abs(value) < 1 else 2
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
