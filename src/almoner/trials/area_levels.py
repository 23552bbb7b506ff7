"""Find for each area of a pack the area of a chosen level above it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from almoner.assessment.context import AssessmentContext
from almoner.engines import quote
from almoner.errors import AlmonerError
from almoner.policy.model.feeds import Feed, Property, Role


@dataclass(frozen=True)
class Levels:
    """The areas of a chosen level.

    `above` gives for each area the one of the level in which it lies. `labels` are the names of areas.
    """

    name: str | None
    above: Mapping[str, str]
    labels: Mapping[str, str]


def levels(context: AssessmentContext, level: str | None, language: str) -> Levels:
    """The areas at `level`, a value of a listed column of the feed of areas; None: those below the topmost.

    Without a feed with parents of areas, each area stands for itself. Raises AlmonerError for an unknown
    level.
    """
    feed = next((f for f in context.pack.feeds.values() if f.shared and f.with_role(Role.PARENT_AREA)), None)
    if feed is None:
        return Levels(None, {}, {})
    column = _level_column(feed, level)
    parents, kinds, labels = _tree(context, feed, column, language)
    chains = {area: _chain(area, parents) for area in parents}
    if level is None:
        depth = {area: chain[-2] if len(chain) > 1 else area for area, chain in chains.items()}
        names = {kinds.get(area) for area in depth.values() if len(chains[area]) == 2}
        return Levels(names.pop() if len(names) == 1 else None, depth, labels)
    reached = {
        area: next((a for a in chain if kinds.get(a) == level), None) for area, chain in chains.items()
    }
    return Levels(level, {area: found for area, found in reached.items() if found}, labels)


def level_table(context: AssessmentContext, chosen: Levels) -> pa.Table:
    """`area` and `above`, for every area that has households or that the feed names."""
    lived = [
        area
        for (area,) in context.engine.rows("SELECT DISTINCT area FROM wide_household WHERE area IS NOT NULL")
    ]
    plain = {} if chosen.above else {area: area for area in lived}
    both = {**plain, **chosen.above}
    return pa.table(
        {"area": pa.array(list(both), pa.string()), "above": pa.array(list(both.values()), pa.string())}
    )


def _level_column(feed: Feed, level: str | None) -> Property | None:
    listed = [p for p in feed.properties if p.valid_values]
    if level is None:
        return listed[0] if listed else None
    for column in listed:
        if level in column.valid_values:
            return column
    known = sorted({v for p in listed for v in p.valid_values})
    raise AlmonerError(
        f"The feed `{feed.id}` has no level `{level}`. Levels are: {', '.join(known) or 'none'}."
    )


def _tree(
    context: AssessmentContext, feed: Feed, column: Property | None, language: str
) -> tuple[dict[str, str | None], dict[str, str], dict[str, str]]:
    area, parent = feed.with_role(Role.AREA), feed.with_role(Role.PARENT_AREA)
    if area is None or parent is None:
        return {}, {}, {}
    name = feed.property_named(f"name_{language.split('-')[0]}")
    wanted = [quote(area.name), quote(parent.name)]
    wanted += [quote(column.name) if column else "NULL", quote(name.name) if name else "NULL"]
    rows = context.engine.rows(f"SELECT {', '.join(wanted)} FROM {quote(feed.id)} ORDER BY 1")
    kinds = {code: kind for code, _, kind, _ in rows if kind}
    return {r[0]: r[1] for r in rows}, kinds, {code: said for code, _, _, said in rows if said}


def _chain(area: str, parents: Mapping[str, str | None]) -> list[str]:
    """The area and those above it, up to the topmost."""
    chain: list[str] = []
    here: str | None = area
    while here is not None and here not in chain:
        chain.append(here)
        here = parents.get(here)
    return chain
