"""Bring the facts' blind indexes and sealed rows under a new key of the vault."""

from __future__ import annotations

import pyarrow as pa

from almoner.engines.base import Engine, quote
from almoner.errors import AlmonerError
from almoner.registry.identity import index_again_sql, last_pads
from almoner.registry.quarantine import SEALED_FIELD
from almoner.registry.vault import Vault

INDEXES = {  # by table: columns that hold blind indexes
    "person": ("number_index", "identity_hash", "name_hash"),
    "number_change": ("number_index", "before"),
    "household": ("key_index",),
    "household_change": ("key_index",),
}
SEALED = ("quarantine", "row_sealed")
ROWS_AT_ONCE = 20_000
_PROOF = "vault key"  # is no number: what its index is under a key says which key that is


def rekey(engine: Engine, old: Vault, new: Vault) -> bool:
    """Make the facts those of the `new` key, in one transaction. Gives whether they were not that before.

    Raises VaultError when they are under neither key, and AlmonerError for a column that is not known here.
    """
    proof = new.index(_PROOF)
    with engine.transaction():
        engine.execute("CREATE TABLE IF NOT EXISTS registry.vault_key (proof BLOB)")
        if (proof,) in [(bytes(held),) for (held,) in engine.rows("SELECT proof FROM registry.vault_key")]:
            return False
        _refuse_unknown_columns(engine)
        for table, columns in INDEXES.items():
            values = ", ".join(f"{c} = {index_again_sql(new, c)}" for c in columns)
            engine.execute(f"UPDATE registry.{quote(table)} SET {values}", last_pads(new))
        _seal_again(engine, old, new)
        engine.execute("DELETE FROM registry.vault_key")
        engine.execute("INSERT INTO registry.vault_key VALUES ($proof)", {"proof": proof})
    engine.execute("CHECKPOINT")
    return True


def _refuse_unknown_columns(engine: Engine) -> None:
    known = {(table, column) for table, columns in INDEXES.items() for column in columns}
    found = engine.rows(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE data_type = 'BLOB' AND table_schema <> 'temp' AND table_name <> 'vault_key'"
    )
    unknown = sorted(set(found) - known - {SEALED})
    if unknown:
        raise AlmonerError(
            f"The key was not changed: nobody has said what to do with {unknown[0][0]}.{unknown[0][1]}."
            " Report it."
        )


def _seal_again(engine: Engine, old: Vault, new: Vault) -> None:
    table, column = SEALED
    last = 0
    while True:
        rows = engine.rows(
            f"SELECT quarantine_id, {column} FROM registry.{table} WHERE quarantine_id > $last"
            f" AND {column} IS NOT NULL ORDER BY quarantine_id LIMIT {ROWS_AT_ONCE}",
            {"last": last},
        )
        if not rows:
            return
        ids = [id_ for id_, _ in rows]
        opened = [old.open(id_, SEALED_FIELD, sealed) for id_, sealed in rows]
        again = pa.table(
            {"quarantine_id": ids, "again": pa.array(new.seal_all(ids, SEALED_FIELD, opened), pa.binary())}
        )
        with engine.register("sealed_again", again):
            engine.execute(
                f"UPDATE registry.{table} SET {column} = again FROM sealed_again s"
                f" WHERE s.quarantine_id = {table}.quarantine_id"
            )
        last = ids[-1]
