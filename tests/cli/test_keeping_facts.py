"""A restored installation decides the same again; and the console is not served where that is not safe."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import command
from once import copied


def almoner(*words: object, code: int = 0, **said: str) -> str:
    outside = {k: v for k, v in os.environ.items() if not k.startswith(("ALMONER_", "DJANGO_"))}
    done = command.run(*words, env=outside | said)
    assert done.returncode == code, done.stderr + done.stdout
    return done.stdout if code == 0 else done.stderr


def test_a_restored_installation_decides_the_same(demo: Path, tmp_path: Path) -> None:
    printed = json.loads((demo / "printed.json").read_text(encoding="utf-8"))
    home, again = copied(demo / "demo" / "home", tmp_path / "home"), tmp_path / "again"
    almoner("backup", home, tmp_path / "file")
    almoner("restore", tmp_path / "file", again, "--keys", home / "secrets")
    words = ("--as-of", printed["as_of"], "--known-at", "2099-01-01", "--json")
    replayed = json.loads(almoner("run", again, *words))
    assert replayed["equal"] is True
    assert replayed["decided_sha256"] == replayed["recorded_sha256"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--host", "0.0.0.0"), "without TLS"),  # noqa: S104 - what must be refused
        ((), "ALMONER_SECOND_FACTOR names no role: king"),
    ],
)
def test_the_console_is_not_served_where_that_is_not_safe(
    installation: Path, words: tuple[str, ...], message: str
) -> None:
    """Each reason: tests/casework/test_environment.py."""
    said = {} if words else {"ALMONER_SECOND_FACTOR": "king"}
    answer = almoner("serve", installation, *words, "--no-worker", code=1, **said)
    assert message in answer
    assert len(answer.strip().splitlines()) == 1


@pytest.fixture(scope="module")
def installation(base_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(base_home, tmp_path_factory.mktemp("installation") / "home")
