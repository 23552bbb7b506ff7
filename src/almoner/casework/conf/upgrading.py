"""Check and upgrade the version of casework's tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.commands import migrate as command
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.migration import Migration

from almoner.errors import HomeError


class OneTransaction(MigrationExecutor):
    """Records each migration in its own transaction. Django records one that has statements left for its end
    in a transaction after it, so a process killed between the two could never upgrade again."""

    def apply_migration(
        self, state: Any, migration: Migration, fake: bool = False, fake_initial: bool = False
    ) -> Any:
        if fake or fake_initial:
            return super().apply_migration(state, migration, fake, fake_initial)
        if self.progress_callback:
            self.progress_callback("apply_start", migration, fake)
        with self.connection.schema_editor(atomic=migration.atomic) as editor:
            state = migration.apply(state, editor)
            for statement in editor.deferred_sql:
                editor.execute(statement)
            editor.deferred_sql.clear()
            self.record_migration(migration)  # type: ignore[call-arg,arg-type]
        if self.progress_callback:
            self.progress_callback("apply_success", migration, fake)
        return state


def pending() -> list[str]:
    """The migrations that `migrate` would run."""
    executor = _executor()
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{step.app_label}.{step.name}" for step, _backwards in plan]


def unknown() -> list[str]:
    """Applied migrations that this version does not know, neither by name nor as part of a squashed
    migration."""
    loader = _executor().loader
    known, applied = loader.disk_migrations or {}, set(loader.applied_migrations or {})
    together = {step for one in known.values() if applied.issuperset(one.replaces) for step in one.replaces}
    ours = {app for app, _name in known}
    return sorted(f"{app}.{name}" for app, name in applied - known.keys() - together if app in ours)


def migrate() -> list[str]:
    """Create or upgrade the tables; returns the names of the migrations that were run."""
    steps = pending()
    command.MigrationExecutor = OneTransaction  # type: ignore[attr-defined]
    call_command("migrate", verbosity=0, interactive=False)
    return steps


def refuse_other_version(folder: Path) -> None:
    """Raise HomeError when the tables belong to another version of Almoner."""
    if others := unknown():
        raise HomeError(
            f"{folder} was worked on by another version of Almoner: it took the step {others[-1]}, which this"
            " one does not know. Install that version again, or restore a backup from before."
        )
    if pending():
        raise HomeError(
            f"{folder} was made by an older Almoner. Stop what works on it, make a backup, then run: almoner"
            f" upgrade {folder}"
        )


def _executor() -> MigrationExecutor:
    """Raises HomeError when the database cannot be reached or refuses the connection."""
    try:
        return MigrationExecutor(connection)
    except OperationalError as error:
        why = str(error).strip().splitlines()[-1].rpartition("FATAL:")[2].strip()
        raise HomeError(
            f"Casework's database cannot be reached: {why}. Start it, make it, or mend its address"
            " (ALMONER_DATABASE_URL)."
        ) from None
