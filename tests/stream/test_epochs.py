"""Facts, casework, vault and inbox of one installation belong together and are of one time, or are refused; a
process killed between the commits of two of them is not refused afterwards."""

from __future__ import annotations

import csv
import json
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

import command
from almoner.engines import open_engine
from once import copied, once
from stream.burst import cases, held, without_casework
from stream.installation import almoner
from stream.killed import KILLED

STORY = """
import datetime as dt, shutil, sys; from pathlib import Path
from almoner.installation.worker import open_worker
from almoner.stream.rounds import Pace
from almoner.stream.status import Status
from stream.burst import burst, registers
from stream.installation import inbox_of
home, day = Path(sys.argv[1]), dt.date(2026, 11, 9)
events = burst(200)
for events, copy in ((registers()[:30], "early"), (burst(200), "late")):
    inbox = inbox_of(home)
    inbox.put(events, dt.datetime(2026, 11, 9, 8))
    inbox.close()
    with open_worker(home, day, 0, Pace(), Status(home=home, started_at=dt.datetime.now())) as worker:
        worker.drain()
    from django.db import connections
    connections.close_all()
    shutil.copytree(home, home.parent / copy)
"""
OPEN = """
import json, sys; from pathlib import Path
from django.db import connections
from almoner.errors import AlmonerError
from almoner.installation import opening
found = {}
for home in map(Path, sys.argv[1:]):
    try:
        with opening.installation(home):
            found[home.name] = "opened"
    except AlmonerError as error:
        found[home.name] = f"{type(error).__name__}: {error}"
    connections.close_all()
print(json.dumps(found))
"""
# What a worker does each minute, after another process has put older parts in place.
STILL = """
import sys; from contextlib import closing; from pathlib import Path
from almoner.errors import HomeError
from almoner.installation import opening
from almoner.stream.opened_inbox import open_inbox
home, older = map(Path, sys.argv[1:])
with opening.installation(home) as inst, closing(open_inbox(home, inst.vault)) as inbox:
    inst.parts.still_fit(inbox)
    from django.db import connection, connections
    connections.close_all()
    for file in home.glob("casework.sqlite3*"):
        file.unlink()
    for file in older.glob("casework.sqlite3*"):
        (home / file.name).write_bytes(file.read_bytes())
    try:
        inst.parts.still_fit(inbox)
    except HomeError as error:
        print(error)
"""
BEFORE_EPOCHS = """
import sys; from pathlib import Path
from almoner import casework, home
casework.setup(home.load(Path(sys.argv[1])))
from django.core.management import call_command
call_command("migrate", "casework", "0010", verbosity=0)
"""
DATABASES = {"facts": "facts.duckdb", "casework": "casework.sqlite3", "inbox": "inbox.sqlite3"}


def run(program: str, *words: object) -> str:
    done = command.run(*words, program=program)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def times(tmp_path_factory: pytest.TempPathFactory, small_home: Path) -> Path:
    """A folder with an installation as it was `early` and `late`, with people and cases, and a `new` one."""

    def lived(folder: Path) -> None:
        copied(small_home, folder / "home")
        run(STORY, folder / "home")
        almoner("init", folder / "new", "--pack", small_home.parent / "pack")

    return once(tmp_path_factory, "times", lived)


def mixed(late: Path, parts: Sequence[str], other: Path, to: Path) -> Path:
    """A copy of the installation with these parts of another one."""
    home = copied(late, to)
    for file in (DATABASES[part] for part in parts):
        for old in home.glob(f"{file}*"):
            old.unlink()
        for new in other.glob(f"{file}*"):
            shutil.copy(new, home)
    return home


def people(home: Path) -> int:
    with closing(sqlite3.connect(home / "casework.sqlite3")) as database:
        return int(database.execute("SELECT count(*) FROM casework_identity").fetchone()[0])


