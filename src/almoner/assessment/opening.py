"""Open a scope for assessment: its views, parameters, indicators and feature tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import MappingProxyType

import pyarrow as pa

from almoner.assessment import behind
from almoner.assessment.context import ACTIVE, AssessmentContext
from almoner.assessment.feature_table import (
    COVERED,
    SUBJECTS,
    covered,
    everybody,
    feature_table,
    indicator_table,
    signal_columns,
)
from almoner.assessment.ledger import active_findings_of
from almoner.assessment.rules import population_conditions
from almoner.assessment.values import ParameterValues, area_table, values_at
from almoner.engines import Engine, Parameters, quote, with_columns
from almoner.policy import clocks
from almoner.policy.model.pack import Indicator, Pack, Timeline
from almoner.policy.model.terms import Subject
from almoner.policy.watermarks import Run
from almoner.registry.living import Absent
from almoner.registry.scope import SCOPE_TABLE, scope_views, up_to


@contextmanager
def open_context(
    engine: Engine,
    pack: Pack,
    as_of: dt.date,
    known_at: dt.datetime,
    households: Sequence[int] | None = None,
    absent: Absent = MappingProxyType({}),
    *,
    closed: bool = False,
    evidence: bool = True,
) -> Iterator[AssessmentContext]:
    """Open the views of a scope (all households when None) and compute what is needed of everybody.

    `absent` is described at `scope_views`. With `closed`, `as_of` is an earlier day and later events are not
    in view. Without `evidence`, findings have no digest and cannot be recorded.
    """
    pack = clocks.on(pack, as_of)
    with ExitStack() as stack:
        if households is not None:
            stack.enter_context(engine.small_batch())
            stack.enter_context(register_scope(engine, households))
        views = scope_views(pack.feeds, known_at, households, absent, day=as_of)
        if closed:
            views = up_to(views, pack.feeds, as_of, known_at)
        if households is not None:
            views = _materialized_views(engine, stack, pack, views)
        stack.enter_context(engine.views(views))
        values = values_at(pack, as_of).with_watermarks(runs(engine))
        context = AssessmentContext(
            engine=engine,
            pack=pack,
            as_of=as_of,
            known_at=known_at,
            values=values,
            scoped=households is not None,
            views=views,
            evidence=evidence,
            behind=behind.find(engine, pack, known_at),
        )
        stack.callback(engine.drop, *behind.tables(context.behind))
        behind.materialize(context)
        indicators = (indicator_table(i.id) for i in pack.indicators.values())
        stack.callback(engine.drop, *indicators, *map(feature_table, SUBJECTS), COVERED)
        compute(context, early(pack))
        _materialize_feature_tables(context, stack)
        yield context


def register_scope(engine: Engine, households: Sequence[int]) -> AbstractContextManager[None]:
    """Within the block, the table of households that `scope_views` needs exists."""
    return engine.register(
        SCOPE_TABLE, pa.table({"household_id": pa.array(sorted(set(households)), pa.int64())})
    )


def _materialized_views(
    engine: Engine, stack: ExitStack, pack: Pack, views: Mapping[str, str]
) -> dict[str, str]:
    """The same views of some households, over tables in memory.

    Their records are read once, and every statement after that reads only these few rows.
    """
    read = {feed for i in pack.indicators.values() for c in i.columns for feed in c.feeds}
    views_read = {
        "member",
        "feed",
        pack.membership_feed.id,
        *read,
        *(f.id for f in pack.feeds.values() if f.shared),
    }
    tables = {name: f"scope:{name}" for name in views if name in views_read}
    stack.callback(engine.drop, ACTIVE, *tables.values())
    here = "household_id IN (SELECT household_id FROM scope_household)"
    engine.materialize(tables["member"], views["member"])
    moved_here = f"""
        subject = 'person'
        AND subject_id IN (SELECT person_id FROM {quote(tables["member"])})
        AND NOT {here}
        """
    # apart from the others below: a warm-up has deleted findings without a commit
    engine.materialize(ACTIVE, " UNION ALL ".join(active_findings_of(c) for c in (here, moved_here)))
    with engine.views({"member": f"SELECT * FROM {quote(tables['member'])}"}):
        engine.materialize_each((tables[name], views[name], None) for name in tables.keys() - {"member"})
    return {name: f"SELECT * FROM {quote(table)}" for name, table in tables.items()}


def runs(engine: Engine) -> dict[str, Run]:
    """How far each feed in the open views is complete, and since when."""
    sql = "SELECT feed, complete_since, complete_through, unbroken FROM feed"
    return {feed: Run(*run) for feed, *run in engine.rows(sql)}


def early(pack: Pack) -> list[Indicator]:
    """The indicators that population-wide conditions read."""
    if pack.panel:
        return list(pack.indicators.values())
    columns = {c for condition in population_conditions(pack) for c in condition.columns}
    return [i for i in pack.indicators.values() if any(c.name in columns for c in i.columns)]


def late(pack: Pack) -> list[Indicator]:
    """The indicators that are needed for support candidates only."""
    first = {i.id for i in early(pack)}
    return [i for i in pack.indicators.values() if i.id not in first]


def compute(context: AssessmentContext, indicators: Iterable[Indicator]) -> None:
    """Materialize indicators over the open scope."""
    context.engine.materialize_each(
        (indicator_table(i.id), behind.masked(context, i), parameters(context.values, i)) for i in indicators
    )


def parameters(values: ParameterValues, read: Indicator | Timeline) -> Parameters:
    """The parameters that the SQL of an indicator or a timeline is run with."""
    return values.among([*read.parameters, *(["as_of"] if "$as_of" in read.sql else [])])


def _materialize_feature_tables(context: AssessmentContext, stack: ExitStack) -> None:
    if context.values.by_area:
        areas = area_table(context.engine, context.pack, context.values)
        stack.enter_context(context.engine.register("parameter_by_area", areas))
    _materialize_feature_table(context, "household")
    context.engine.materialize(COVERED, covered(context))
    if context.scoped:
        _materialize_feature_table(context, "person")
    else:  # a view, because most cells are empty and readers need few of them
        persons = with_columns(everybody(context, "person").sql, _signal_columns(context, "person"))
        stack.enter_context(context.engine.views({feature_table("person"): persons}))


def _materialize_feature_table(context: AssessmentContext, subject: Subject) -> None:
    found = everybody(context, subject)
    context.engine.materialize_join(
        feature_table(subject), found.spine, found.tables, _signal_columns(context, subject)
    )


def _signal_columns(context: AssessmentContext, subject: Subject) -> dict[str, str]:
    return signal_columns(context, (s for s in context.pack.signals.values() if s.subject == subject))
