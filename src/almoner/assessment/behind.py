"""Parts of feeds that are behind: whom they concern is unknown where others are known.

A contract may say by which column its deliveries are complete, such as an area or a supplier (`completeBy`).
Where one part is not complete like the others, the columns that rest on the feed are unknown for the persons
with a record of that part, for those who live in it where it is an area, and for their households.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING

from almoner.assessment.expressions import literal
from almoner.assessment.missing import Behind
from almoner.engines import Engine, quote
from almoner.policy.model.feeds import Feed, Role
from almoner.policy.model.pack import Column, Indicator, Pack
from almoner.policy.model.terms import Subject
from almoner.registry import completeness

if TYPE_CHECKING:
    from almoner.assessment.context import AssessmentContext


def find(engine: Engine, pack: Pack, known_at: dt.datetime) -> Behind:
    """The parts that are behind, as known at `known_at`. Without `completeBy` in the pack nothing is read."""
    if not any(feed.complete_by for feed in pack.feeds.values()):
        return {}
    found = completeness.parts_behind(engine, known_at)
    return {
        feed: parts for feed, parts in found.items() if feed in pack.feeds and pack.feeds[feed].complete_by
    }


def materialize(context: AssessmentContext) -> None:
    """Materialize whom the parts concern, from the open views."""
    for feed, parts in context.behind.items():
        persons, households = _table(feed, "person"), _table(feed, "household")
        listed = ", ".join(literal(part) for part in sorted(parts))
        selects = " UNION ".join(_concerned(context.pack, context.pack.feeds[feed], listed))
        context.engine.materialize(persons, f"SELECT DISTINCT person_id FROM ({selects})")
        context.engine.materialize(
            households,
            f"""
            SELECT DISTINCT household_id
            FROM member
            WHERE person_id IN (SELECT person_id FROM {quote(persons)})
            """,
        )


def tables(behind: Behind) -> list[str]:
    """The names of the materialized tables."""
    return [_table(feed, subject) for feed in behind for subject in _SUBJECTS]


def masked(context: AssessmentContext, indicator: Indicator) -> str:
    """The indicator's SQL, with its columns unknown for whom a part is behind that they rest on."""
    if not any(feed in context.behind for column in indicator.columns for feed in column.feeds):
        return indicator.sql
    key = f"{indicator.subject}_id"
    columns = ", ".join(_column(context.behind, indicator, column, key) for column in indicator.columns)
    return f"SELECT {key}, {columns} FROM ({indicator.sql}) AS found"


_SUBJECTS: tuple[Subject, ...] = ("person", "household")


def _table(feed: str, subject: Subject) -> str:
    return f"behind:{subject}:{feed}"


def _column(behind: Behind, indicator: Indicator, column: Column, key: str) -> str:
    name = quote(column.name)
    tables_read = [quote(_table(feed, indicator.subject)) for feed in column.feeds if feed in behind]
    concerned = " OR ".join(f"{key} IN (SELECT {key} FROM {table})" for table in tables_read)
    return f"CASE WHEN {concerned} THEN NULL ELSE {name} END AS {name}" if concerned else name


def _concerned(pack: Pack, feed: Feed, listed: str) -> Iterator[str]:
    column = quote(feed.complete_by or "")
    there = f"{column}::VARCHAR IN ({listed})"
    if feed.with_role(Role.RESIDENT_ID):
        yield f"SELECT person_id FROM {quote(feed.id)} WHERE {there}"
    elif feed.with_role(Role.HOUSEHOLD):
        homes = f"SELECT household_id FROM {quote(feed.id)} WHERE {there}"
        yield f"SELECT person_id FROM member WHERE household_id IN ({homes})"
    register, prop = pack.membership_feed, feed.property_named(feed.complete_by or "")
    area = register.with_role(Role.AREA)
    if prop is not None and prop.role is Role.AREA and area is not None:
        yield f"SELECT person_id FROM {quote(register.id)} WHERE {quote(area.name)} IN ({listed})"
