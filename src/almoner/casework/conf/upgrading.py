"""Check and upgrade the version of casework's tables."""

from __future__ import annotations

from pathlib import Path

from django.core.management import call_command
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from almoner.errors import HomeError


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
