"""`make quick` finds what changed, with a remote and without, and the tests that it concerns."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

TOOL = Path(__file__).parents[1] / "tools" / "quick.py"
FILES = {
    "src/almoner/policy/units.py": "A = 1\n",
    "src/almoner/policy/sql/lineage.py": "B = 1\n",
    "src/almoner/policy/starter/a.yaml": "a: 1\n",
    "tests/test_whole.py": "",
    "tests/policy/test_units.py": "",
    "tests/policy/test_rules.py": "from almoner.policy.sql import lineage\n",
    "tests/policy/test_page.py": "PAGE = 'docs/packs.md'\n",
    "tests/policy/browser/test_seen.py": "from almoner.policy.sql.lineage import B\n",
    "docs/packs.md": "",
}


def git(*words: str) -> str:
    author = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    return subprocess.run(["git", *author, *words], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The tool, in a small repository on a branch beside `main`, without a remote."""
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")
    git("init", "--quiet", "--initial-branch", "main")
    git("add", ".")
    git("commit", "--quiet", "--message", "Begin")
    git("switch", "--quiet", "--create", "work")
    spec = importlib.util.spec_from_file_location("quick", TOOL)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def names(paths: set[Path]) -> set[str]:
    return {path.as_posix() for path in paths}


def test_committed_edited_and_new_files_have_changed(quick: ModuleType) -> None:
    assert quick.changed_files() == set()
    Path("docs/packs.md").write_text("more", encoding="utf-8")
    git("commit", "--quiet", "--all", "--message", "Say more")
    Path("src/almoner/policy/units.py").write_text("A = 2\n", encoding="utf-8")
    Path("src/almoner/new.py").write_text("", encoding="utf-8")
    Path("tests/policy/test_page.py").unlink()
    assert names(quick.changed_files()) == {
        "docs/packs.md",
        "src/almoner/policy/units.py",
        "src/almoner/new.py",
    }


def test_the_remote_counts_before_the_own_main(quick: ModuleType) -> None:
    git("update-ref", "refs/remotes/origin/main", "HEAD")
    Path("docs/packs.md").write_text("more", encoding="utf-8")
    git("commit", "--quiet", "--all", "--message", "Say more")
    git("branch", "--force", "main", "HEAD")
    assert names(quick.changed_files()) == {"docs/packs.md"}


def test_without_any_main_what_is_not_committed_counts(quick: ModuleType) -> None:
    git("branch", "--delete", "--force", "main")
    Path("docs/packs.md").write_text("more", encoding="utf-8")
    assert names(quick.changed_files()) == {"docs/packs.md"}


@pytest.mark.parametrize(
    ("changed", "chosen"),
    [
        ("src/almoner/policy/units.py", {"tests/policy/test_units.py"}),
        ("src/almoner/policy/sql/lineage.py", {"tests/policy/test_rules.py"}),
        ("docs/packs.md", {"tests/policy/test_page.py"}),
        ("tests/policy/browser/test_seen.py", {"tests/policy/browser/test_seen.py"}),
        (
            "src/almoner/policy/starter/a.yaml",
            {f"tests/policy/test_{name}.py" for name in ("units", "rules", "page")},
        ),
        ("Makefile", set()),
    ],
)
def test_a_file_chooses_the_tests_that_it_concerns(quick: ModuleType, changed: str, chosen: set[str]) -> None:
    assert names(quick.selection([Path(changed)])) == chosen | {"tests/test_whole.py"}
