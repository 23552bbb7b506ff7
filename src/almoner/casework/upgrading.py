"""Whether casework's tables are those of this version."""

from __future__ import annotations

from pathlib import Path

from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from almoner.errors import HomeError


def pending() -> list[str]:
    """Steps that `migrate` would take."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{step.app_label}.{step.name}" for step, _backwards in plan]


def unknown() -> list[str]:
    """Steps that were taken by a version that knew more than this one."""
    loader = MigrationExecutor(connection).loader
    known = loader.disk_migrations or {}
    ours = {app for app, _name in known}
    return sorted(
        f"{app}.{name}"
        for app, name in loader.applied_migrations or {}
        if app in ours and (app, name) not in known
    )


def migrate() -> list[str]:
    """Create or upgrade the tables; gives the steps that were taken."""
    steps = pending()
    call_command("migrate", verbosity=0, interactive=False)
    return steps


def refuse_other_version(folder: Path) -> None:
    """Raises HomeError when the tables are not those of this version."""
    if unknown():
        raise HomeError(
            f"{folder} was worked on by a newer Almoner. Install that version again, or restore a backup from before."
        )
    if pending():
        raise HomeError(
            f"{folder} was made by an older Almoner. Stop what works on it, make a backup, then run: almoner upgrade {folder}"
        )
