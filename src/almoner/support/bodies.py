"""Bodies of changes as they are stored: JSON text, parsed as far as somebody asks.

Applying a change needs its first few members; what is shown on a page is stored again as the same text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

DECODER = json.JSONDecoder()
MEMBER = re.compile(r'\s*[{,]\s*"([^"\\]*)"\s*:\s*')


class Body(Mapping[str, Any]):
    """The object that `text` (JSON) says. Reading a member parses the text up to there."""

    __slots__ = ("_at", "_members", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._members: dict[str, Any] = {}
        self._at: int | None = 0  # none: the whole text was parsed

    def __getitem__(self, name: str) -> Any:
        while name not in self._members and self._at is not None:
            self._parse_next(self._at)
        return self._members[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._whole())

    def __len__(self) -> int:
        return len(self._whole())

    def _parse_next(self, at: int) -> None:
        found = MEMBER.match(self.text, at)
        if found is None:  # the end, or a name with an escape in it
            self._whole()
        else:
            self._members[found[1]], self._at = DECODER.raw_decode(self.text, found.end())

    def _whole(self) -> dict[str, Any]:
        if self._at is not None:
            self._members, self._at = json.loads(self.text), None
        return self._members


def text_of(body: Mapping[str, Any]) -> str:
    """`body` as JSON text; one that was read from the outbox is not encoded again."""
    if isinstance(body, Body):
        return body.text
    return json.dumps(dict(body), ensure_ascii=False, separators=(",", ":"))
