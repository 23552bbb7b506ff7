"""One fault of a small pack: which file is changed, and what the compiler must say."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Broken:
    """`old` becomes `new` in `file`; `rule` is found at the line that has `at` in it (of `where`, else
    `file`)."""

    rule: str
    file: str
    old: str
    new: str
    at: str
    says: str
    where: str = ""
    also: tuple[str, ...] = ()  # other rules that the same fault breaks
