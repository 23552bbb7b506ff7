"""Run the tests that a change concerns. `make quick` runs it after lint, types and imports.

What changed is what differs from where this branch left `origin/main` (or `main`, where there is no remote),
and what is not committed yet. Of the tests run

- each test file that changed;
- each test file that imports a changed module, names another file that changed (`packs.md`), or is called
  after it (`test_today.py` after `today.html`);
- where there is none, the folder of `tests/` that mirrors the changed file's folder of `src/almoner/`;
- the files directly in `tests/`, which look at the whole tree and take seconds.

Tests in a browser are left out unless one of them changed. `make test` runs everything.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

SOURCE = Path("src/almoner")
TESTS = Path("tests")
BROWSER = "browser"


def main() -> int:
    changed = sorted(changed_files())
    if not changed:
        print("Nothing has changed since main. To run everything: make test")
        return 0
    chosen = sorted(str(path) for path in selection(changed))
    print(f"{len(changed)} files changed; tests of: {' '.join(chosen)}", flush=True)
    pytest = [sys.executable, "-m", "pytest", "-q", "--no-header", *sys.argv[1:], *chosen]
    return subprocess.run(pytest, check=False).returncode


def changed_files() -> set[Path]:
    """Paths within the repository that were changed or added; deleted ones are left out."""
    named = [*git("diff", "--name-only", left_main_at()), *git("ls-files", "--others", "--exclude-standard")]
    return {Path(name) for name in named if Path(name).exists()}


def left_main_at() -> str:
    """The commit that this branch shares with main; without any main the last commit."""
    for main_branch in ("origin/main", "main"):
        shared = git("merge-base", main_branch, "HEAD")
        if shared:
            return shared[0]
    return "HEAD"


def git(*words: str) -> list[str]:
    done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
    return done.stdout.splitlines() if done.returncode == 0 else []


def selection(changed: Iterable[Path]) -> set[Path]:
    """Test files and folders to give to pytest."""
    chosen = set(TESTS.glob("test_*.py"))
    for path in changed:
        chosen |= tests_of(path)
    return chosen


def tests_of(path: Path) -> set[Path]:
    if is_test(path):
        return {path}
    concerned = set(naming(path))
    if concerned:
        return concerned
    folder = mirrored(path)
    return set(test_files(folder)) if folder else set()


def naming(path: Path) -> Iterator[Path]:
    """Test files that are called after `path`, import it as a module, or name it as a file."""
    module = module_of(path)
    for file in test_files(TESTS):
        named = module in imported(file) if module else path.name in file.read_text(encoding="utf-8")
        if named or file.stem == f"test_{path.stem}":
            yield file


def test_files(folder: Path) -> Iterator[Path]:
    return (file for file in folder.rglob("test_*.py") if BROWSER not in file.parts)


def is_test(path: Path) -> bool:
    return path.parts[0] == TESTS.name and path.name.startswith("test_") and path.suffix == ".py"


def module_of(path: Path) -> str | None:
    """`almoner.policy.compiler` for a module of the product, `stream.sending` for a helper of the tests."""
    if path.suffix != ".py" or path.parts[0] not in {"src", "tests", "benchmarks"}:
        return None
    inside = path if path.parts[0] == "benchmarks" else Path(*path.parts[1:])
    return ".".join(inside.with_suffix("").parts).removesuffix(".__init__")


@cache
def imported(file: Path) -> frozenset[str]:
    """Modules that a file imports: `from a.b import c` counts for `a.b` and for `a.b.c`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return frozenset(found)


def mirrored(path: Path) -> Path | None:
    """The nearest folder of the tests that mirrors the folder of `path` in the product, or that holds the
    helper `path` of the tests."""
    top = next((top for top in (SOURCE, TESTS) if path.is_relative_to(top)), None)
    if not top:
        return None
    inside = path.relative_to(top).parent
    folders = (TESTS / folder for folder in (inside, *inside.parents) if folder != Path())
    return next((folder for folder in folders if folder.is_dir()), None)


if __name__ == "__main__":
    os.chdir(Path(__file__).parents[1])
    sys.exit(main())
