"""An installation is its owner's alone, whatever the umask, and no secret is an argument of a command."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import command
from almoner import home, private_home
from almoner.errors import HomeError
from once import copied

PASSWORD = "a long fictional password"
WIDE_OPEN = "import os; os.umask(0); from almoner.cli import main; main()"
OUTSIDE = {k: v for k, v in os.environ.items() if not k.startswith(("ALMONER_", "DJANGO_"))}
USER = [sys.executable, "-m", "almoner", "user"]
CHECKED = """
import sys; from pathlib import Path
from almoner import casework, home
casework.setup(home.load(Path(sys.argv[1])))
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
print([User.objects.get(username=name).check_password(sys.argv[2]) for name in ("ann", "bea")])
"""


@pytest.fixture(autouse=True)
def _own_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def open_to_others(folder: Path) -> list[str]:
    found = [folder, *folder.rglob("*")]
    return [str(path.relative_to(folder)) for path in found if stat.S_IMODE(path.stat().st_mode) & 0o077]


def run(*words: object) -> str:
    done = command.run(*words, env=OUTSIDE, program=WIDE_OPEN)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_whatever_the_umask_nobody_else_can_read_what_commands_write(base_home: Path, tmp_path: Path) -> None:
    made = tmp_path / "home"
    run("init", made, "--pack", "base")
    run("run", made, "--as-of", "2026-11-09")
    run("user", made, "ada", "--role", "administrator", "--link")
    run("backup", made, tmp_path / "file")
    run("restore", tmp_path / "file", tmp_path / "again", "--keys", made / "secrets", "--open", "ada")
    assert (open_to_others(made), open_to_others(tmp_path / "again")) == ([], [])
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


def test_what_was_open_is_closed_at_the_next_start(base_home: Path, tmp_path: Path) -> None:
    place = copied(base_home, tmp_path / "home")
    (place / "landing" / "labour").mkdir(parents=True)
    (place / "landing" / "labour" / "wages.csv").write_text("a\n", encoding="utf-8")
    for path in [place, *place.rglob("*")]:
        if private_home.SECRETS not in path.parts:
            path.chmod(0o755 if path.is_dir() else 0o644)
    home.load(place)
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert [name for name in open_to_others(place) if "/" not in name] == []
    private_home.keep_all_private(place)
    assert open_to_others(place) == []
    assert os.umask(0o077) == 0o077


def test_a_folder_behind_a_link_is_the_operators_and_a_file_there_is_ours(tmp_path: Path) -> None:
    place = home.create(tmp_path / "home", "base").folder
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "facts").write_bytes(b"")
    for path, mode in ((tmp_path / "elsewhere", 0o770), (tmp_path / "facts", 0o644)):
        path.chmod(mode)
    (place / "landing").symlink_to(tmp_path / "elsewhere")
    (place / "facts.duckdb").symlink_to(tmp_path / "facts")
    (place / "gone").symlink_to(tmp_path / "nowhere")
    private_home.keep_all_private(place)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("elsewhere", "facts")]
    assert modes == [0o770, 0o600]


def test_a_key_that_others_could_read_and_what_cannot_be_closed_are_refused(
    base_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = copied(base_home, tmp_path / "home")
    key = place / "secrets" / "vault.key"
    key.chmod(0o640)
    with pytest.raises(HomeError, match="treat the key as known"):
        private_home.keep_all_private(place)
    key.chmod(0o600)
    (place / "facts.duckdb").chmod(0o644)

    def anothers(self: Path, mode: int, **_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", anothers)
    with pytest.raises(HomeError, match="chmod go-rwx"):
        home.load(place)


def test_a_password_comes_from_standard_input_or_the_environment_and_never_as_an_argument(
    base_home: Path, tmp_path: Path
) -> None:
    place = copied(base_home, tmp_path / "home")

    def user(name: str, *words: str, given: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        words = (*USER, str(place), name, "--role", "auditor", "--areas", "", *words)
        return subprocess.run(
            words, input=given, capture_output=True, text=True, check=False, env=OUTSIDE | environment
        )

    assert user("ann", given=f"{PASSWORD}\n").returncode == 0
    assert user("bea", ALMONER_PASSWORD=PASSWORD).returncode == 0
    refused = user("eve", "--password", PASSWORD)
    assert refused.returncode != 0
    assert "standard input" in refused.stderr
    assert PASSWORD not in refused.stderr
    assert user("eve", "--password", PASSWORD, ALMONER_SECOND_FACTOR="none").returncode == 0  # for tries
    nothing = user("fay")
    assert (nothing.returncode, "standard input" in nothing.stderr) == (1, True)
    assert "[True, True]" in command.run(place, PASSWORD, env=OUTSIDE, program=CHECKED).stdout
