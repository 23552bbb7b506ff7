"""Where casework's database and secrets are: taken from the home folder and the environment.

`ALMONER_HOME` is the installation's folder and is set by `almoner.casework.setup`. All other variables are
described in `environment`.
"""

from __future__ import annotations

import os
import secrets
import zoneinfo
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from almoner.errors import HomeError
from almoner.home import Home, load
from almoner.local_time import use_zone_of_environment

# Page cache of each connection. With SQLite's default of 2 MiB, index pages are read again and again.
CACHE_KIB = 32 * 1024
# Commits checkpoint SQLite's log from 64 MiB on. A worker does so earlier, in the background (`checkpoints`).
LOG_PAGES = 16 * 1024

SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "init_command": (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
        f" PRAGMA cache_size=-{CACHE_KIB}; PRAGMA wal_autocheckpoint={LOG_PAGES};"
    ),
    "timeout": 30,
}

# The console runs many small queries. Compiling them or starting parallel workers costs more than it saves,
# and the index pages that they read are in memory.
POSTGRESQL_PLANS = "-c jit=off -c random_page_cost=1.1 -c max_parallel_workers_per_gather=0"
POSTGRESQL_OPTIONS = {"sslmode", "sslrootcert", "sslcert", "sslkey"}


def home_of_environment() -> Home | None:
    """The installation that `ALMONER_HOME` names; None when it is not set."""
    folder = os.environ.get("ALMONER_HOME")
    return load(Path(folder)) if folder else None


def database(home: Home | None) -> dict[str, Any]:
    """Django's settings of the database.

    Without a home: a database in memory, or the test server that `ALMONER_TEST_DATABASE_URL` names.
    """
    url = os.environ.get("ALMONER_DATABASE_URL") or (
        None if home else os.environ.get("ALMONER_TEST_DATABASE_URL")
    )
    if url:
        return _postgresql(url)
    name = str(home.casework) if home else ":memory:"
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": name, "OPTIONS": SQLITE_OPTIONS}


def _postgresql(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"} or not parts.path.strip("/"):
        raise HomeError("ALMONER_DATABASE_URL must read postgresql://user:password@host:port/name.")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.strip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 60,
        "OPTIONS": (
            {"options": POSTGRESQL_PLANS}
            | {
                name: values[-1]
                for name, values in parse_qs(parts.query).items()
                if name in POSTGRESQL_OPTIONS
            }
        ),
    }


def local_zone() -> str:
    """The name of the time zone: ALMONER_TIME_ZONE, else the machine's. Django sets the process to its own
    zone, but our times are local times. Raises HomeError for one that does not exist."""
    use_zone_of_environment()
    named = os.environ.get("TZ", "").lstrip(":")
    path = str(Path("/etc/localtime").resolve())
    name = named or path.partition("/zoneinfo/")[2] or "UTC"
    try:
        return zoneinfo.ZoneInfo(name).key
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return "UTC"


def secret_key(home: Home | None) -> str:
    """Django's secret key: created on first use, readable by its owner only. Without a home, every process
    gets a new one."""
    if home is None:
        return secrets.token_urlsafe(50)
    path = home.folder / "secrets" / "django.key"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    key = secrets.token_urlsafe(50)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(key + "\n")
    return key
