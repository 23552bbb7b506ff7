"""What a cycle looks at: the facts of a scope as known at a time, and every indicator computed on them.

A sweep, a slice of a stream and a replay differ only in the views that are opened here; the pack's SQL is the same text.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pyarrow as pa

from almoner.assessment.expressions import area_column, bind
from almoner.assessment.values import ParameterValues, area_table, values_at
from almoner.engines import Engine, quote
from almoner.policy.model import Condition, Indicator, Pack, Programme, Role, Signal, Subject
from almoner.registry.scope import scope_views

HOUSEHOLDS, PERSONS = "wide_household", "wide_person"


@dataclass(frozen=True)
class Scene:
    """An open scope: `wide_household` and `wide_person` hold a row a subject with all its indicators."""

    engine: Engine
    pack: Pack
    as_of: dt.date
    known_at: dt.datetime
    values: ParameterValues
    scoped: bool  # whether only some households are in view

    def sql(self, condition: Condition | str) -> str:
        """A condition as SQL over the wide tables."""
        text = condition if isinstance(condition, str) else condition.sql
        return f"({bind(text, self.values.plain, self.values.by_area)})"


def wide(subject: Subject) -> str:
    return HOUSEHOLDS if subject == "household" else PERSONS


def subject_key(subject: Subject) -> str:
    return "household_id" if subject == "household" else "person_id"


def has(indicator: str) -> str:
    """The wide tables' column that says whether an indicator has a row for the subject."""
    return f"has:{indicator}"


@contextmanager
def open_scene(
    engine: Engine, pack: Pack, as_of: dt.date, known_at: dt.datetime, households: Sequence[int] | None = None
) -> Iterator[Scene]:
    """Open the views of a scope (all households when None) and compute the indicators."""
    with ExitStack() as stack:
        if households is not None:
            scope = pa.table({"household_id": pa.array(sorted(set(households)), pa.int64())})
            stack.enter_context(engine.offer("scope_household", scope))
        views = scope_views(pack.feeds, known_at, households)
        stack.enter_context(engine.views(views))
        values = values_at(pack, as_of).with_watermarks(_complete_through(engine))
        scene = Scene(engine, pack, as_of, known_at, values, households is not None)
        stack.callback(engine.forget, *(kept_as(i.id) for i in pack.indicators.values()), HOUSEHOLDS, PERSONS)
        for indicator in pack.indicators.values():
            compute(scene, indicator)
        _widen(scene, stack)
        yield scene


def _complete_through(engine: Engine) -> dict[str, dt.date | None]:
    return dict(engine.rows("SELECT feed, complete_through FROM feed"))


def kept_as(indicator: str) -> str:
    """The name under which an indicator's rows are kept."""
    return f"indicator:{indicator}"


def compute(scene: Scene, indicator: Indicator) -> None:
    """Compute one indicator over the open scope."""
    wanted = [*indicator.parameters, *(["as_of"] if "$as_of" in indicator.sql else [])]
    scene.engine.keep(kept_as(indicator.id), indicator.sql, scene.values.among(wanted))


def _widen(scene: Scene, stack: ExitStack) -> None:
    if scene.values.by_area:
        areas = area_table(scene.engine, scene.pack, scene.values)
        stack.enter_context(scene.engine.offer("parameter_by_area", areas))
    scene.engine.keep(HOUSEHOLDS, _wide_household(scene))
    scene.engine.keep(PERSONS, _wide_person(scene))


def _indicators(pack: Pack, subject: Subject) -> list[Indicator]:
    return [i for i in pack.indicators.values() if i.subject == subject]


def _area(pack: Pack) -> str:
    area = pack.membership_feed.with_role(Role.AREA)
    return f"min({quote(area.name)})" if area else "NULL::VARCHAR"


def _joins(indicators: Sequence[Indicator], key: str) -> tuple[list[str], list[str]]:
    columns, joins = [], []
    for indicator in indicators:
        table = quote(kept_as(indicator.id))
        columns += [f"{table}.{quote(column.name)}" for column in indicator.columns]
        columns.append(f"{table}.{key} IS NOT NULL AS {quote(has(indicator.id))}")
        joins.append(f"LEFT JOIN {table} ON {table}.{key} = s.{key}")
    return columns, joins


def _wide_household(scene: Scene) -> str:
    membership = quote(scene.pack.membership_feed.id)
    columns, joins = _joins(_indicators(scene.pack, "household"), "household_id")
    if scene.values.by_area:
        columns.append("parameter_by_area.* EXCLUDE (area)")
        joins.append("LEFT JOIN parameter_by_area ON parameter_by_area.area = s.area")
    return (
        f"SELECT s.household_id, s.area{_listed(columns)} FROM (SELECT household_id, {_area(scene.pack)} AS area"
        f" FROM {membership} WHERE household_id IS NOT NULL GROUP BY household_id) AS s {' '.join(joins)}"
    )


def _wide_person(scene: Scene) -> str:
    """Only persons that some person indicator speaks of: nobody else can be the subject of a person's signal."""
    own = _indicators(scene.pack, "person")
    if not own:
        return f"SELECT NULL::BIGINT AS person_id, h.* FROM {HOUSEHOLDS} AS h LIMIT 0"
    columns, joins = _joins(own, "person_id")
    spoken_of = " UNION ".join(f"SELECT person_id FROM {quote(kept_as(i.id))}" for i in own)
    return (
        f"SELECT s.person_id, {_of_household(scene)}{_listed(columns)} FROM ({spoken_of}) AS s JOIN member ON member.person_id = s.person_id"
        f" JOIN {HOUSEHOLDS} AS h ON h.household_id = member.household_id {' '.join(joins)}"
    )


def _of_household(scene: Scene) -> str:
    """What persons' rules read of their household; the rest would only be copied."""
    pack = scene.pack
    rules = [r for s in pack.signals.values() if s.subject == "person" for r in signal_conditions(s)]
    rules += [r for p in pack.programmes.values() if p.subject == "person" for r in programme_conditions(p)]
    columns = {c for r in rules for c in r.columns if _read_of(pack, c) == "household"}
    columns |= {area_column(p) for r in rules for p in r.parameters if p in scene.values.by_area}
    return ", ".join(["h.household_id", "h.area", *(f"h.{quote(c)}" for c in sorted(columns))])


def _read_of(pack: Pack, column: str) -> Subject | None:
    try:
        return pack.column(column)[0].subject
    except KeyError:  # an earlier step of an amount
        return None


def signal_conditions(signal: Signal) -> list[Condition]:
    """Every condition that a signal reads."""
    found = [signal.when, signal.severity, *(level.when for level in signal.levels)]
    return [c for c in found if c is not None]


def programme_conditions(programme: Programme) -> list[Condition]:
    """Every condition that a programme reads."""
    exclusions = [e.when for e in programme.exclusions]
    return [programme.eligible, *exclusions, *(step.value for step in programme.steps)]


def _listed(columns: Sequence[str]) -> str:
    return "".join(f", {column}" for column in columns)
