"""Casework's database as one file: SQLite's own copy, or PostgreSQL's dump. Both are of one moment, while
the console works on."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

from django.db import connection, connections

from almoner.errors import AlmonerError

SQLITE, POSTGRESQL = "casework.sqlite3", "casework.pgdump"


def file_name() -> str:
    """What the copy is called, by the kind of database."""
    return POSTGRESQL if connection.vendor == "postgresql" else SQLITE


def copy_to(path: Path) -> None:
    if connection.vendor == "postgresql":
        _run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={path}")
    else:
        copy_sqlite(Path(str(connection.settings_dict["NAME"])), path)


def copy_sqlite(source: Path, path: Path) -> None:
    try:
        with closing(sqlite3.connect(source)) as found, closing(sqlite3.connect(path)) as copy:
            found.backup(copy)
    except sqlite3.Error as error:
        raise AlmonerError(f"{source} cannot be copied: {error}.") from None


def load_postgresql(path: Path) -> None:
    """Fill the empty database that the environment names. Raises AlmonerError when it holds something."""
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
    said: dict[str, Any] = connection.settings_dict
    given = {
        "PGHOST": said["HOST"],
        "PGPORT": said["PORT"],
        "PGUSER": said["USER"],
        "PGPASSWORD": said["PASSWORD"],
        "PGDATABASE": said["NAME"],
        **{
            f"PG{option.upper()}": value
            for option, value in said.get("OPTIONS", {}).items()
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
    """On the path, or where Debian keeps the newest."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"), key=lambda p: int(p.parts[4]))
    found = shutil.which(program) or (str(debian[-1]) if debian else None)
    if found is None:
        raise AlmonerError(
            f"{program} is missing. Install PostgreSQL's client programs of the server's version."
        )
    return found
