"""Signals are judged field by field: those about persons that share an indicator of persons, and those
about households.

Few persons are spoken of in more than one field: the elderly, pupils and patients are not the same people.
So each field is worked out for its own persons, with its own columns, and not all fields for everybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from almoner.assessment.feature_table import (
    COVERED,
    holds,
    judgements,
    kept_as,
    person_rows,
    placeholder,
    wide,
)
from almoner.assessment.rules import signal_conditions
from almoner.engines import quote, with_columns
from almoner.policy.model.pack import Indicator, Pack, Signal
from almoner.policy.model.terms import Subject

if TYPE_CHECKING:
    from almoner.assessment.context import AssessmentContext


@dataclass(frozen=True)
class SignalGroup:
    """Signals of one kind of subject, and the kept table that says of each subject whether they hold;
    `held` has the rows where one does."""

    table: str
    subject: Subject
    signals: tuple[Signal, ...]
    indicators: frozenset[str]  # of persons, that the signals read

    @property
    def held(self) -> str:
        return f"held in {self.table}"


def fields(pack: Pack) -> list[SignalGroup]:
    """The fields that cover all signals of the pack."""
    signals = pack.signals.values()
    households = tuple(s for s in signals if s.subject == "household")
    found = [SignalGroup(wide("household"), "household", households, frozenset())] if households else []
    for signal in signals:
        if signal.subject == "person":
            own = frozenset(i.id for i in own_indicators(pack, signal))
            found = _with(found, SignalGroup(f"field:{signal.id}", "person", (signal,), own))
    return found


def _with(found: Sequence[SignalGroup], field: SignalGroup) -> list[SignalGroup]:
    apart = [f for f in found if not f.indicators & field.indicators]
    for other in found:
        if other not in apart:
            field = SignalGroup(
                other.table, field.subject, other.signals + field.signals, other.indicators | field.indicators
            )
    return [*apart, field]


def own_indicators(pack: Pack, signal: Signal) -> list[Indicator]:
    """The indicators of persons by which a person is a subject of the signal."""
    used = (pack.column(name)[0] for name in signal.when.columns)
    return list({i.id: i for i in used if i.subject == "person"}.values())


def judge(context: AssessmentContext, field: SignalGroup) -> None:
    """Keep the field's tables: what its signals read of each subject, and whether they hold. That of
    households is kept already."""
    if field.subject == "person":
        columns = {c for s in field.signals for condition in signal_conditions(s) for c in condition.columns}
        persons = person_rows(context, columns, _concerned(context, field))
        context.engine.materialize_join(
            field.table, persons.spine, persons.tables, judgements(context, field.signals)
        )
    holds_any = " OR ".join(quote(holds(s.id)) for s in field.signals)
    context.engine.materialize(field.held, f"SELECT * FROM {quote(field.table)} WHERE {holds_any}")


def forget(context: AssessmentContext, found: Sequence[SignalGroup]) -> None:
    """Let go of what `judge` kept."""
    context.engine.drop(*(f.held for f in found), *(f.table for f in found if f.subject == "person"))


def _concerned(context: AssessmentContext, field: SignalGroup) -> str:
    """A SELECT of the persons for whom a signal of the field can hold, be refuted or be unknown."""
    if _may_hold_for_anybody(context, field):
        return f"SELECT person_id, household_id FROM {COVERED}"
    covered = [f"SELECT person_id FROM {quote(kept_as(name))}" for name in sorted(field.indicators)]
    standing = f"SELECT subject_id FROM {context.standing} WHERE kind = 'signal' AND subject = 'person'"
    return f"""
        SELECT s.person_id, s.household_id
        FROM {COVERED} AS s
        SEMI JOIN ({" UNION ALL ".join([*covered, standing])}) AS p ON p.person_id = s.person_id
        """


def _may_hold_for_anybody(context: AssessmentContext, field: SignalGroup) -> bool:
    """Whether a signal of the field holds in some household for a person of whom its indicators say
    nothing, as `coalesce(visits, 0) < 2` does."""
    whens = judgements(context, field.signals)
    columns = {c for s in field.signals for c in s.when.columns}
    found = ", ".join(f"bool_or({quote(name)})" for name in whens)
    rows = context.engine.rows(f"SELECT {found} FROM ({with_columns(placeholder(context, columns), whens)})")
    return any(rows[0])
