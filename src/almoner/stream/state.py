"""How far a stream was taken in, and whom it touched: written in the transaction of the facts themselves.

`offset_of` is the last event of each feed that the facts hold. What is touched waits to be assessed:
households, feeds whose watermark moved, or everybody. The cycle that looks forgets it, and notes in the
same transaction whom casework is to be told of; that is forgotten after it was. So a process that dies in
between leaves nobody out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from almoner.engines.base import Engine
from almoner.registry import dirty

_TABLES = {
    "stream_offset": "feed VARCHAR, seq BIGINT",
    "due": (
        "household_id BIGINT"
    ),  # the day or a watermark concerns them; they are assessed beside those who were touched
    "stream_mark": "name VARCHAR, value VARCHAR",
    "untold": (
        "cycle_id BIGINT, household_id BIGINT, doubtful BOOLEAN"
    ),  # casework may not have what this cycle found of them
    "timelines_due": "household_id BIGINT",  # their timelines are to be computed anew
}


def ensure(engine: Engine) -> None:
    """Create the tables that are missing."""
    dirty.ensure(engine)
    for name, columns in _TABLES.items():
        engine.execute(f"CREATE TABLE IF NOT EXISTS registry.{name} ({columns})")


def offsets(engine: Engine) -> dict[str, int]:
    """By feed, the last event that was taken in."""
    return dict(engine.rows("SELECT feed, max(seq) FROM registry.stream_offset GROUP BY feed"))


def move_offsets(engine: Engine, through: Mapping[str, int]) -> None:
    """Write down, by feed, the last event that is being taken in."""
    rows = {"feed": pa.array(through.keys(), pa.string()), "seq": pa.array(through.values(), pa.int64())}
    with engine.register("offsets_moved", pa.table(rows)):
        engine.execute("DELETE FROM registry.stream_offset WHERE feed IN (SELECT feed FROM offsets_moved)")
        engine.execute("INSERT INTO registry.stream_offset SELECT feed, seq FROM offsets_moved")


def mark(engine: Engine, name: str) -> str | None:
    """A remembered value, for instance the day of the last tick."""
    return engine.value("SELECT value FROM registry.stream_mark WHERE name = $name", {"name": name})  # type: ignore[no-any-return]


def set_mark(engine: Engine, name: str, value: str) -> None:
    """Remember a value, within the caller's transaction."""
    engine.execute("DELETE FROM registry.stream_mark WHERE name = $name", {"name": name})
    engine.execute("INSERT INTO registry.stream_mark VALUES ($name, $value)", {"name": name, "value": value})


def note_date_due(engine: Engine, households: Sequence[int]) -> None:
    _note(engine, "due", households)


def date_due(engine: Engine, most: int) -> list[int]:
    """At most so many households whom the day or a watermark concerns, in the order of their ids."""
    return dirty.first_households(engine, "due", most)


def count_waiting(engine: Engine) -> int:
    """How many households wait to be assessed."""
    waiting = f"{dirty.HOUSEHOLDS} UNION ALL SELECT household_id FROM registry.due"
    return int(engine.value(f"SELECT count(DISTINCT household_id) FROM ({waiting})"))


def enqueue(
    engine: Engine, cycle_id: int, households: Sequence[int], evidence_lost: Sequence[int], *, told: int = 0
) -> None:
    """Within a cycle's transaction: it looked at these, so they wait for casework and for their timelines.
    `evidence_lost` ones among them have open signals of which nothing is known any more. Of cycles up to `told`
    casework has everything."""
    unsure = set(evidence_lost)
    looked_at = {
        "household_id": pa.array(households, pa.int64()),
        "doubtful": pa.array([h in unsure for h in households], pa.bool_()),
    }
    with engine.register("looked_at_now", pa.table(looked_at)):
        dirty.clear(engine, "looked_at_now")
        engine.execute(
            "DELETE FROM registry.due WHERE household_id IN (SELECT household_id FROM looked_at_now)"
        )
        engine.execute("DELETE FROM registry.untold WHERE cycle_id <= $told", {"told": told})
        engine.execute(
            "INSERT INTO registry.untold SELECT $cycle_id, household_id, doubtful FROM looked_at_now",
            {"cycle_id": cycle_id},
        )
        engine.execute("INSERT INTO registry.timelines_due SELECT household_id FROM looked_at_now")


def forget_everybody(engine: Engine) -> None:
    """All were looked at, and casework has what was found."""
    dirty.forget_all(engine)
    for name in ("due", "untold"):
        engine.execute(f"DELETE FROM registry.{name}")


def pending(engine: Engine) -> dict[int, bool]:
    """Households of which casework may not have what the last cycles found, and whether what was said of
    them is in doubt."""
    return dict(
        engine.rows(
            """
            SELECT household_id, bool_or(doubtful)
            FROM registry.untold
            GROUP BY household_id
            ORDER BY household_id
            """
        )
    )


def forget_pending(engine: Engine, told: int | None) -> None:
    """Casework has what cycles up to `told` found, or (None) all of them."""
    up_to = "" if told is None else f" WHERE cycle_id <= {int(told)}"
    engine.execute(f"DELETE FROM registry.untold{up_to}")


def note_timelines_due(engine: Engine, households: Sequence[int]) -> None:
    _note(engine, "timelines_due", households)


def timelines_due(engine: Engine, most: int) -> list[int]:
    """At most so many households whose timelines are to be computed anew, in the order of their ids."""
    return dirty.first_households(engine, "timelines_due", most)


def _note(engine: Engine, table: str, households: Sequence[int]) -> None:
    with engine.register("noted_now", pa.table({"household_id": pa.array(households, pa.int64())})):
        engine.execute(f"INSERT INTO registry.{table} SELECT household_id FROM noted_now")


def forget_timelines_due(engine: Engine, households: Sequence[int] | None) -> None:
    """Their timelines were told; None: those of everybody."""
    if households is None:
        engine.execute("DELETE FROM registry.timelines_due")
        return
    with engine.register("told_now", pa.table({"household_id": pa.array(households, pa.int64())})):
        engine.execute(
            "DELETE FROM registry.timelines_due WHERE household_id IN (SELECT household_id FROM told_now)"
        )
