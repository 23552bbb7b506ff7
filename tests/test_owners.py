"""Each table of the facts' database is named in SQL by its owner's room only; others call its functions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "almoner"
STREAM = (
    "stream_offset|stream_mark|due|untold|timelines_due"  # in the schema `registry` for older installations
)
OWNERS = {
    "assessment": r"\bassessment\.(?:\{|cycle|standing|change|form|area_month)\b",
    "stream": rf"\bregistry\.(?:{STREAM})\b",
    "registry": rf"\bregistry\.(?!(?:{STREAM})\b)"
    r"(?:person|household|delivery|quarantine|fault|touched|clustered|moved_watermark|code_lengths)\b",
}
FACTS = re.compile(r"\bfacts\.(?:\{|\"|[a-z_]+\b(?!\())")
STATEMENT = r"(?i:from|join|into|update|table|exists)\s+"


def statements(owner: str) -> list[str]:
    """The lines outside the owner's room that name one of its tables in a statement."""
    named = re.compile(STATEMENT + OWNERS[owner])
    return [
        f"{path.relative_to(SOURCE)}: {line.strip()}"
        for path in sorted(SOURCE.rglob("*.py"))
        if path.relative_to(SOURCE).parts[0] != owner
        for line in path.read_text(encoding="utf-8").splitlines()
        if named.search(line)
    ]


@pytest.mark.parametrize("owner", OWNERS)
def test_tables_are_named_in_sql_by_their_owner_only(owner: str) -> None:
    assert statements(owner) == []


def test_facts_are_named_in_sql_by_the_registry_only() -> None:
    named = re.compile(STATEMENT + FACTS.pattern)
    assert [
        f"{path.relative_to(SOURCE)}: {line.strip()}"
        for path in sorted(SOURCE.rglob("*.py"))
        if path.relative_to(SOURCE).parts[0] != "registry"
        for line in path.read_text(encoding="utf-8").splitlines()
        if named.search(line)
    ] == []


@pytest.mark.parametrize("owner", OWNERS)
def test_the_owner_does_name_them(owner: str) -> None:
    named = re.compile(OWNERS[owner])
    texts = [path.read_text(encoding="utf-8") for path in (SOURCE / owner).rglob("*.py")]
    assert any(named.search(text) for text in texts)
