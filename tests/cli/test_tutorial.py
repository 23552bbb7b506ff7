"""Runs docs/tutorial.md as it is written: its files, its commands, and the output that it promises.

That a feed, a signal, a programme and a threshold come without a line of code is shown on the way: the
tutorial writes policy files only.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import command

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/tutorial.md").read_text(encoding="utf-8")
MAIN = "from almoner.cli import main; main()"
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
NAMED = re.compile(r"`([a-z_]+/[a-z_/]+\.(?:yaml|sql))`:\s*$")


@dataclass(frozen=True)
class Step:
    """A piece of the page: `commands` to run, a `file` to write, or `promised` output of those commands."""

    kind: str
    text: str
    file: str | None = None


def steps() -> Iterator[Step]:
    last = 0
    for block in BLOCK.finditer(PAGE):
        before = PAGE[last : block.start()]
        last = block.end()
        named = NAMED.search(before)
        kind = {"sh": "commands", "text": "promised"}.get(block[1], "file")
        assert (kind == "file") == bool(named), f"no file is named before:\n{block[2]}"
        yield Step(kind, block[2], named[1] if named else None)


@dataclass
class Walk:
    """One walk through the tutorial in a folder."""

    folder: Path
    printed: str = ""

    def take(self, step: Step) -> None:
        if step.kind == "file":
            assert step.file
            (self.folder / step.file).write_text(step.text, encoding="utf-8")
        elif step.kind == "commands":
            self.printed = self.run(step.text)
        else:
            for line in step.text.splitlines():
                assert " ".join(line.split()) in " ".join(self.printed.split()), self.printed

    def run(self, commands: str) -> str:
        return "".join(map(self._run, commands.splitlines()))

    def _run(self, line: str) -> str:
        name, *words = shlex.split(line)
        if name == "almoner":
            done = command.run(*words, program=f"import os; os.chdir({str(self.folder)!r}); {MAIN}")
        else:
            shell = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", line],
                cwd=self.folder,
                capture_output=True,
                text=True,
                encoding="utf-8",
                check=False,
            )
            done = command.Done(shell.returncode, shell.stdout, shell.stderr)
        assert done.returncode == 0, line + done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    folder = tmp_path_factory.mktemp("tutorial")
    walk = Walk(folder)
    for step in steps():
        walk.take(step)
    return walk


def test_every_step_does_what_the_page_says(walked: Walk) -> None:
    assert "Rent relief" in walked.printed


def test_only_policy_files_were_written_to_the_packs(walked: Walk) -> None:
    written = {
        p.suffix for pack in ("lantern", "next", "stricter") for p in (walked.folder / pack).rglob("*.*")
    }
    assert written == {".yaml", ".sql", ".md"}


def test_the_new_feed_reached_the_facts_and_cases_were_opened(walked: Walk) -> None:
    printed = walked.run("almoner run home --as-of 2026-11-09 --known-at 2099-01-01 --json")
    holds = re.search(r'"rent_unpaid": \{[^}]*"holds": (\d+)', printed)
    assert holds
    assert int(holds[1]) > 10


def test_the_list_names_nobody(walked: Walk) -> None:
    moved = (walked.folder / "moved.csv").read_text(encoding="utf-8-sig")
    assert "rent_relief" in moved
    assert not re.search(r"\d{17}[\dX]", moved)


def test_no_page_of_the_tutorial_asks_for_python() -> None:
    assert not re.search(r"\bpython|\.py\b", "".join(s.text for s in steps() if s.kind == "commands"))
