"""One word for one thing: names that were replaced do not come back, and a class's name means one thing.

The words are the table *Words that were replaced* of docs/glossary.md. Names are those that a file defines:
modules, classes, functions, parameters, variables and attributes. A word is looked for in every name that has
it, `touched` in `all_touched`; functions of tests are sentences and are left out.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = Path("src/almoner")
TREES = ("src/almoner", "tests", "benchmarks")
FILES = sorted(
    path
    for tree in TREES
    for path in (ROOT / tree).rglob("*.py")
    if "migrations" not in path.parts  # they name columns, which stay
)
MODELS = ROOT / SOURCE / "casework/models"
STORED = {  # keys of the audit trail's payloads and a column of cases, outside the models
    (SOURCE / "casework/core/events.py", "told"),
    (SOURCE / "casework/core/events.py", "concern"),
    (SOURCE / "casework/cases/rows.py", "untold"),
    (SOURCE / "casework/cases/status.py", "untold"),
}
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@dataclass(frozen=True)
class Replaced:
    """A row of the table: `word` gives way to `by` in the rooms `within`, or everywhere without any."""

    word: str
    by: str
    within: tuple[Path, ...]


def table() -> list[Replaced]:
    page = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    rows = page.split("## Words that were replaced\n")[1].split("\n## ")[0].splitlines()
    return [
        Replaced(word, by.strip(), tuple(SOURCE / room for room in re.findall(r"`([^`]+)`", rooms)))
        for words, by, rooms in (row.strip("|").split("|") for row in rows if row.startswith("| `"))
        for word in re.findall(r"`(\w+)`", words)
    ]


@cache
def words_of(name: str) -> list[str]:
    """`HelpRequest` and `help_requests` are both `help request`; a plural counts as its singular."""
    return [word.lower().removesuffix("s") for word in WORD.findall(name)]


def has(name: str, replaced: str) -> bool:
    """Whether `name` is or contains `replaced`. A capital letter asks for a class of exactly that name."""
    if replaced[0].isupper():
        return name == replaced
    words, looked_for = words_of(name), words_of(replaced)
    length = len(looked_for)
    return any(words[at : at + length] == looked_for for at in range(len(words) - length + 1))


def names(path: Path) -> Iterator[tuple[str, int]]:
    """Names that a file defines, with their lines; but for columns of tables, which stay as they are."""
    yield path.stem, 1
    tree = ast.parse(path.read_text(encoding="utf-8"))
    columns = set(_columns(tree)) if MODELS in path.parents else set()
    for node in ast.walk(tree):
        if node in columns:
            continue
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if not node.name.startswith("test_"):
                yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno


def _columns(tree: ast.Module) -> Iterator[ast.AST]:
    """The names on the left of `name = models.SomeField(...)`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            assigned = (line for line in node.body if isinstance(line, ast.Assign | ast.AnnAssign))
            for line in assigned:
                yield from line.targets if isinstance(line, ast.Assign) else [line.target]


DEFINED = [(path.relative_to(ROOT), name, line) for path in FILES for name, line in names(path)]


def test_there_are_words_and_names_to_look_at() -> None:
    assert len(table()) > 30
    assert len(DEFINED) > 10_000
    assert [room for replaced in table() for room in replaced.within if not (ROOT / room).exists()] == []


@pytest.mark.parametrize(
    ("name", "replaced", "found"),
    [
        ("all_touched", "touched", True),
        ("Touched", "touched", True),
        ("untouched", "touched", False),
        ("HelpRequest", "help_request", True),
        ("help_requests_of", "help_request", True),
        ("request_help", "help_request", False),
        ("DeskForm", "Desk", False),
        ("Desk", "Desk", True),
    ],
)
def test_a_word_is_found_as_a_name_or_within_one(name: str, replaced: str, found: bool) -> None:
    assert has(name, replaced) is found


@pytest.mark.parametrize("replaced", table(), ids=lambda replaced: replaced.word)
def test_a_word_that_was_replaced_names_nothing(replaced: Replaced) -> None:
    within = replaced.within or (Path(),)
    again = [
        f"{path}:{line} {name}"
        for path, name, line in DEFINED
        if has(name, replaced.word) and any(path.is_relative_to(room) for room in within)
        if (path, name) not in STORED
    ]
    assert again == [], f"say {replaced.by}"


def test_a_class_name_means_one_thing() -> None:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            public = isinstance(node, ast.ClassDef) and not node.name.startswith("_") and node.name != "Meta"
            if public and path.is_relative_to(ROOT / "src"):
                places[node.name].append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert {name: where for name, where in places.items() if len(where) > 1} == {}
