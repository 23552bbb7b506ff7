"""Backup and restore by the commands, on SQLite as on PostgreSQL."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import command
from almoner.errors import AlmonerError
from almoner.installation import restoring
from almoner.registry.vault import create_key
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


LIVE = """
import datetime as dt, sys; from pathlib import Path
from almoner import casework, home
casework.setup(home.load(Path(sys.argv[1])))
from django.contrib.sessions.models import Session
from almoner.casework.api import tokens
from almoner.casework.models import Department
later = dt.datetime.now() + dt.timedelta(hours=1)
Session.objects.create(session_key="endedsession", session_data="x", expire_date=later)
Session.objects.all().delete()
Session.objects.create(session_key="livesession", session_data="y", expire_date=later)
department = Department.objects.order_by("pk").first().pk
token = tokens.issue(department, "system")
print(department, tokens._hash(token))
"""
OPEN_DOORS = """
import json, sys; from pathlib import Path
from almoner import casework, home
casework.setup(home.load(Path(sys.argv[1])))
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from almoner.casework.api.models import Token
from almoner.casework.models import CaseEvent, Endpoint, Membership
members = Membership.objects.select_related("user")
people = {m.user.get_username(): (m.user.is_active, m.epoch) for m in members}
counts = [kind.objects.count() for kind in (Session, Token, Endpoint)]
print(json.dumps([people, counts, [e.kind for e in CaseEvent.objects.order_by("number")]]))
"""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, databases: list[str]) -> tuple[Path, Path, str | None]:
    """An installation, its backup and its database."""
    folder = tmp_path_factory.mktemp("kept")
    first = databases[0] if databases else None
    run("init", folder / "home", database=first)
    for name in ("ada", "ben"):
        run("user", folder / "home", name, "--role", "administrator", "--link", database=first)
    department, token = run(folder / "home", program=LIVE, database=first).split()
    run("webhook", "set", folder / "home", department, "--url", "https://example.org/in", database=first)
    (folder / "live").write_text(f"{department} {token}", encoding="utf-8")
    output = run("backup", folder / "home", folder / "file", database=first)
    assert "keep a copy" in output
    return folder / "home", folder / "file", first


def test_a_restored_installation_is_the_same_with_its_doors_shut(
    kept: tuple[Path, Path, str | None], databases: list[str], tmp_path: Path
) -> None:
    home, file, first = kept
    second = databases[1] if databases else None
    department, token = (home.parent / "live").read_text(encoding="utf-8").split()
    for secret in ((home / "secrets" / "vault.key").read_bytes().strip(), token.encode()):
        assert secret not in file.read_bytes()
    for session in (b"livesession", b"endedsession"):
        assert session not in file.read_bytes()
    assert file.stat().st_mode & 0o077 == 0
    (tmp_path / "keys").mkdir()
    answer = run("restore", file, tmp_path / "again", "--keys", tmp_path / "keys", database=second, code=1)
    assert "key is missing" in answer
    again, words = tmp_path / "again", ("--keys", home / "secrets", "--open", "ada", "--open", "nobody")
    answer = " ".join(run("restore", file, again, *words, database=second).split())
    for said in (
        f"{department} (1)",
        "no account nobody",
        "send again each file and event since",
        "accounts │ ben",
    ):
        assert said in answer
    assert (again / "secrets" / "vault.key").stat().st_mode & 0o777 == 0o600
    assert again.stat().st_mode & 0o777 == 0o700
    chains = [run(h, program=CHAIN, database=d) for h, d in ((home, first), (again, second))]
    assert chains[0].startswith("True ")
    assert chains[1].startswith("True ")
    hashes = [chain[chain.index("[") : -2] for chain in chains]
    assert hashes[1].startswith(hashes[0])  # and a line that ben's account was ended
    before, after = (
        json.loads(run(h, program=OPEN_DOORS, database=d)) for h, d in ((home, first), (again, second))
    )
    assert before[1] == [1, 1, 1]
    assert after[1] == [0, 0, 0]
    assert {name: active for name, (active, _) in after[0].items()} == {"ada": True, "ben": False}
    assert all(after[0][name][1] > before[0][name][1] for name in ("ada", "ben"))
    assert after[2][len(before[2]) :] == ["user_off"]
    run("user", again, "ben", "--link", database=second)
    assert json.loads(run(again, program=OPEN_DOORS, database=second))[0]["ben"][0] is True
    if databases:
        assert "not empty" in run("restore", file, tmp_path / "third", *words, database=second, code=1)
        assert not (tmp_path / "third").exists()
        (again / "inbox.sqlite3").unlink()
        shutil.copy(home / "inbox.sqlite3", again)
        assert "before or after a restore" in run("run", again, database=second, code=1).replace("\n", " ")


def test_a_part_from_before_a_restore_is_refused_after_it(
    kept: tuple[Path, Path, str | None], tmp_path: Path
) -> None:
    """Half a restore: on PostgreSQL the test above looks at it, because it has one empty database."""
    home, file, first = kept
    if first:
        return
    run("restore", file, tmp_path / "again", "--keys", home / "secrets", "--open", "all")
    for part in ("inbox.sqlite3", "facts.duckdb", "casework.sqlite3"):
        half = Path(shutil.copytree(tmp_path / "again", tmp_path / part))
        for old in half.glob(f"{part}*"):
            old.unlink()
        for new in home.glob(f"{part}*"):
            shutil.copy(new, half)
        assert "before or after a restore" in run("run", half, code=1).replace("\n", " ")


def test_without_keys_a_backup_waits_for_them(kept: tuple[Path, Path, str | None], tmp_path: Path) -> None:
    """PostgreSQL has one empty database, which a test above uses."""
    home, file, first = kept
    if first:
        return
    again = tmp_path / "again"
    assert "waits" in run("restore", file, again, "--open", "ada")
    shutil.copy(home / "almoner.json", again)  # of an interrupted try, as the inbox below
    for what in ("run", "status", "upgrade"):
        said = run(what, again, code=1).replace("\n", " ")
        assert "secrets" in said
        assert "almoner upgrade" in said
    create_key(again / "secrets" / "vault.key")
    assert "was not made with this vault's key" in run("upgrade", again, code=1).replace("\n", " ")
    (again / "secrets" / "vault.key").unlink()
    shutil.copytree(home / "secrets", again / "secrets", dirs_exist_ok=True)
    (again / "inbox.sqlite3").write_bytes(b"half")
    assert "Restored" in run("upgrade", again)
    assert sorted(p.name for p in again.iterdir() if "restor" in p.name) == []
    run("run", again)


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


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        ("byte", "damaged or not whole"),
        ("cut", "damaged or not whole"),
        ("end", "damaged or not whole"),
        ("other", "damaged or not whole"),
        ("absent", "There is no file"),
        ("forged", "was not made with this vault's key"),
        ("unproved", "was not made with this vault's key"),
        ("other key", "was not made with this vault's key"),
        ("older", "another version"),
    ],
)
def test_a_backup_that_is_damaged_or_not_whole_or_forged_is_refused_and_leaves_nothing(
    kept: tuple[Path, Path, str | None], tmp_path: Path, harm: str, reason: str
) -> None:
    data = bytearray(kept[1].read_bytes())
    if harm == "byte":
        data[data.rindex(b"DUCK") + 5000] ^= 1
    damaged = {"cut": data[: len(data) // 2], "end": data[:-20_000], "other": b"no backup"}.get(harm, data)
    if harm != "absent":
        (tmp_path / "file").write_bytes(damaged)
    if harm in ("forged", "unproved", "older"):
        forge(tmp_path / "file", harm)
    keys = kept[0] / "secrets"
    if harm == "other key":
        keys = tmp_path / "keys"
        create_key(keys / "vault.key")
    with pytest.raises(AlmonerError, match=reason):
        restoring.restore(tmp_path / "file", tmp_path / "home", keys)
    assert [p.name for p in tmp_path.iterdir() if p.name not in ("file", "keys")] == []


def forge(file: Path, harm: str) -> None:
    """Change the settings in a backup and its manifest, as somebody without the key could."""
    with tarfile.open(file) as tar:
        members = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    manifest = json.loads(members.pop("manifest.json"))
    proof = members.pop("manifest.proof")
    if harm == "older":
        manifest["format"] = 1
    if harm == "forged":
        members["almoner.json"] = members["almoner.json"].replace(b'"demo": false', b'"demo": true ')
        manifest["files"]["almoner.json"]["sha256"] = hashlib.sha256(members["almoner.json"]).hexdigest()
    members["manifest.json"] = json.dumps(manifest).encode()
    if harm == "forged":
        members["manifest.proof"] = proof
    with tarfile.open(file, "w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def test_a_backup_waits_for_no_worker_and_overwrites_nothing(
    kept: tuple[Path, Path, str | None], tmp_path: Path
) -> None:
    home, file, first = kept
    with sole_worker(home):
        assert "has a worker already" in run("backup", home, tmp_path / "file", database=first, code=1)
    assert "is there already" in run("backup", home, file, database=first, code=1)
    assert "is not empty" in run("restore", file, home, "--keys", home / "secrets", database=first, code=1)
    assert "not a folder" in run("backup", home, tmp_path / "nowhere" / "file", database=first, code=1)
    assert list(tmp_path.iterdir()) == []
