"""Objects of more than five fields are made by keyword, so that no two values of one type change places."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
MOST = 5  # fields that may be given by position
ROWS = {"CaseRow", "SignalRow", "ReferralRow"}  # read by the ten thousand, in the order of the columns


def test_dataclasses_of_more_than_five_fields_take_keywords_only() -> None:
    found = {
        f"{file.relative_to(ROOT)}:{name}"
        for folder in ("src/almoner", "benchmarks")
        for file in (ROOT / folder).rglob("*.py")
        for name in by_position(ast.parse(file.read_text(encoding="utf-8")))
        if name not in ROWS
    }
    assert not found, "Write @dataclass(kw_only=True)"


def test_the_rule_sees_what_it_must_see() -> None:
    fields = "\n    ".join(f"field_{number}: int" for number in range(MOST + 1))
    for decorator, seen in (
        ("@dataclass", True),
        ("@dataclasses.dataclass(frozen=True)", True),
        ("@dataclass(frozen=True, kw_only=True)", False),
        ("@final", False),
    ):
        written = f"{decorator}\nclass Wide:\n    SHARED: ClassVar = 1\n    {fields}\n"
        assert by_position(ast.parse(written)) == (["Wide"] if seen else [])
        assert by_position(ast.parse(written.replace("    field_0: int\n", ""))) == []


def by_position(module: ast.Module) -> list[str]:
    """The dataclasses of a module that have more than five fields and are not for keywords only."""
    classes = [node for node in ast.walk(module) if isinstance(node, ast.ClassDef)]
    return [node.name for node in classes if len(list(_fields(node))) > MOST and _is_by_position(node)]


def _is_by_position(node: ast.ClassDef) -> bool:
    for decorator in node.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        if ast.unparse(call.func if call else decorator).split(".")[-1] == "dataclass":
            return not any(keyword.arg == "kw_only" for keyword in (call.keywords if call else ()))
    return False


def _fields(node: ast.ClassDef) -> Iterator[str]:
    """Those that a caller gives."""
    for line in node.body:
        shared = isinstance(line, ast.AnnAssign) and ast.unparse(line.annotation).startswith("ClassVar")
        if isinstance(line, ast.AnnAssign) and not shared and "init=False" not in ast.unparse(line):
            yield ast.unparse(line.target)
