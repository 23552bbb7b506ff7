"""Files that can be read on a screen: no line and no file is longer than this."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("src", "tests", "benchmarks", "tools")
LONGEST_LINE, LONGEST_TEMPLATE_LINE = 110, 140  # in characters
LONGEST_FILE = 400  # in lines
GENERATED = {"src/almoner/casework/migrations/0001_squashed.py"}  # by Django


def modules(root: Path) -> Iterator[Path]:
    for folder in FOLDERS:
        yield from (f for f in sorted((root / folder).rglob("*.py")) if not _is_generated(f, root))


def templates(root: Path) -> Iterator[Path]:
    found = (f for f in sorted((root / "src").rglob("*")) if "templates" in f.parts and f.is_file())
    yield from (f for f in found if f.suffix != ".py" and "__pycache__" not in f.parts)


def _is_generated(file: Path, root: Path) -> bool:
    return file.relative_to(root).as_posix() in GENERATED


def long_lines(root: Path) -> list[str]:
    """Where a line is too long, and how long it is."""
    parts = ((modules(root), LONGEST_LINE), (templates(root), LONGEST_TEMPLATE_LINE))
    return [
        f"{file.relative_to(root).as_posix()}:{number}: {len(line)} characters"
        for files, longest in parts
        for file in files
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > longest
    ]


def long_files(root: Path) -> list[str]:
    """Which files are too long, and how long they are."""
    lengths = (
        (file, len(file.read_text(encoding="utf-8").splitlines()))
        for files in (modules(root), templates(root))
        for file in files
    )
    return [f"{file.relative_to(root).as_posix()}: {n} lines" for file, n in lengths if n > LONGEST_FILE]


def test_no_line_is_too_long() -> None:
    assert long_lines(ROOT) == []


def test_no_file_is_too_long() -> None:
    assert long_files(ROOT) == []


def test_what_is_generated_is_there() -> None:
    assert [name for name in GENERATED if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize(
    ("file", "longest"),
    [
        ("src/almoner/some.py", 110),
        ("tests/some/test_some.py", 110),
        ("benchmarks/some.py", 110),
        ("src/almoner/casework/templates/casework/some.html", 140),
        ("src/almoner/casework/templates/casework/some.txt", 140),
    ],
)
def test_the_rules_find_what_is_too_long(file: str, longest: int, tmp_path: Path) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text("善" * longest + "\n" * 400, encoding="utf-8")
    assert long_lines(tmp_path) == long_files(tmp_path) == []
    path.write_text("\n" + "善" * (longest + 1) + "\n" * 400, encoding="utf-8")
    assert long_lines(tmp_path) == [f"{file}:2: {longest + 1} characters"]
    assert long_files(tmp_path) == [f"{file}: 401 lines"]
