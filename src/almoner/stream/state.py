"""How far the stream was taken in, and what waits: for assessment, for casework, for timelines.

`offsets` gives the last event of each feed that the facts hold. It is written in the transaction of the facts
themselves, and so is what they leave to be assessed: households, feeds whose watermark moved, or everybody.
A cycle clears its households in its own transaction, and notes there that they are pending for casework. They
stay pending until casework has followed, so a process that dies in between leaves nobody out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from almoner.engines.base import Engine
from almoner.registry import dirty

_TABLES = {
    "stream_offset": "feed VARCHAR, seq BIGINT",
    # households that the day or a watermark concerns; assessed together with dirty ones
    "due": "household_id BIGINT",
    "stream_mark": "name VARCHAR, value VARCHAR",
    # households whose results of this cycle casework may not have yet
    "untold": "cycle_id BIGINT, household_id BIGINT, doubtful BOOLEAN",
    # households whose timelines are to be computed anew
    "timelines_due": "household_id BIGINT",
}


def ensure(engine: Engine) -> None:
    """Create the tables that are missing."""
    dirty.ensure(engine)
    for name, columns in _TABLES.items():
        engine.execute(f"CREATE TABLE IF NOT EXISTS registry.{name} ({columns})")


def offsets(engine: Engine) -> dict[str, int]:
    """By feed, the position of the last event that was taken in."""
    return dict(engine.rows("SELECT feed, max(seq) FROM registry.stream_offset GROUP BY feed"))


def move_offsets(engine: Engine, through: Mapping[str, int]) -> None:
    """Store, by feed, the position of the last event that is being taken in."""
    rows = {"feed": pa.array(through.keys(), pa.string()), "seq": pa.array(through.values(), pa.int64())}
    with engine.register("offsets_moved", pa.table(rows)):
        engine.execute("DELETE FROM registry.stream_offset WHERE feed IN (SELECT feed FROM offsets_moved)")
        engine.execute("INSERT INTO registry.stream_offset SELECT feed, seq FROM offsets_moved")


def mark(engine: Engine, name: str) -> str | None:
    """A remembered value, for instance the day of the last tick."""
    value: str | None = engine.value(
        "SELECT value FROM registry.stream_mark WHERE name = $name", {"name": name}
    )
    return value


def set_mark(engine: Engine, name: str, value: str) -> None:
    """Remember a value, within the caller's transaction."""
    engine.execute("DELETE FROM registry.stream_mark WHERE name = $name", {"name": name})
    engine.execute("INSERT INTO registry.stream_mark VALUES ($name, $value)", {"name": name, "value": value})


def note_date_due(engine: Engine, households: Sequence[int]) -> None:
    """Note households that the day or a watermark concerns, within the caller's transaction."""
    _note(engine, "due", households)


def date_due(engine: Engine, most: int) -> list[int]:
    """At most `most` households that the day or a watermark concerns, in the order of their ids."""
    return dirty.first_households(engine, "due", most)


def count_waiting(engine: Engine) -> int:
    """How many households wait to be assessed."""
    waiting = f"{dirty.HOUSEHOLDS} UNION ALL SELECT household_id FROM registry.due"
    return int(engine.value(f"SELECT count(DISTINCT household_id) FROM ({waiting})"))


def enqueue(
    engine: Engine,
    cycle_id: int,
    households: Sequence[int],
    evidence_lost: Sequence[int],
    *,
    done_through: int = 0,
) -> None:
    """Within a cycle's transaction: note that its households wait for casework and for their timelines.

    `evidence_lost`: those among them with open signals whose evidence was corrected or withdrawn.
    `done_through`: the last cycle that casework has followed; what waited for it is cleared.
    """
    lost = set(evidence_lost)
    assessed = {
        "household_id": pa.array(households, pa.int64()),
        "doubtful": pa.array([h in lost for h in households], pa.bool_()),
    }
    with engine.register("assessed_now", pa.table(assessed)):
        dirty.clear(engine, "assessed_now")
        engine.execute(
            "DELETE FROM registry.due WHERE household_id IN (SELECT household_id FROM assessed_now)"
        )
        forget_pending(engine, done_through)
        engine.execute(
            "INSERT INTO registry.untold SELECT $cycle_id, household_id, doubtful FROM assessed_now",
            {"cycle_id": cycle_id},
        )
        engine.execute("INSERT INTO registry.timelines_due SELECT household_id FROM assessed_now")


def forget_everybody(engine: Engine) -> None:
    """After a sweep that casework has followed: nothing waits for either any more."""
    dirty.forget_all(engine)
    for name in ("due", "untold"):
        engine.execute(f"DELETE FROM registry.{name}")


def pending(engine: Engine) -> dict[int, bool]:
    """Households whose results of the last cycles casework may not have, and whether they lost evidence."""
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


def forget_pending(engine: Engine, last_cycle: int | None) -> None:
    """Casework has the results of all cycles up to `last_cycle`; None: of all cycles."""
    up_to = "" if last_cycle is None else f" WHERE cycle_id <= {int(last_cycle)}"
    engine.execute(f"DELETE FROM registry.untold{up_to}")


def note_timelines_due(engine: Engine, households: Sequence[int]) -> None:
    """Note households whose timelines are to be computed anew, within the caller's transaction."""
    _note(engine, "timelines_due", households)


def timelines_due(engine: Engine, most: int) -> list[int]:
    """At most `most` households whose timelines are to be computed anew, in the order of their ids."""
    return dirty.first_households(engine, "timelines_due", most)


def _note(engine: Engine, table: str, households: Sequence[int]) -> None:
    with engine.register("noted_now", pa.table({"household_id": pa.array(households, pa.int64())})):
        engine.execute(f"INSERT INTO registry.{table} SELECT household_id FROM noted_now")


def forget_timelines_due(engine: Engine, households: Sequence[int] | None) -> None:
    """Casework has the timelines of these households; None: of all."""
    if households is None:
        engine.execute("DELETE FROM registry.timelines_due")
        return
    with engine.register("computed_now", pa.table({"household_id": pa.array(households, pa.int64())})):
        engine.execute(
            "DELETE FROM registry.timelines_due WHERE household_id IN (SELECT household_id FROM computed_now)"
        )
