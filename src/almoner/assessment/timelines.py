"""Compute the pack's timelines: values of households by month, which help case workers to look back.

No rule reads them.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import pyarrow as pa

from almoner.assessment.opening import parameters, register_scope, runs
from almoner.assessment.values import values_at
from almoner.engines import Engine
from almoner.policy import clocks, watermarks
from almoner.policy.model.pack import Pack, Timeline
from almoner.registry.scope import scope_views

MONTHS = 24  # how many months a timeline shows
_HOUSEHOLDS = "timeline_wanted"


@dataclass(frozen=True)
class TimelineSeries:
    """One timeline of a household, or of a person in it: the months that have a value, oldest first."""

    household_id: int
    person_id: int | None
    timeline: str
    points: tuple[tuple[dt.date, float], ...]


def lines(
    engine: Engine,
    pack: Pack,
    as_of: dt.date,
    known_at: dt.datetime,
    households_of: Mapping[str, Sequence[int]],
) -> Iterator[TimelineSeries]:
    """The series of each timeline for the households listed under its id, with one statement a timeline.

    Only the records of these households are in view.
    """
    pack = clocks.on(pack, as_of)
    households = sorted({household for chosen in households_of.values() for household in chosen})
    if not households:
        return
    with ExitStack() as stack:
        stack.enter_context(register_scope(engine, households))
        stack.enter_context(engine.views(scope_views(pack.feeds, known_at, households)))
        values = values_at(pack, as_of).with_watermarks(runs(engine))
        for timeline in pack.timelines.values():
            chosen = pa.table(
                {"household_id": pa.array(sorted(set(households_of.get(timeline.id, ()))), pa.int64())}
            )
            if chosen.num_rows:
                given = {**parameters(values, timeline), "since": _since(as_of), "until": as_of}
                with engine.register(_HOUSEHOLDS, chosen):
                    for batch in engine.batches(_statement(timeline), given):
                        yield from _lines(timeline, batch)


def circumstances(engine: Engine, pack: Pack, as_of: dt.date, known_at: dt.datetime) -> str:
    """A hash of what the series depend on beside facts: the pack, and how far their feeds are complete."""
    with engine.views(scope_views(pack.feeds, known_at, None)):
        through = watermarks.values(runs(engine), as_of)
    read = sorted({name for timeline in pack.timelines.values() for name in timeline.parameters})
    inputs = [pack.hash, _since(as_of), *((name, through[name]) for name in read if name in through)]
    return hashlib.sha256(repr(inputs).encode()).hexdigest()[:32]


def _since(as_of: dt.date) -> dt.date:
    """The first day of the last `MONTHS` months, the present one included."""
    months = as_of.year * 12 + as_of.month - MONTHS
    return dt.date(months // 12, months % 12 + 1, 1)


def _statement(timeline: Timeline) -> str:
    of_household = timeline.subject == "household"
    person = "NULL::BIGINT" if of_household else "t.person_id"
    member_join = "" if of_household else "JOIN member AS m ON m.person_id = t.person_id"
    household = "t.household_id" if of_household else "m.household_id"
    return f"""
        SELECT
          {household} AS household_id,
          {person} AS person_id,
          list(t.month::DATE ORDER BY t.month) AS months,
          list(round(t.value::DOUBLE, 4) ORDER BY t.month) AS "values"
        FROM ({timeline.sql}) AS t {member_join}
        SEMI JOIN {_HOUSEHOLDS} AS w ON w.household_id = {household}
        WHERE t.month BETWEEN $since AND $until AND t.value IS NOT NULL
        GROUP BY 1, 2
        ORDER BY 1, 2
        """


def _lines(timeline: Timeline, batch: pa.RecordBatch) -> Iterator[TimelineSeries]:
    columns = (batch.column(name).to_pylist() for name in ("household_id", "person_id", "months", "values"))
    for household, person, months, values in zip(*columns, strict=True):
        yield TimelineSeries(household, person, timeline.id, tuple(zip(months, values, strict=True)))
