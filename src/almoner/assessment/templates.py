"""Forms: what is said alike of everybody, once, with blanks for what differs from one household to the next.

A body of the outbox is a form and its answers. The form is JSON with every word, label, unit and reference
as the pack said it at that time; it is kept once under the hash of its text. The answers are a JSON list,
one value a blank, which the engine writes by itself for all households at once. `fill` puts both together
to the body that `almoner.support.changes` describes.

A blank is an object with one of these members:

    {"$": blank}                                   the answer itself {"$choose": blank, "of": {answer:
    part}}       the part for the answer (as text; null where there is none) {"$among": blank, "of":
    [[[key], part]]}       a list: each part of which some key is in the answer, which is a list {"$say":
    [piece]}                              text: pieces are text, or numbers and facts with their words
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
    """`placeholders` names the answers in their order; `body` is an object in which they are used."""

    placeholders: tuple[str, ...]
    body: dict[str, Any]

    @cached_property
    def text(self) -> str:
        told = {"blanks": self.placeholders, "body": self.body}
        return json.dumps(told, ensure_ascii=False, separators=(",", ":"), default=str)

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()[:32]

    @classmethod
    def of(cls, text: str) -> Template:
        """The form that `text` says. It keeps that text: the same form has the same digest for ever."""
        told = json.loads(text)
        form = cls(tuple(told["blanks"]), told["body"])
        form.__dict__["text"] = text
        return form

    def __reduce__(self) -> tuple[Callable[[str], Template], tuple[str]]:
        """As text to another process."""
        return Template.of, (self.text,)

    @cached_property
    def alike(self) -> dict[str, Any]:
        """The members of the body that are the same for everybody."""
        return {name: part for name, part in self.body.items() if not has_placeholders(part)}

    def answers(self, listed: Sequence[Any]) -> dict[str, Any]:
        """A stored list of answers, by blank."""
        return dict(zip(self.placeholders, listed, strict=True))


def fill(part: Any, answers: Bindings) -> Any:
    """A part of a form with its blanks filled in."""
    if isinstance(part, dict):
        return _filled(part, answers)
    if isinstance(part, list | tuple):
        return [fill(member, answers) for member in part]
    return part


def has_placeholders(part: Any) -> bool:
    """Whether anything in a part of a form is left to be answered."""
    if isinstance(part, dict):
        return any(name.startswith("$") or has_placeholders(inner) for name, inner in part.items())
    return isinstance(part, list | tuple) and any(map(has_placeholders, part))


def _filled(part: dict[str, Any], answers: Bindings) -> Any:
    if "$" in part:
        return answers[part["$"]]
    if "$say" in part:
        return say(part["$say"], answers)
    if "$choose" in part:
        return fill(part["of"].get(_as_key(answers[part["$choose"]])), answers)
    if "$among" in part:
        listed = set(answers[part["$among"]] or ())
        return [fill(inner, answers) for keys, inner in part["of"] if listed & set(keys)]
    return {name: fill(inner, answers) for name, inner in part.items()}


def _as_key(answer: Any) -> str:
    return str(answer).lower() if isinstance(answer, bool) else str(answer)


def say(pieces: Sequence[Any], answers: Bindings) -> str:
    """Pieces of a sentence, put together."""
    return "".join(piece if isinstance(piece, str) else _said(piece, answers) for piece in pieces)


def _said(piece: Mapping[str, Any], answers: Bindings) -> str:
    if "$branch" in piece:
        taken, branches = answers[piece["$branch"]], piece["of"]
        return piece["unknown"] if taken is None or taken >= len(branches) else say(branches[taken], answers)
    value = answers[piece["$"]]
    if value is None:
        return str(piece["unknown"])
    if isinstance(value, bool):
        return str(piece["yes" if value else "no"])
    return number(value) + str(piece["one" if value == 1 else "many"])


def number(value: Any) -> str:
    """A value as people write it: thousands apart, at most two decimals, four below one."""
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, dt.date | str):
        return str(value)
    digits = 4 if abs(value) < 1 else 2
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
