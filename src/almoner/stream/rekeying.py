"""Bring the inbox under a new key of the vault."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from almoner.errors import AlmonerError
from almoner.registry.vault import Vault
from almoner.stream.inbox import FILE, SEALED_FIELD

_NAMES = ("known", "known_older")  # tables of blind indexes: `name` and `digest`
_COLUMNS = {("waiting", "sealed"), *((table, column) for table in _NAMES for column in ("name", "digest"))}
_PROOF = "vault key"


def rekey(folder: Path, old: Vault, new: Vault) -> bool:
    """Make the inbox that of the `new` key, in one transaction. Gives whether it was not that before.

    An event that was set aside because of its content, and comes again afterwards, is set aside once more.
    """
    proof = new.index(_PROOF)
    with closing(sqlite3.connect(folder / FILE, isolation_level=None, timeout=30)) as database:
        database.create_function("index_again", 1, lambda v: v and new.index_again(v), deterministic=True)
        database.create_function("seal_again", 2, lambda handle, sealed: _again(old, new, handle, sealed))
        database.execute("BEGIN IMMEDIATE")
        database.execute("CREATE TABLE IF NOT EXISTS vault_key (proof BLOB)")
        if database.execute("SELECT 1 FROM vault_key WHERE proof = ?", (proof,)).fetchone():
            database.execute("ROLLBACK")
            return False
        tables = _tables(database)
        database.execute("UPDATE waiting SET sealed = seal_again(handle, sealed)")
        for table in (name for name in _NAMES if name in tables):
            database.execute(
                "CREATE TEMP TABLE again AS"
                f" SELECT index_again(name) AS name, day, index_again(digest) AS digest FROM {table}"
            )
            database.execute(f"DELETE FROM {table}")
            database.execute(f"INSERT INTO {table} (name, day, digest) SELECT name, day, digest FROM again")
            database.execute("DROP TABLE again")
        database.execute("DELETE FROM vault_key")
        database.execute("INSERT INTO vault_key VALUES (?)", (proof,))
        database.execute("COMMIT")
        database.execute("VACUUM")  # what the old key opens is nowhere in the file
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return True


def _again(old: Vault, new: Vault, handle: int, sealed: bytes | None) -> bytes | None:
    return new.seal(handle, SEALED_FIELD, old.open(handle, SEALED_FIELD, sealed))


def _tables(database: sqlite3.Connection) -> set[str]:
    """The names of the tables. Raises AlmonerError for a column of bytes that is not known here."""
    found = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    names = {str(name) for (name,) in found} - {"vault_key"}
    for table in names:
        for row in database.execute(f"PRAGMA table_info({table})").fetchall():
            if row[2] == "BLOB" and (table, row[1]) not in _COLUMNS:
                raise AlmonerError(
                    f"The key was not changed: nobody has said what to do with {table}.{row[1]}. Report it."
                )
    return names
