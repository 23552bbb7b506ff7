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
    """The object that `template` says with the answers of `text` (a JSON list in the order of its blanks);
    without a form what `text` says."""

    def __init__(self, text: str, template: Template | None = None) -> None:
        self.text = text
        self.template = template
        self._stored: Any = None
        self._bindings: dict[str, Any] = {}
        self._filled = dict(template.constants) if template else {}

    def __reduce__(self) -> tuple[type[Body], tuple[str, Template | None]]:
        """What is stored goes to another process, and nothing that was put together of it."""
        return Body, (self.text, self.template)

    @classmethod
    def holding(cls, stored: Any, template: Template | None = None) -> Body:
        """The body of which `stored` is stored."""
        return cls(json.dumps(stored, ensure_ascii=False, separators=(",", ":")), template)

    @property
    def stored(self) -> Any:
        """What is stored: the list of answers, or the object."""
        if self._stored is None:
            self._stored = json.loads(self.text)
        return self._stored

    def __getitem__(self, name: str) -> Any:
        if self.template is None:
            return self.stored[name]
        if name not in self._filled:
            self._bindings = self._bindings or self.template.bindings(self.stored)
            self._filled[name] = fill(self.template.body[name], self._bindings)
        return self._filled[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.stored if self.template is None else self.template.body)

    def __len__(self) -> int:
        return len(self.stored if self.template is None else self.template.body)


def of(body: Mapping[str, Any]) -> Body:
    """`body` as it is stored; one that was read from the outbox stays as it is."""
    if isinstance(body, Body):
        return body
    return Body.holding(dict(body))
