"""Copy casework's database to one file: by SQLite's backup, or by PostgreSQL's dump.

Both copies are consistent, and the console can go on meanwhile.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from django.apps import apps
from django.db import connection, connections

from almoner.errors import AlmonerError

SQLITE, POSTGRESQL = "casework.sqlite3", "casework.pgdump"
LIVE = (
    ("sessions", "Session"),
    ("casework_api", "Token"),
)  # models whose rows open the door to whoever has them


def file_name() -> str:
    """The name of the copy, depending on the kind of database."""
    return POSTGRESQL if connection.vendor == "postgresql" else SQLITE


def copy_to(path: Path) -> None:
    """Copy the database to `path`, without sessions and tokens. Raises AlmonerError when the copy fails."""
    live = [apps.get_model(*model)._meta.db_table for model in LIVE]
    if connection.vendor == "postgresql":
        without = [f"--exclude-table-data={table}" for table in live]
        _run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", *without, f"--file={path}")
    else:
        _copy_without(Path(str(connection.settings_dict["NAME"])), path, live)


def _copy_without(source: Path, path: Path, tables: Sequence[str]) -> None:
    """Copy a SQLite database without the rows of `tables`, and without what was deleted before: the free
    pages of the file still hold it."""
    try:
        with closing(sqlite3.connect(source, isolation_level=None)) as original:
            original.execute("VACUUM INTO ?", (str(path),))
        with closing(sqlite3.connect(path, isolation_level=None)) as copy:
            copy.execute("PRAGMA secure_delete = ON")
            for table in tables:
                copy.execute(f"DELETE FROM {connection.ops.quote_name(table)}")
    except sqlite3.Error as error:
        raise AlmonerError(f"{source} cannot be copied: {error}.") from None


def copy_sqlite(source: Path, path: Path) -> None:
    """Copy a SQLite database to `path`. Raises AlmonerError when it cannot be read or written."""
    try:
        with closing(sqlite3.connect(source)) as original, closing(sqlite3.connect(path)) as copy:
            original.backup(copy)
    except sqlite3.Error as error:
        raise AlmonerError(f"{source} cannot be copied: {error}.") from None


def load_postgresql(path: Path) -> None:
    """Restore a dump into the empty database that the environment names. Raises AlmonerError when it is not
    empty."""
    if connection.vendor != "postgresql":
        raise AlmonerError(
            "The backup holds casework as a PostgreSQL dump. Make an empty database and name it in"
            " ALMONER_DATABASE_URL."
        )
    if connection.introspection.table_names():
        raise AlmonerError("The database that ALMONER_DATABASE_URL names is not empty. Name an empty one.")
    connections.close_all()
    name = str(connection.settings_dict["NAME"])
    _run(
        "pg_restore",
        "--single-transaction",
        "--exit-on-error",
        "--no-owner",
        "--no-privileges",
        f"--dbname={name}",
        str(path),
    )


def _run(program: str, *words: str) -> None:
    database: dict[str, Any] = connection.settings_dict
    given = {
        "PGHOST": database["HOST"],
        "PGPORT": database["PORT"],
        "PGUSER": database["USER"],
        "PGPASSWORD": database["PASSWORD"],
        "PGDATABASE": database["NAME"],
        **{
            f"PG{option.upper()}": value
            for option, value in database.get("OPTIONS", {}).items()
            if isinstance(value, str)
        },
    }
    environment = os.environ | {name: str(value) for name, value in given.items() if value}
    done = subprocess.run(  # noqa: S603 - our own words
        [_found(program), *words], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise AlmonerError(f"{program} failed: {lines[-1] if lines else done.returncode}")


def _found(program: str) -> str:
    """The program's path: on PATH, or the newest version in Debian's folder."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"), key=lambda p: int(p.parts[4]))
    found = shutil.which(program) or (str(debian[-1]) if debian else None)
    if found is None:
        raise AlmonerError(
            f"{program} is missing. Install PostgreSQL's client programs of the server's version."
        )
    return found
