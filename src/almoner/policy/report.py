"""Collects the findings of all checks of a pack."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from almoner.policy.document import Document, Path
from almoner.policy.findings import Finding


class Report:
    """Collects findings: every check adds its own and goes on."""

    def __init__(self) -> None:
        self._findings: set[Finding] = set()
        self._added = 0

    def add(self, file: str, line: int, rule: str, message: str, advice: str) -> None:
        """Add a finding; see `Finding` for its parts."""
        self._added += 1
        self._findings.add(Finding(file, line, rule, message, advice))

    def at(self, document: Document, path: Path, rule: str, message: str, advice: str) -> None:
        """A fault at a node of a YAML file."""
        file, line = document.position(path)
        self.add(file, line, rule, message, advice)

    def near(self, document: Document, path: Path, word: str, rule: str, message: str, advice: str) -> None:
        """A fault at a word inside a text of a YAML file, which may run over several lines."""
        file, _ = document.position(path)
        self.add(file, document.line_of(path, word), rule, message, advice)

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(sorted(self._findings))

    def __len__(self) -> int:
        """How often a finding was added. It grows in a check that finds a fault, even a repeated one."""
        return self._added


def instead(name: str, known: Iterable[str]) -> str:
    """Advice for an unknown name: the closest of the `known` ones, else a list of them."""
    names = sorted(set(known))
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"Write `{close[0]}` instead?"
    if not names:
        return "There is none yet."
    shown = ", ".join(f"`{n}`" for n in names[:12])
    return f"Known: {shown}{' ...' if len(names) > 12 else '.'}"
