"""The facts' side of an installation's epoch: whose facts these are, how far they are, and what they know.

Facts, casework and inbox are written in turn, so each may learn how far another one is only after that one
has committed. Hence none may ever know more of another than that one holds. Where it does, copies of
different times stand side by side (`almoner.installation.epochs`).
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from almoner.engines.base import Engine
from almoner.registry.vault import Vault

Positions = Mapping[str, int]
_TABLES = {"epoch": "epoch VARCHAR", "known_position": "name VARCHAR, value BIGINT"}


def holds_tables(engine: Engine, schema: str = "registry", table: str = "delivery") -> bool:
    """Whether the database has the table, by default one that every installation's facts have."""
    sql = """
        SELECT 1 FROM information_schema.tables WHERE table_schema = $schema AND table_name = $table LIMIT 1
        """
    return bool(engine.rows(sql, {"schema": schema, "table": table}))


def proof(vault: Vault, epoch: str) -> str:
    """What only the vault's key makes of an epoch: another key would take everybody for a new person."""
    return vault.proof("epoch", epoch.encode())


def epoch_of(engine: Engine) -> str | None:
    """The epoch of these facts; None for facts that an older version made."""
    if not holds_tables(engine, table="epoch"):
        return None
    found = engine.rows("SELECT epoch FROM registry.epoch")
    return str(found[0][0]) if found else None


def give(engine: Engine, epoch: str) -> None:
    """Give the facts an epoch. What they knew of other databases belongs to the one before."""
    with engine.transaction():
        for name, columns in _TABLES.items():
            engine.execute(f"CREATE TABLE IF NOT EXISTS registry.{name} ({columns})")
            engine.execute(f"DELETE FROM registry.{name}")
        engine.execute("INSERT INTO registry.epoch VALUES ($epoch)", {"epoch": epoch})


def position(engine: Engine) -> dict[str, int]:
    """How far the facts are: the last delivery, the last person, and the number of acts on feeds."""
    return {
        "delivery": last_delivery(engine),
        "person": last_person(engine),
        "act": int(engine.value("SELECT count(*) FROM registry.feed_trail")),
    }


def last_delivery(engine: Engine) -> int:
    """The number of the last delivery that was committed, also within the transaction of the next one."""
    return int(engine.value("SELECT coalesce(max(delivery_id), 0) FROM registry.delivery"))


def last_person(engine: Engine) -> int:
    return int(engine.value("SELECT coalesce(max(person_id), 0) FROM registry.person"))


def known(engine: Engine) -> dict[str, int]:
    """How far casework and inbox were when the facts last learned of it; nothing without an epoch."""
    if epoch_of(engine) is None:
        return {}
    return dict(engine.rows("SELECT name, value FROM registry.known_position"))


def learn(engine: Engine, positions: Positions) -> None:
    """Store how far casework and inbox are; nothing is written when that is known already."""
    if known(engine) == positions:
        return
    rows = {
        "name": pa.array(positions.keys(), pa.string()),
        "value": pa.array(positions.values(), pa.int64()),
    }
    with engine.transaction(), engine.register("positions_learned", pa.table(rows)):
        engine.execute("DELETE FROM registry.known_position")
        engine.execute("INSERT INTO registry.known_position SELECT name, value FROM positions_learned")
