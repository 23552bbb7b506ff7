"""Backup and restore by the commands, on SQLite as on PostgreSQL."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import command
from almoner.errors import AlmonerError
from almoner.installation import backup
from almoner.stream.lock import sole_worker

SERVER = os.environ.get("ALMONER_TEST_DATABASE_URL")
Almoner = Callable[..., str]
CHAIN = """
import sys; from pathlib import Path
from almoner import casework, home
casework.setup(home.load(Path(sys.argv[1])))
from almoner.casework.models import CaseEvent
check = casework.verify_chain()
print(check.intact, check.events, list(CaseEvent.objects.order_by("number").values_list("hash", flat=True)))
"""


@pytest.fixture(scope="module")
def databases() -> Iterator[list[str]]:
    """Two empty databases of the test's server; none where casework is SQLite."""
    if SERVER is None:
        yield []
        return
    import psycopg

    names = ["kept_from", "kept_to"]
    base = urlsplit(SERVER)
    with psycopg.connect(base._replace(path="/postgres").geturl(), autocommit=True) as server:
        for name in names:
            server.execute(f"CREATE DATABASE {name}")
        yield [base._replace(path=f"/{name}").geturl() for name in names]
        for name in names:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def run(*words: object, database: str | None = None, code: int = 0, program: str | None = None) -> str:
    outside = {k: v for k, v in os.environ.items() if not k.startswith(("ALMONER_", "DJANGO_"))}
    given = {"ALMONER_DATABASE_URL": database} if database else {}
    done = command.run(*words, env=outside | given, program=program)
    assert done.returncode == code, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, databases: list[str]) -> tuple[Path, Path, str | None]:
    """An installation, its backup and its database."""
    folder = tmp_path_factory.mktemp("kept")
    first = databases[0] if databases else None
    run("init", folder / "home", database=first)
    run("user", folder / "home", "ada", "--role", "administrator", "--link", database=first)
    output = run("backup", folder / "home", folder / "file", database=first)
    assert "keep a copy" in output
    return folder / "home", folder / "file", first


def test_a_restored_installation_is_the_same_and_its_chain_fits(
    kept: tuple[Path, Path, str | None], databases: list[str], tmp_path: Path
) -> None:
    home, file, first = kept
    second = databases[1] if databases else None
    key = (home / "secrets" / "vault.key").read_bytes()
    assert key.strip() not in file.read_bytes()
    assert file.stat().st_mode & 0o077 == 0
    run("restore", file, tmp_path / "again", database=second)
    assert "key is missing" in run("run", tmp_path / "again", database=second, code=1)
    shutil.copytree(home / "secrets", tmp_path / "again" / "secrets", dirs_exist_ok=True)
    chains = [run(h, program=CHAIN, database=d) for h, d in ((home, first), (tmp_path / "again", second))]
    assert chains[0] == chains[1]
    assert chains[0].startswith("True 2 ")
    if databases:
        assert "not empty" in run("restore", file, tmp_path / "third", database=second, code=1)
        assert not (tmp_path / "third").exists()


def test_a_database_that_does_not_answer_is_told_in_one_sentence_and_leaves_no_half_installation(
    tmp_path: Path,
) -> None:
    nobody = "postgresql://almoner:secret@127.0.0.1:1/absent"
    output = run("init", tmp_path / "home", database=nobody, code=1)
    assert "cannot be reached" in output
    assert "secret" not in output
    assert not (tmp_path / "home").exists()


def test_an_installation_whose_database_is_gone_says_so(kept: tuple[Path, Path, str | None]) -> None:
    gone = f"{SERVER}_gone" if SERVER else "postgresql://almoner@127.0.0.1:1/gone"
    assert "cannot be reached" in run("run", kept[0], database=gone, code=1)


@pytest.mark.parametrize("harm", ["byte", "cut", "end", "other", "absent"])
def test_a_backup_that_is_damaged_or_not_whole_is_refused_and_leaves_nothing(
    kept: tuple[Path, Path, str | None], tmp_path: Path, harm: str
) -> None:
    data = bytearray(kept[1].read_bytes())
    if harm == "byte":
        data[data.rindex(b"DUCK") + 5000] ^= 1
    damaged = {"cut": data[: len(data) // 2], "end": data[:-20_000], "other": b"no backup"}.get(harm, data)
    if harm != "absent":
        (tmp_path / "file").write_bytes(damaged)
    reason = "There is no file" if harm == "absent" else "damaged or not whole"
    with pytest.raises(AlmonerError, match=reason):
        backup.restore(tmp_path / "file", tmp_path / "home")
    assert [p.name for p in tmp_path.iterdir() if p.name != "file"] == []


def test_a_backup_waits_for_no_worker_and_overwrites_nothing(
    kept: tuple[Path, Path, str | None], tmp_path: Path
) -> None:
    home, file, first = kept
    with sole_worker(home):
        assert "has a worker already" in run("backup", home, tmp_path / "file", database=first, code=1)
    assert "is there already" in run("backup", home, file, database=first, code=1)
    assert "is not empty" in run("restore", file, home, database=first, code=1)
    assert "not a folder" in run("backup", home, tmp_path / "nowhere" / "file", database=first, code=1)
    assert list(tmp_path.iterdir()) == []
