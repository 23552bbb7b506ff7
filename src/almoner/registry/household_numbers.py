"""Which household has which number: written with each delivery of the register, and taken back with it."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa

from almoner.engines.base import Engine, quote
from almoner.policy.model.feeds import Feed
from almoner.registry.continuity import COLLECTIVE, Homes, seen
from almoner.registry.schema import fact_columns, fact_table

NUMBER_LOG = "registry.household_change"
_MOVED, _ALONG, _ROWS = "home_moved", "home_along", "home_rows"


def write(engine: Engine, feed: Feed, homes: Homes, received_at: dt.datetime, delivery_id: int) -> None:
    """Store which number is whose, and move the people outside the delivery along.

    Needs `household_seen`. To be called in the delivery's transaction, before new households are added.
    """
    _write_numbers(engine, feed, homes, delivery_id)
    if homes.collective:
        listed = pa.table({"household_id": pa.array(sorted(homes.collective), pa.int64())})
        with engine.register("collective_now", listed):
            engine.execute(
                f"INSERT INTO {COLLECTIVE} SELECT household_id, $id::INTEGER FROM collective_now",
                {"id": delivery_id},
            )
    if homes.along.num_rows:
        _write_along(engine, feed, homes.along, received_at, delivery_id)


def undo_numbers(engine: Engine, delivery_id: int) -> None:
    """Give numbers back to the households that had them before a delivery. It must be the register's last."""
    engine.execute(f"DELETE FROM {COLLECTIVE} WHERE delivery_id = $id", {"id": delivery_id})
    log = f"SELECT key_index, before, after FROM {NUMBER_LOG} WHERE delivery_id = $id"
    engine.materialize("numbers_undone", log, {"id": delivery_id})
    engine.execute("DELETE FROM registry.household WHERE key_index IN (SELECT key_index FROM numbers_undone)")
    engine.execute(
        """
        INSERT INTO registry.household
        SELECT before, key_index FROM numbers_undone WHERE before IS NOT NULL
        UNION ALL
        SELECT DISTINCT after, NULL::BLOB
        FROM numbers_undone
        WHERE after IS NOT NULL AND after NOT IN (SELECT before FROM numbers_undone WHERE before IS NOT NULL)
        """
    )
    engine.execute(f"DELETE FROM {NUMBER_LOG} WHERE delivery_id = $id", {"id": delivery_id})
    engine.drop("numbers_undone")


def _write_numbers(engine: Engine, feed: Feed, homes: Homes, delivery_id: int) -> None:
    """Rewrite `registry.household` for the numbers that changed, and log it; each id stays known."""
    changes = pa.table(
        {
            "was": pa.array([*homes.moved, *homes.collective], pa.int64()),
            "gets": pa.array([*homes.moved.values(), *homes.collective], pa.int64()),
        }
    )
    with engine.register(_MOVED, changes):
        engine.materialize(
            "numbers_moved",
            f"""
            WITH number_of AS (
              SELECT household_id, key_index, NOT is_new AS stored FROM {seen(feed)}
              UNION
              SELECT household_id, key_index, true
              FROM registry.household
              WHERE key_index IS NOT NULL AND household_id IN (SELECT was FROM {_MOVED})
            )
            SELECT n.key_index, CASE WHEN n.stored THEN m.was END AS before, m.gets AS after
            FROM {_MOVED} AS m
            JOIN number_of AS n ON n.household_id = m.was
            """,
        )
    engine.execute(
        f"""
        INSERT INTO {NUMBER_LOG}
        SELECT $id::INTEGER, key_index, before, after FROM numbers_moved
        UNION ALL
        SELECT $id::INTEGER, key_index, household_id, NULL
        FROM registry.household
        WHERE household_id IN (SELECT after FROM numbers_moved)
          AND key_index IS NOT NULL
          AND key_index NOT IN (SELECT key_index FROM numbers_moved)
        """,
        {"id": delivery_id},
    )
    orphans = """
        SELECT household_id FROM registry.household
        WHERE household_id IN (SELECT after FROM numbers_moved UNION SELECT before FROM numbers_moved)
        """
    engine.materialize("homes_without_number", f"SELECT DISTINCT household_id FROM ({orphans})")
    engine.execute(
        """
        DELETE FROM registry.household
        WHERE household_id IN (SELECT household_id FROM homes_without_number)
          AND (
            key_index IS NULL
            OR key_index IN (SELECT key_index FROM numbers_moved)
            OR household_id IN (SELECT after FROM numbers_moved)
          )
        """
    )
    engine.execute("INSERT INTO registry.household SELECT after, key_index FROM numbers_moved ORDER BY after")
    engine.execute(
        """
        INSERT INTO registry.household
        SELECT household_id, NULL::BLOB
        FROM homes_without_number
        WHERE household_id NOT IN (SELECT household_id FROM registry.household)
        """
    )
    engine.drop("numbers_moved", "homes_without_number")


def _write_along(
    engine: Engine, feed: Feed, along: pa.Table, received_at: dt.datetime, delivery_id: int
) -> None:
    names = ", ".join(f"a.{quote(c)}" if c == "household_id" else f"r.{quote(c)}" for c in fact_columns(feed))
    listed = ", ".join(quote(c) for c in fact_columns(feed))
    register, clock = fact_table(feed), {"received_at": received_at}
    with engine.register(_ALONG, along):
        engine.materialize(
            _ROWS,
            f"""
            SELECT {names}
            FROM {register} AS r
            JOIN {_ALONG} AS a ON a.person_id = r.person_id
            WHERE r.known_to = 'infinity'
            """,
        )
        engine.execute(
            f"""
            UPDATE {register}
            SET known_to = $received_at
            WHERE known_to = 'infinity' AND person_id IN (SELECT person_id FROM {_ALONG})
            """,
            clock,
        )
    engine.execute(
        f"""
        INSERT INTO {register} ({listed}, known_from, known_to, delivery_id)
        SELECT {listed}, $received_at::TIMESTAMP, 'infinity'::TIMESTAMP, $delivery_id FROM {_ROWS}
        """,
        clock | {"delivery_id": delivery_id},
    )
    engine.drop(_ROWS)
