"""Bodies of changes as they are stored: a template with its bindings, or a whole object.

Members are filled in when they are read: applying a change needs few of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from almoner.assessment.templates import Template, fill


class Body(Mapping[str, Any]):
    """The object that `template` gives with the bindings in `text`, a JSON list.

    Without a template, `text` is the whole object.
    """

    def __init__(self, text: str, template: Template | None = None) -> None:
        self.text = text
        self.template = template
        self._stored: Any = None
        self._bindings: dict[str, Any] = {}
        self._filled = dict(template.constants) if template else {}

    def __reduce__(self) -> tuple[type[Body], tuple[str, Template | None]]:
        """Pickle what is stored, without members that were filled in."""
        return Body, (self.text, self.template)

    @classmethod
    def holding(cls, stored: Any, template: Template | None = None) -> Body:
        """The body with these bindings, or with this object when there is no template."""
        return cls(json.dumps(stored, ensure_ascii=False, separators=(",", ":")), template)

    @property
    def stored(self) -> Any:
        """What is stored: the list of bindings, or the object."""
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
    """`body` as a `Body`."""
    if isinstance(body, Body):
        return body
    return Body.holding(dict(body))
