"""Signal groups: signals that one feature table serves.

All signals about households are one group. Signals about persons share a group when they share an indicator
of persons. Few persons are in more than one group, so each group is computed for its own persons and columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from almoner.assessment.feature_table import (
    COVERED,
    feature_table,
    holds,
    indicator_table,
    person_rows,
    placeholder,
    signal_columns,
)
from almoner.assessment.rules import signal_conditions
from almoner.engines import quote, with_columns
from almoner.policy.model.pack import Indicator, Pack, Signal
from almoner.policy.model.terms import Subject

if TYPE_CHECKING:
    from almoner.assessment.context import AssessmentContext


@dataclass(frozen=True)
class SignalGroup:
    """Signals about one kind of subject.

    `table` has the value of each signal for each subject; `held` has the rows in which one of them is true.
    """

    table: str
    subject: Subject
    signals: tuple[Signal, ...]
    indicators: frozenset[str]  # of persons, that the signals read

    @property
    def held(self) -> str:
        return f"held in {self.table}"


def signal_groups(pack: Pack) -> list[SignalGroup]:
    """The groups that cover all signals of the pack."""
    signals = pack.signals.values()
    households = tuple(s for s in signals if s.subject == "household")
    found = (
        [SignalGroup(feature_table("household"), "household", households, frozenset())] if households else []
    )
    for signal in signals:
        if signal.subject == "person":
            own = frozenset(i.id for i in own_indicators(pack, signal))
            found = _with(found, SignalGroup(f"field:{signal.id}", "person", (signal,), own))
    return found


def _with(found: Sequence[SignalGroup], group: SignalGroup) -> list[SignalGroup]:
    separate = [f for f in found if not f.indicators & group.indicators]
    for other in found:
        if other not in separate:
            group = SignalGroup(
                other.table, group.subject, other.signals + group.signals, other.indicators | group.indicators
            )
    return [*separate, group]


def own_indicators(pack: Pack, signal: Signal) -> list[Indicator]:
    """The indicators of persons by which a person becomes a subject of the signal."""
    used = (pack.column(name)[0] for name in signal.when.columns)
    return list({i.id: i for i in used if i.subject == "person"}.values())


def evaluate(context: AssessmentContext, group: SignalGroup) -> None:
    """Materialize the group's tables. That of households exists already, as the feature table."""
    if group.subject == "person":
        columns = {c for s in group.signals for condition in signal_conditions(s) for c in condition.columns}
        persons = person_rows(context, columns, _concerned(context, group))
        context.engine.materialize_join(
            group.table, persons.spine, persons.tables, signal_columns(context, group.signals)
        )
    holds_any = " OR ".join(quote(holds(s.id)) for s in group.signals)
    context.engine.materialize(group.held, f"SELECT * FROM {quote(group.table)} WHERE {holds_any}")


def drop_groups(context: AssessmentContext, found: Sequence[SignalGroup]) -> None:
    """Drop the tables of `evaluate`."""
    context.engine.drop(*(f.held for f in found), *(f.table for f in found if f.subject == "person"))


def _concerned(context: AssessmentContext, group: SignalGroup) -> str:
    """A SELECT of the persons for whom a signal of the group can be true, false or unknown."""
    if _may_hold_for_anybody(context, group):
        return f"SELECT person_id, household_id FROM {COVERED}"
    covered = [f"SELECT person_id FROM {quote(indicator_table(name))}" for name in sorted(group.indicators)]
    active = f"SELECT subject_id FROM {context.active_findings} WHERE kind = 'signal' AND subject = 'person'"
    return f"""
        SELECT s.person_id, s.household_id
        FROM {COVERED} AS s
        SEMI JOIN ({" UNION ALL ".join([*covered, active])}) AS p ON p.person_id = s.person_id
        """


def _may_hold_for_anybody(context: AssessmentContext, group: SignalGroup) -> bool:
    """Whether a signal of the group can be true for a person without a row in its indicators.

    `coalesce(visits, 0) < 2` is such a condition.
    """
    whens = signal_columns(context, group.signals)
    columns = {c for s in group.signals for c in s.when.columns}
    found = ", ".join(f"bool_or({quote(name)})" for name in whens)
    rows = context.engine.rows(f"SELECT {found} FROM ({with_columns(placeholder(context, columns), whens)})")
    return any(rows[0])