def test_parts_of_different_times_or_installations_are_refused_and_nobody_is_deleted(
    times: Path, tmp_path: Path
) -> None:
    early, late, new = times / "early", times / "late", times / "new"
    assert people(early) < people(late)
    refused = {
        "old-facts": (["facts"], early, "facts are older than its casework database"),
        "old-casework": (["casework"], early, "casework database is older than its facts"),
        "old-inbox": (["inbox"], early, "inbox is older than its facts"),
        "old-facts-and-casework": (["facts", "casework"], early, "facts are older than its inbox"),
        "new-facts": (["facts"], new, "facts are of another installation"),
        "new-casework": (["casework"], new, "casework database is of another installation"),
        "new-inbox": (["inbox"], new, "inbox is of another installation"),
    }
    homes = [mixed(late, parts, other, tmp_path / name) for name, (parts, other, _) in refused.items()]
    reasons = {name: reason for name, (_, _, reason) in refused.items()}
    others = ("no-facts", "hollow-facts", "empty-facts", "no-inbox", "other-key")
    homes += [copied(late, tmp_path / name) for name in others]
    for name in ("no-facts", "hollow-facts", "empty-facts"):
        (tmp_path / name / "facts.duckdb").unlink()
    (tmp_path / "hollow-facts" / "facts.duckdb").touch()
    open_engine(tmp_path / "empty-facts" / "facts.duckdb").close()
    for file in (tmp_path / "no-inbox").glob("inbox.sqlite3*"):
        file.unlink()
    shutil.copy(new / "secrets" / "vault.key", tmp_path / "other-key" / "secrets" / "vault.key")
    reasons |= {"no-facts": "are missing", "hollow-facts": "are missing", "empty-facts": "are empty"}
    reasons |= {"no-inbox": "inbox is missing", "other-key": "is not the key of this vault"}
    before = {home.name: people(home) for home in homes}
    said = json.loads(run(OPEN, *homes, copied(late, tmp_path / "as-it-was")))
    assert said.pop("as-it-was") == "opened"
    for name, reason in reasons.items():
        assert said[name].startswith("HomeError: "), said[name]
        assert reason in said[name]
        assert "Nothing was changed. Put back" in said[name]
    assert {home.name: people(home) for home in homes} == before
    assert not (tmp_path / "no-facts" / "facts.duckdb").exists()
    assert not (tmp_path / "no-inbox" / "inbox.sqlite3").exists()


def test_a_worker_notices_that_casework_was_put_back_beneath_it(times: Path, tmp_path: Path) -> None:
    home = copied(times / "late", tmp_path / "home")
    assert "casework database is older than its facts" in run(STILL, home, times / "early")


def test_commands_and_the_console_say_what_does_not_fit(times: Path, tmp_path: Path) -> None:
    home = mixed(times / "late", ["facts"], times / "early", tmp_path / "home")
    assert "facts are older" in almoner("run", home, code=1).replace("\n", " ")
    home = mixed(times / "late", ["inbox"], times / "new", tmp_path / "other")
    assert "is of another installation" in almoner("serve", home, code=1).replace("\n", " ")


def without_epoch(home: Path, to: Path) -> Path:
    """A copy as an older version would have made it."""
    copy = copied(home, to)
    with open_engine(copy / "facts.duckdb") as engine:
        engine.execute("DROP TABLE registry.epoch")
        engine.execute("DROP TABLE registry.known_position")
    with closing(sqlite3.connect(copy / "inbox.sqlite3")) as database:
        for table in ("epoch", "taken"):
            database.execute(f"DROP TABLE {table}")
    run(BEFORE_EPOCHS, copy)
    return copy


