"""Bodies of changes as they are stored: a form and its answers, or the whole object, put together as far
as somebody asks.

Applying a change needs its first few members; what is shown on a page is stored again as the same answers
to the same form.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from almoner.assessment.templates import Template, fill


class Body(Mapping[str, Any]):
    """The object that `form` says with the answers of `text` (a JSON list in the order of its blanks);
    without a form what `text` says."""

    def __init__(self, text: str, form: Template | None = None) -> None:
        self.text = text
        self.form = form
        self._said: Any = None
        self._answers: dict[str, Any] = {}
        self._filled = dict(form.alike) if form else {}

    def __reduce__(self) -> tuple[type[Body], tuple[str, Template | None]]:
        """What is stored goes to another process, and nothing that was put together of it."""
        return Body, (self.text, self.form)

    @classmethod
    def holding(cls, said: Any, form: Template | None = None) -> Body:
        """The body of which `said` is stored."""
        return cls(json.dumps(said, ensure_ascii=False, separators=(",", ":")), form)

    @property
    def said(self) -> Any:
        """What is stored: the list of answers, or the object."""
        if self._said is None:
            self._said = json.loads(self.text)
        return self._said

    def __getitem__(self, name: str) -> Any:
        if self.form is None:
            return self.said[name]
        if name not in self._filled:
            self._answers = self._answers or self.form.answers(self.said)
            self._filled[name] = fill(self.form.body[name], self._answers)
        return self._filled[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.said if self.form is None else self.form.body)

    def __len__(self) -> int:
        return len(self.said if self.form is None else self.form.body)


def of(body: Mapping[str, Any]) -> Body:
    """`body` as it is stored; one that was read from the outbox stays as it is."""
    if isinstance(body, Body):
        return body
    return Body.holding(dict(body))
