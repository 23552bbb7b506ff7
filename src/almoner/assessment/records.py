"""Read what earlier cycles recorded: cycles, active findings and changes.

The tables belong to `almoner.assessment.ledger`. Functions that return text return a SELECT, for statements
that join it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from almoner.engines import Engine

OPEN_HOUSEHOLDS = "SELECT household_id FROM assessment.standing WHERE kind <> 'area'"


@dataclass(frozen=True)
class SweepRecord:
    """A cycle over everybody; `decided` is the hash of all findings that held."""

    as_of: dt.date
    known_at: dt.datetime
    pack_hash: str
    decided: str


def next_cycle_id(engine: Engine) -> int:
    """The number of the next cycle, from 1."""
    return 1 + int(engine.value("SELECT coalesce(max(cycle_id), 0) FROM assessment.cycle"))


def position(engine: Engine) -> dict[str, int]:
    """How far the cycles are: the last cycle, and the last change of the outbox."""
    return {
        "cycle": next_cycle_id(engine) - 1,
        "change": int(engine.value("SELECT coalesce(max(seq), 0) FROM assessment.change")),
    }


def last_sweep(
    engine: Engine, as_of: dt.date | None = None, known_at: dt.datetime | None = None
) -> SweepRecord | None:
    """The latest sweep; with `as_of` for that day, with `known_at` by that time."""
    given = {"as_of": as_of, "known_at": known_at}
    limits = {"as_of": "as_of = $as_of", "known_at": "known_at <= $known_at"}
    limits_given = {name: value for name, value in given.items() if value is not None}
    conditions = " AND ".join(["scope = 'everybody'", *(limits[name] for name in limits_given)])
    rows = engine.rows(
        f"""
        SELECT as_of, known_at, pack_hash, decided
        FROM assessment.cycle
        WHERE {conditions}
        ORDER BY {"known_at DESC, " if limits_given else ""}cycle_id DESC
        LIMIT 1
        """,
        limits_given,
    )
    return SweepRecord(*rows[0]) if rows else None


def open_signals(signal: str | None, columns: str) -> str:
    """A SELECT of the active findings of one signal, or of all signals."""
    only = "" if signal is None else f" AND item = '{signal}'"
    return f"SELECT {columns} FROM assessment.standing WHERE kind = 'signal'{only}"


def some_households(engine: Engine, most: int) -> list[int]:
    """At most `most` households with an active finding, always the same ones (ordered by a hash)."""
    rows = engine.rows(
        f"""
        SELECT household_id
        FROM (SELECT DISTINCT household_id FROM ({OPEN_HOUSEHOLDS}))
        ORDER BY hash(household_id)
        LIMIT $most
        """,
        {"most": most},
    )
    return [household for (household,) in rows]


def discard_open(engine: Engine, households: Sequence[int]) -> None:
    """Delete the active findings of `households`; for a transaction that is rolled back."""
    listed = ", ".join(str(int(household)) for household in households)
    engine.execute(f"DELETE FROM assessment.standing WHERE household_id IN ({listed})")


def changed_households(among: str | None = None) -> str:
    """A SELECT of the households with any finding ever, from a table of households or from all."""
    only = "" if among is None else f" WHERE household_id IN (SELECT household_id FROM {among})"
    return f"SELECT household_id FROM assessment.change{only}"


def changes_after(engine: Engine, columns: Sequence[str], seq: int, rows: int) -> list[tuple[Any, ...]]:
    """At most `rows` changes with a larger `seq`, oldest first: `columns`, template digest and payload."""
    return engine.rows(
        f"""
        SELECT {", ".join(columns)}, form, body
        FROM assessment.change
        WHERE seq > $seq
        ORDER BY seq
        LIMIT $rows
        """,
        {"seq": seq, "rows": rows},
    )


def template_texts(engine: Engine, digests: Iterable[str]) -> dict[str, str]:
    """By digest, the text of the templates of payloads."""
    wanted_digests = pa.table({"digest": pa.array(sorted(digests), pa.string())})
    with engine.register("wanted_template", wanted_digests):
        return dict(
            engine.rows("SELECT digest, text FROM assessment.form SEMI JOIN wanted_template USING (digest)")
        )
