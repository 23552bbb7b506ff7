"""An installation that an older version made, or a newer one, and what its commands say of it."""

from __future__ import annotations

import os
from pathlib import Path

import command
from once import copied

OLDER = """
import sys; from pathlib import Path
from almoner import casework, home
casework.setup(home.load(Path(sys.argv[1])))
from django.core.management import call_command
call_command("migrate", "casework_api", "0001", verbosity=0)
"""
NEWER = """
import sys; from pathlib import Path
from almoner import casework, home
casework.setup(home.load(Path(sys.argv[1])))
from django.db.migrations.recorder import MigrationRecorder
from django.db import connection
MigrationRecorder(connection).record_applied("casework", "9999_later")
"""
IN_STEPS = """
import sys; from pathlib import Path
from almoner import casework, home
casework.setup(home.load(Path(sys.argv[1])))
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
steps = MigrationRecorder(connection)
for (app, name), step in MigrationExecutor(connection).loader.disk_migrations.items():
    if app == "casework" and step.replaces:
        steps.record_unapplied(app, name)
        for before in step.replaces[int(sys.argv[2]) :]:
            steps.record_unapplied(*before)
"""


def run(*words: object, code: int = 0, program: str | None = None) -> str:
    outside = {k: v for k, v in os.environ.items() if not k.startswith(("ALMONER_", "DJANGO_"))}
    done = command.run(*words, env=outside, program=program)
    assert done.returncode == code, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_an_older_installation_says_what_to_do_and_is_brought_up(base_home: Path, tmp_path: Path) -> None:
    home = copied(base_home, tmp_path / "home")
    run(home, program=OLDER)
    assert f"almoner upgrade {home}" in run("run", home, code=1).replace("\n", " ")
    assert "Steps taken: " in run("upgrade", home)
    run("user", home, "ada", "--link")
    run(home, program=NEWER)
    assert "casework.9999_later, which this one does not know" in run("run", home, code=1).replace("\n", " ")


def test_tables_that_came_to_be_in_steps_are_those_of_the_one_step_that_stands_for_them(
    base_home: Path, tmp_path: Path
) -> None:
    whole, half = copied(base_home, tmp_path / "whole"), copied(base_home, tmp_path / "half")
    for home, steps in ((whole, 99), (half, 3)):
        run(home, steps, program=IN_STEPS)
    run("run", whole)
    assert "is up to date" in run("upgrade", whole)
    assert "which this one does not know" in run("run", half, code=1).replace("\n", " ")
