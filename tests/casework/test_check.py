"""`almoner check` and `almoner audit` on an installation of their own, on SQLite as on PostgreSQL."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from casework.installed import SERVER, Installed, new_installation

LOOKS = """
import datetime as dt, sys; from pathlib import Path
from almoner import casework, home
casework.setup(home.load(Path(sys.argv[1])))
from almoner.casework.core import chains
from almoner.casework.models import AccessLog
from django.contrib.auth.models import User
user = User.objects.first() or casework.create_user("ada", "a long password 1", "administrator", [])
chains.add([AccessLog(at=dt.datetime.now(), user=user, household_id=n, page="case") for n in range(3)])
"""
DAILY = """
import sys, time; from pathlib import Path; from threading import Event
from almoner import casework, home
from almoner.installation.worker import casework_upkeep
casework.setup(home.load(Path(sys.argv[1])))
from almoner.casework.core import outside
outside.SECONDS = 0.1
until, latest = time.monotonic() + 60, Path(sys.argv[1]) / outside.LATEST
with casework_upkeep(Path(sys.argv[1]), Event()):  # what the worker keeps beside its rounds
    while not latest.exists() and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.5)  # some more looks at the clock
"""
SWITCHED_OFF = """
import sys; from pathlib import Path
from almoner import casework, home
casework.setup(home.load(Path(sys.argv[1])))
from django.db import connection
on = " ON casework_accesslog" if connection.vendor == "postgresql" else ""
with connection.cursor() as cursor:
    cursor.execute(f"DROP TRIGGER casework_accesslog_no_update{on}")
    cursor.execute("UPDATE casework_accesslog SET page = 'letter' WHERE id = 2")
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    folder = tmp_path_factory.mktemp("checked")
    (folder / "kept").mkdir()
    with new_installation(folder, "checked") as made:
        made.environment["ALMONER_CHECKPOINT_FOLDER"] = str(folder / "kept")
        made.run(made.home, program=LOOKS)
        yield made


def problems(of: Installed, code: int = 1) -> dict[str, list[str]]:
    printed = json.loads(of.run("check", of.home, "--json", code=code))
    return {checked["what"]: checked["problems"] for checked in printed["checks"]}


def test_the_story_of_an_installation_whose_trail_is_kept_outside(installed: Installed) -> None:
    kept = installed.home.parent / "kept"
    assert any("older than a day" in text for text in problems(installed)["checkpoints"])

    installed.run(installed.home, program=DAILY)
    assert len(list(kept.iterdir())) == 1, "one a day"
    clean = problems(installed, code=1 if SERVER else 0)  # the tests' role owns its tables on PostgreSQL
    assert {what for what, texts in clean.items() if texts} == ({"database role"} if SERVER else set())
    key = installed.run("audit", "key", installed.home).strip()
    assert "go on from 1 checkpoints" in installed.run("audit", "verify", installed.home, kept, "--key", key)

    if not SERVER:
        older = installed.home.parent / "older.sqlite3"
        shutil.copy(installed.home / "casework.sqlite3", older)
    installed.run(installed.home, program=LOOKS)
    printed = json.loads(installed.run("audit", "checkpoint", installed.home, "--json"))
    assert [Path(place).parent for place in printed["places"]] == [kept]
    assert "\nlooks 6 " in printed["note"]
    if not SERVER:
        newer = installed.home.parent / "newer.sqlite3"
        shutil.move(installed.home / "casework.sqlite3", newer)
        shutil.copy(older, installed.home / "casework.sqlite3")
        assert "an older copy is in place" in installed.run("audit", "verify", installed.home, kept, code=1)
        assert any("older copy" in text for text in problems(installed)["checkpoints"])
        assert "Nothing was signed" in installed.run("audit", "checkpoint", installed.home, code=1)
        shutil.move(newer, installed.home / "casework.sqlite3")

    installed.run(installed.home, program=SWITCHED_OFF)
    found = problems(installed)
    assert any("casework_accesslog_no_update" in text for text in found["triggers"])
    assert any("looks is broken at line 2" in text for text in found["chains"])
    assert "broken at line 2" in installed.run("audit", "verify", installed.home, code=1)


def test_what_is_no_checkpoint_is_told(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("no checkpoint")
    verify = ("audit", "verify", installed.home)
    assert "no signed checkpoint" in installed.run(*verify, tmp_path, code=1)
    assert "cannot be read" in installed.run(*verify, tmp_path / "absent.txt", code=1)
    (tmp_path / "empty").mkdir()
    assert "There is no checkpoint there" in installed.run(*verify, tmp_path / "empty", code=1)
    assert "no public key" in installed.run(*verify, tmp_path, "--key", "nonsense", code=1)


def test_a_key_that_others_can_read_is_a_problem(installed: Installed) -> None:
    key = installed.home / "secrets" / "vault.key"
    key.chmod(0o644)
    assert any("can be read by others" in text for text in problems(installed)["keys"])
    key.chmod(0o600)
    assert problems(installed)["keys"] == []
