"""Whether casework's tables are those of this version."""

from __future__ import annotations

from pathlib import Path

from django.core.management import call_command
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from almoner.errors import HomeError


def pending() -> list[str]:
    """Steps that `migrate` would take."""
    executor = _executor()
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{step.app_label}.{step.name}" for step, _backwards in plan]


def unknown() -> list[str]:
    """Applied migrations that this version has neither as such nor as part of a squashed one."""
    loader = _executor().loader
    known, applied = loader.disk_migrations or {}, set(loader.applied_migrations or {})
    together = {step for one in known.values() if applied.issuperset(one.replaces) for step in one.replaces}
    ours = {app for app, _name in known}
    return sorted(f"{app}.{name}" for app, name in applied - known.keys() - together if app in ours)


def migrate() -> list[str]:
    """Create or upgrade the tables; gives the steps that were taken."""
    steps = pending()
    call_command("migrate", verbosity=0, interactive=False)
    return steps


def refuse_other_version(folder: Path) -> None:
    """Raises HomeError when the tables are not those of this version."""
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
    """Raises HomeError when the database does not answer, or does not let us in."""
    try:
        return MigrationExecutor(connection)
    except OperationalError as error:
        why = str(error).strip().splitlines()[-1].rpartition("FATAL:")[2].strip()
        raise HomeError(
            f"Casework's database cannot be reached: {why}. Start it, make it, or mend its address"
            " (ALMONER_DATABASE_URL)."
        ) from None
