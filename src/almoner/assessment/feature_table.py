"""Feature tables: one row a subject, with its indicators and the value of every signal.

The tables of everybody hold only what has to be computed for everybody
(`almoner.assessment.rules.population_conditions`). `rows` gives all columns, for the support candidates. The
table of persons is a view in a sweep, because most of its cells are empty and readers need few columns.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from almoner.assessment.expressions import area_column
from almoner.assessment.rules import (
    category_conditions,
    population_conditions,
    programme_conditions,
    signal_conditions,
)
from almoner.engines import Join, join_select, quote
from almoner.policy.model.feeds import Role
from almoner.policy.model.pack import Indicator, Pack, Signal
from almoner.policy.model.terms import Condition, Subject

if TYPE_CHECKING:
    from almoner.assessment.context import AssessmentContext

SUBJECTS: tuple[Subject, ...] = ("household", "person")
COVERED = "spoken_of"  # the materialized table of `covered` persons


def feature_table(subject: Subject) -> str:
    """The name of the table of all households, or of the view of all persons."""
    return f"wide_{subject}"


def subject_key(subject: Subject) -> str:
    """The column that identifies a subject."""
    return "household_id" if subject == "household" else "person_id"


def indicator_table(indicator: str) -> str:
    """The name of the table with an indicator's rows."""
    return f"indicator:{indicator}"


def has(indicator: str) -> str:
    """The column that says whether an indicator has a row for the person."""
    return f"has:{indicator}"


def holds(signal: str) -> str:
    """The column with a signal's value: true, false or null."""
    return f"holds:{signal}"


@dataclass(frozen=True)
class Rows:
    """A row for each subject of the SELECT `spine`, joined with materialized `tables`."""

    spine: str
    tables: tuple[Join, ...]

    @property
    def sql(self) -> str:
        return join_select(self.spine, self.tables)


def everybody(context: AssessmentContext, subject: Subject) -> Rows:
    """All subjects, with the columns that population-wide conditions read."""
    population_columns = _population_columns(context.pack)
    return (
        rows(context, "household", population_columns)
        if subject == "household"
        else person_rows(context, population_columns, f"SELECT * FROM {COVERED}")
    )


def signal_columns(context: AssessmentContext, signals: Iterable[Signal]) -> dict[str, str]:
    """By column name, the SQL of each signal's value."""
    return {holds(s.id): context.sql(s.when) for s in signals}


def covered(context: AssessmentContext) -> str:
    """A SELECT of the persons for whom a population-wide indicator has a row, with their households.

    Nobody else can be the subject of a signal about persons.
    """
    return _covered(context.pack, _indicators_read(context.pack, "person", _population_columns(context.pack)))


def _population_columns(pack: Pack) -> set[str] | None:
    return None if pack.panel else {c for condition in population_conditions(pack) for c in condition.columns}


def rows(
    context: AssessmentContext, subject: Subject, columns: Collection[str] | None = None, among: str = ""
) -> Rows:
    """A row a subject: its household, its area and its indicators' `columns` (None: all).

    With `among`, a materialized table to which the context is narrowed, only the households in it. Persons
    then take the household's columns from the materialized table `among_household`. Persons are those with a
    row of some indicator.
    """
    if subject == "household":
        return _households(context, columns, among)
    persons = _covered(
        context.pack,
        _indicators_read(context.pack, "person", columns),
        " AS i SEMI JOIN member ON member.person_id = i.person_id" if among else "",
    )
    return person_rows(
        context, columns, persons, f"{among}_household" if among else feature_table("household")
    )


def _households(context: AssessmentContext, columns: Collection[str] | None, among: str) -> Rows:
    register = context.pack.membership_feed
    area = register.with_role(Role.AREA)
    tables = _joins(context.pack, "household", columns)
    if context.values.by_area:
        local = {column: column for column in map(area_column, context.values.by_area)}
        tables.append(Join("parameter_by_area", "area", "area", local))
    here = f"min({quote(area.name)})" if area else "NULL::VARCHAR"
    only = f" AND household_id IN (SELECT household_id FROM {among})" if among else ""
    spine = f"""
        SELECT household_id, {here} AS area
        FROM {quote(register.id)}
        WHERE household_id IS NOT NULL{only}
        GROUP BY household_id
        """
    return Rows(spine, tuple(tables))


