"""An upgrade that is killed after any commit can be started again."""

from __future__ import annotations

from pathlib import Path

import command

# Kills `almoner` where a migration is done and would be recorded in another transaction.
KILLED_BETWEEN = """
import os, signal
from django.db.migrations.executor import MigrationExecutor
was = MigrationExecutor.record_migration
def now(self, migration):
    if not self.connection.in_atomic_block:
        print(migration, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    was(self, migration)
MigrationExecutor.record_migration = now
from almoner.cli import app
app()
"""


def test_a_migration_and_its_record_are_one_transaction(small_home: Path, tmp_path: Path) -> None:
    words = ("init", tmp_path / "home", "--pack", small_home.parent / "pack")
    done = command.run(*words, program=KILLED_BETWEEN)
    assert done.returncode == 0, done.stdout + done.stderr
