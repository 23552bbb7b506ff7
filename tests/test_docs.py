"""The documentation can be read and followed: links and paths lead somewhere, sentences are short."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = re.compile(r"`((?:[a-z_]+/)+[a-z_]+\.(?:py|html|md|txt|po|yaml))`")
STARTS = (ROOT, ROOT / "src/almoner", ROOT / "docs")
LONGEST_LINE, LONGEST_SENTENCE = 500, 40  # characters, words


def named(pages: list[Path] = PAGES) -> list[pytest.ParameterSet]:
    return [pytest.param(page, id=page.relative_to(ROOT).as_posix()) for page in pages]


def anchors(page: Path) -> set[str]:
    """Of headings, as the host of the repository makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def sentences(page: Path) -> Iterator[str]:
    """Of paragraphs, items of lists and cells of tables; what stands between backticks counts as one word."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    text = re.sub(r"\]\([^)]*\)", "]", re.sub(r"`[^`]*`", "code", text))
    for piece in re.split(r"\n\s*\n|\n(?=\s*(?:[-*|#]|\d+\.) ?)| \| ", text):
        yield from re.split(r"(?<=[.!?:;])[*)\"”]*\s+", " ".join(piece.split()))


@pytest.mark.parametrize("page", named())
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if not target.startswith(("http", "mailto:")):
            file, _hash, anchor = target.partition("#")
            found = (page.parent / file).resolve() if file else page
            if not found.exists() or (anchor and anchor not in anchors(found)):
                broken.append(target)
    assert broken == []


PACKS_OF_THE_PAGE = {"tutorial.md", "packs.md"}  # they name files that the reader writes


@pytest.mark.parametrize("page", named([page for page in PAGES if page.name not in PACKS_OF_THE_PAGE]))
def test_every_path_exists(page: Path) -> None:
    paths = PATH.findall(page.read_text(encoding="utf-8"))
    assert [path for path in paths if not any((start / path).exists() for start in STARTS)] == []


@pytest.mark.parametrize("page", named())
def test_lines_and_sentences_are_short(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line) >= LONGEST_LINE] == []
    assert [
        one for one in sentences(page) if len(re.findall(r"\w[\w'’.,%-]*", one)) >= LONGEST_SENTENCE
    ] == []


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text(encoding="utf-8")
    records = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert LINK.findall(index) == records