def person_rows(
    context: AssessmentContext, columns: Collection[str] | None, persons: str, around: str = ""
) -> Rows:
    """As `rows`, for `persons`, a SELECT of person_id and household_id.

    The household's columns come from the materialized table `around`, or from the feature table.
    """
    spine = f"""
        SELECT s.person_id, {_of_household(context, columns)}
        FROM ({persons}) AS s
        JOIN {around or feature_table("household")} AS h ON h.household_id = s.household_id
        """
    return Rows(spine, tuple(_joins(context.pack, "person", columns)))


def placeholder(context: AssessmentContext, columns: Collection[str]) -> str:
    """A row a household, as a person would have it for whom no indicator has a row."""
    tables = [
        (quote(indicator_table(i.id)), _columns_of(i, columns))
        for i in _indicators_read(context.pack, "person", columns)
    ]
    listed = "".join(f", {table}.{quote(c)}" for table, wanted in tables for c in wanted)
    joins = "".join(f" LEFT JOIN {table} ON false" for table, _columns in tables)
    return f"SELECT {_of_household(context, columns)}{listed} FROM {feature_table('household')} AS h{joins}"


def _covered(pack: Pack, indicators: Sequence[Indicator], only: str = "") -> str:
    if not indicators:
        return "SELECT NULL::BIGINT AS person_id, NULL::BIGINT AS household_id LIMIT 0"
    persons = " UNION ".join(
        f"SELECT person_id FROM {quote(indicator_table(i.id))}{only}" for i in indicators
    )
    return f"""
        SELECT p.person_id, living.household_id
        FROM ({persons}) AS p
        JOIN {quote(pack.membership_feed.id)} AS living ON living.person_id = p.person_id
        WHERE living.household_id IS NOT NULL
        """


def _joins(pack: Pack, subject: Subject, columns: Collection[str] | None) -> list[Join]:
    key = subject_key(subject)
    return [
        Join(
            indicator_table(i.id),
            key,
            key,
            {c: c for c in _columns_of(i, columns)},
            has(i.id) if subject == "person" else "",
        )
        for i in _indicators_read(pack, subject, columns)
    ]


def _indicators_read(pack: Pack, subject: Subject, columns: Collection[str] | None) -> list[Indicator]:
    return [i for i in pack.indicators.values() if i.subject == subject and _columns_of(i, columns)]


def _columns_of(indicator: Indicator, columns: Collection[str] | None) -> list[str]:
    return [c.name for c in indicator.columns if columns is None or c.name in columns]


def _of_household(context: AssessmentContext, columns: Collection[str] | None) -> str:
    """The household's columns that rules about persons read. Others need not be copied."""
    rules = _rules_of_persons(context.pack)
    read = {c for r in rules for c in r.columns if _subject_of(context.pack, c) == "household"}
    read = {c for c in read if columns is None or c in columns}
    read |= {area_column(p) for r in rules for p in r.parameters if p in context.values.by_area}
    return ", ".join(["h.household_id", "h.area", *(f"h.{quote(c)}" for c in sorted(read))])


def _rules_of_persons(pack: Pack) -> list[Condition]:
    rules = [r for s in pack.signals.values() if s.subject == "person" for r in signal_conditions(s)]
    rules += [r for p in pack.programmes.values() if p.subject == "person" for r in programme_conditions(p)]
    rules += [r for c in pack.categories.values() if c.subject == "person" for r in category_conditions(c)]
    return rules + (
        [g.when for g in pack.watch.groups.values() if g.subject == "person"] if pack.watch else []
    )


def _subject_of(pack: Pack, column: str) -> Subject | None:
    try:
        return pack.column(column)[0].subject
    except KeyError:  # an earlier step of an amount
        return None