def test_an_installation_of_an_older_version_is_given_an_epoch_unless_its_parts_do_not_fit(
    times: Path, tmp_path: Path
) -> None:
    older = without_epoch(times / "late", tmp_path / "older")
    assert "almoner upgrade" in almoner("run", older, code=1)
    kills = [n for n in range(1, 6) if command.run(n, "upgrade", older, program=KILLED).returncode == -9]
    assert len(kills) >= 2
    idle = without_epoch(times / "new", tmp_path / "idle")
    for file in idle.glob("inbox.sqlite3*"):  # no worker ever ran
        file.unlink()
    for home in (older, idle):
        almoner("upgrade", home)
    assert json.loads(run(OPEN, older, idle)) == {"older": "opened", "idle": "opened"}
    early = without_epoch(times / "early", tmp_path / "early")
    mixed_up = mixed(without_epoch(times / "late", tmp_path / "late"), ["facts"], early, tmp_path / "mixed")
    known = people(mixed_up)
    assert "facts are older" in almoner("upgrade", mixed_up, code=1).replace("\n", " ")
    (tmp_path / "mixed" / "facts.duckdb").unlink()
    assert "are missing" in almoner("upgrade", mixed_up, code=1)
    assert people(mixed_up) == known


def test_what_a_delivery_left_under_an_older_version_is_discarded_when_a_person_says_so(
    times: Path, tmp_path: Path
) -> None:
    older = without_epoch(times / "late", tmp_path / "older")
    known = people(older)
    with closing(sqlite3.connect(older / "casework.sqlite3")) as database:
        database.execute("INSERT INTO casework_identity (person_id, number_index) VALUES (9999, x'00')")
        database.commit()
    assert "--discard-unfinished" in almoner("upgrade", older, code=1)
    assert people(older) == known + 1
    almoner("upgrade", older, "--discard-unfinished")
    assert people(older) == known
    assert json.loads(run(OPEN, older)) == {"older": "opened"}


def delivered(folder: Path) -> Path:
    """A register of families as a file."""
    from stream.burst import registers

    rows = [json.loads(event.data or "{}") for event in registers()]
    file = folder / "people.csv"
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return file


def test_killed_after_any_commit_it_opens_again_and_ends_as_if_it_had_never_been(
    small_home: Path, tmp_path: Path
) -> None:
    killed, calm = copied(small_home, tmp_path / "killed"), copied(small_home, tmp_path / "calm")
    file, kills = delivered(tmp_path), 0
    for words in (("intake", file), ("run", "--as-of", "2026-11-09")):
        name, *more = words
        almoner(name, calm, *more)
        for n in range(1, 100, 2):
            done = command.run(n, name, killed, *more, program=KILLED)
            assert done.returncode in (0, -9), done.stdout + done.stderr
            kills += done.returncode == -9
            if done.returncode == 0:
                break
        assert done.returncode == 0, done.stdout + done.stderr
    assert kills >= 6
    assert held(killed) == held(calm)
    assert cases(killed) == cases(without_casework(calm, tmp_path / "again"))
    assert people(killed) == people(calm) == 60


def test_a_killed_backup_or_restore_leaves_the_installation_as_it_was_and_nothing_that_passes_for_whole(
    times: Path, tmp_path: Path
) -> None:
    home, file, again = copied(times / "late", tmp_path / "home"), tmp_path / "file", tmp_path / "again"
    before, kills = held(home), 0
    for made, words in (
        (file, ("backup", home, file)),
        (again, ("restore", file, again, "--keys", home / "secrets", "--open", "all")),
    ):
        for n in (2, 5, 9, 14, 20, 27, 35, 44, 54, 65, 1000):
            done = command.run(n, *words, program=KILLED)
            assert done.returncode in (0, -9), done.stdout + done.stderr
            kills += done.returncode == -9
            if made.exists():  # killed after it had its name: it is whole
                break
            assert done.returncode == -9
        assert made.exists()
    assert kills >= 6
    assert (held(home), people(home)) == (before, 60)
    assert (held(again), people(again)) == (before, 60)
    assert cases(again) == cases(home)
    assert json.loads(run(OPEN, home, again)) == {"home": "opened", "again": "opened"}
    assert "accounts" in almoner("restore", file, tmp_path / "third", "--keys", home / "secrets")
    left = {path.name for path in tmp_path.iterdir()} - {"home", "file", "again", "third"}
    assert left <= {".file.partial", ".file.scratch", ".again.restoring.lock"}
