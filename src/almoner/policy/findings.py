"""What is wrong in a pack, where, and what to write instead."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Finding:
    """One fault. `file` is relative to the pack's folder; `line` counts from 1; `rule` is a stable id."""

    file: str
    line: int
    rule: str
    message: str
    advice: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message} {self.advice} [{self.rule}]"
