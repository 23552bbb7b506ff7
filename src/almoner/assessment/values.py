"""The pack's parameters in force on a day: values, and a table by area for those that depend on it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import pyarrow as pa

from almoner.assessment.expressions import Value, area_column
from almoner.engines import Engine, quote
from almoner.policy import watermarks
from almoner.policy.model.feeds import Feed, Role
from almoner.policy.model.pack import Pack, Parameter


@dataclass(frozen=True)
class ParameterValues:
    """`plain` values by name, `as_of` among them; `by_area` names the parameters that come as a column."""

    as_of: dt.date
    plain: Mapping[str, Value]
    by_area: frozenset[str]

    def with_watermarks(self, runs: Mapping[str, watermarks.Run]) -> ParameterValues:
        """The same values, with what is complete of each feed (`almoner.policy.watermarks`)."""
        return replace(self, plain={**self.plain, **watermarks.values(runs, self.as_of)})

    def among(self, names: Iterable[str]) -> dict[str, Value]:
        """The values of `names`, to be bound to a statement."""
        return {name: self.plain[name] for name in names}


def values_at(pack: Pack, as_of: dt.date) -> ParameterValues:
    """The value of every parameter of the pack on `as_of`; None for one that has ended."""
    plain: dict[str, Value] = {"as_of": as_of}
    for parameter in pack.parameters.values():
        found = parameter.at(as_of)
        plain[parameter.id] = found.value if found else None
    by_area = frozenset(p.id for p in pack.parameters.values() if p.by_area)
    return ParameterValues(as_of, plain, by_area)


def area_table(engine: Engine, pack: Pack, values: ParameterValues) -> pa.Table:
    """One row an area: `area`, and a column for each area-scoped parameter.

    A value comes from the area itself or from the nearest one above it that sets the parameter.
    """
    parents = _parents(engine, pack)
    scoped = [pack.parameters[name] for name in sorted(values.by_area)]
    columns = {
        area_column(p.id): [_nearest(p, area, parents, values.as_of) for area in parents] for p in scoped
    }
    return pa.table(
        {"area": pa.array(list(parents), pa.string()), **{k: pa.array(v) for k, v in columns.items()}}
    )


def _parents(engine: Engine, pack: Pack) -> dict[str, str | None]:
    feed = next((f for f in pack.feeds.values() if f.shared and f.with_role(Role.PARENT_AREA)), None)
    known = dict(engine.rows(_area_rows(feed))) if feed else {}
    lived_in = pack.membership_feed.with_role(Role.AREA)
    if lived_in:
        rows = engine.rows(
            f"""
            SELECT DISTINCT {quote(lived_in.name)}
            FROM {quote(pack.membership_feed.id)}
            WHERE {quote(lived_in.name)} IS NOT NULL
            """
        )
        known = {area: known.get(area) for (area,) in sorted(rows)} | known
    return known


def _area_rows(feed: Feed) -> str:
    area, parent = feed.with_role(Role.AREA), feed.with_role(Role.PARENT_AREA)
    if area is None or parent is None:
        return "SELECT NULL, NULL LIMIT 0"
    return f"SELECT {quote(area.name)}, {quote(parent.name)} FROM {quote(feed.id)} ORDER BY 1"


def _nearest(parameter: Parameter, area: str, parents: Mapping[str, str | None], day: dt.date) -> Value:
    seen: set[str] = set()
    here: str | None = area
    while here is not None and here not in seen:
        found = parameter.at(day, here)
        if found:
            return found.value
        seen.add(here)
        here = parents.get(here)
    default = parameter.at(day)
    return default.value if default else None
