"""The names of events that came, each with a digest of its content: tables of the inbox's database.

Older versions knew an event by source and id only, so another department may have used both. Their names are
kept apart until they are forgotten, and tell a repetition by its content.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

NAMES_AT_ONCE = 500  # in one statement
_VERSION = 1  # of the database: from this one on, names have department and feed
_OLDER = "known_older"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS known (
  name BLOB PRIMARY KEY,
  day INTEGER NOT NULL,
  digest BLOB
) WITHOUT ROWID
"""


def ensure(database: sqlite3.Connection) -> None:
    """Create the table, and set names of an older version apart. Within the caller's transaction."""
    database.execute(_SCHEMA)
    if database.execute("PRAGMA user_version").fetchone()[0] >= _VERSION:
        return
    if not any(row[1] == "digest" for row in database.execute("PRAGMA table_info(known)")):
        database.execute("ALTER TABLE known ADD COLUMN digest BLOB")
    if database.execute("SELECT 1 FROM known LIMIT 1").fetchone():
        database.execute(f"ALTER TABLE known RENAME TO {_OLDER}")
        database.execute(_SCHEMA)
    database.execute(f"PRAGMA user_version = {_VERSION}")


def known(database: sqlite3.Connection, names: Sequence[bytes]) -> dict[bytes, bytes | None]:
    """Those of `names` that came before, with the digest of their content."""
    return _found(database, names, "known")


def known_of_old(
    database: sqlite3.Connection,
    older_names: Callable[[], Sequence[bytes]],
    names: Sequence[bytes],
    digests: Sequence[bytes],
) -> dict[bytes, bytes]:
    """Those that an older version knew with this content, by the names that they have now.

    `older_names` gives their names as that version made them. With other content an event may be another
    department's, so it is not taken for one of these.
    """
    if not _has_older(database):
        return {}
    older = older_names()
    found = _found(database, older, _OLDER)
    return {
        name: digest
        for name, older_name, digest in zip(names, older, digests, strict=True)
        if older_name in found and found[older_name] in (None, digest)  # None: it was not kept yet
    }


def forget(database: sqlite3.Connection, before: int) -> None:
    """Delete the names of events that came before a day (its ordinal)."""
    database.execute("DELETE FROM known WHERE day < ?", (before,))
    if _has_older(database):
        database.execute(f"DELETE FROM {_OLDER} WHERE day < ?", (before,))
        if not database.execute(f"SELECT 1 FROM {_OLDER} LIMIT 1").fetchone():
            database.execute(f"DROP TABLE {_OLDER}")


def _has_older(database: sqlite3.Connection) -> bool:
    return bool(database.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (_OLDER,)).fetchone())


def _found(database: sqlite3.Connection, names: Sequence[bytes], table: str) -> dict[bytes, bytes | None]:
    found: dict[bytes, bytes | None] = {}
    for start in range(0, len(names), NAMES_AT_ONCE):
        batch = names[start : start + NAMES_AT_ONCE]
        marks = ", ".join("?" * len(batch))
        found |= dict(database.execute(f"SELECT name, digest FROM {table} WHERE name IN ({marks})", batch))
    return found
