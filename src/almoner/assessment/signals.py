"""Decide signals in three values: true raises, false clears, unknown does neither and is a blind spot."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from almoner.assessment import gaps, watch
from almoner.assessment.context import AssessmentContext
from almoner.assessment.evidence import PRESENT, EvidenceSources, Explainer, planned
from almoner.assessment.feature_table import has, holds, subject_key
from almoner.assessment.ledger import EMPTY_FINDINGS, NONE_DISPROVED, RenderedChange, moved_items, removed
from almoner.assessment.rules import signal_conditions
from almoner.assessment.signal_groups import SignalGroup, drop_groups, evaluate, own_indicators, signal_groups
from almoner.engines import Engine, quote
from almoner.policy.model.pack import Pack, Signal
from almoner.policy.model.terms import Condition

FINDINGS, DISPROVED = "signal_findings", "signal_refuted"


@dataclass(frozen=True)
class Watched:
    """How one signal came out: covered subjects, those for whom it holds, and those for whom it
    is unknown.
    """

    signal: str
    subjects: int
    holds: int
    unknown: int


def find(context: AssessmentContext) -> list[Watched]:
    """Materialize `signal_findings`, and `signal_refuted`: the active signals known to be false.

    Gives the counts of each signal in a sweep; a cycle over some households gives none.
    """
    found = signal_groups(context.pack)
    context.engine.run_parallel([partial(_evaluate, context, group) for group in found])
    holding = (
        " UNION ALL ".join(_holding(context, s, f.held) for f in found for s in f.signals) or EMPTY_FINDINGS
    )
    disproved = " UNION ALL ".join(_disproved(context, f) for f in found) or NONE_DISPROVED
    context.engine.materialize_each([(FINDINGS, holding, None), (DISPROVED, disproved, None)])
    watch.find(context, FINDINGS)
    if not context.scoped:
        context.gaps[:] = gaps.find(context, found)
    counted = {} if context.scoped else {w.signal: w for f in found for w in _watched(context, f)}
    drop_groups(context, found)
    return [counted[s] for s in context.pack.signals if s in counted]


def _evaluate(context: AssessmentContext, group: SignalGroup, engine: Engine) -> None:
    evaluate(replace(context, engine=engine), group)


def digest(context: AssessmentContext, conditions: Sequence[Condition]) -> str:
    """SQL of a digest over a rule and its operands: evidence has changed when the digest differs."""
    if not context.evidence:
        return "NULL::VARCHAR"
    present = [c for c in conditions if c is not None]
    columns = dict.fromkeys(name for c in present for name in c.columns)
    known = [name for name in columns if name in context.pack.columns]
    rule = hashlib.sha256("|".join(context.sql(c) for c in present).encode()).hexdigest()[:16]
    parts = ", ".join(f"coalesce({quote(name)}::VARCHAR, '?')" for name in known)
    return f"md5(concat_ws('|', '{rule}'{', ' + parts if parts else ''}))"


def _holding(context: AssessmentContext, signal: Signal, table: str) -> str:
    severity = context.sql(signal.severity) if signal.severity else "0"
    person = "person_id" if signal.subject == "person" else "NULL::BIGINT"
    evidence = digest(context, signal_conditions(signal))
    return f"""
        SELECT
          '{signal.id}' AS item,
          '{signal.subject}' AS subject,
          {subject_key(signal.subject)} AS subject_id,
          household_id,
          {person} AS person_id,
          area,
          {_level(context, signal)} AS level,
          {severity}::DOUBLE AS severity,
          {evidence} AS digest
        FROM {quote(table)}
        WHERE {quote(holds(signal.id))}
        """


def _level(context: AssessmentContext, signal: Signal) -> str:
    *upper, last = signal.levels
    whens = "".join(f" WHEN {context.sql(level.when)} THEN '{level.id}'" for level in upper if level.when)
    return f"CASE{whens} ELSE '{last.id}' END" if whens else f"'{last.id}'"


def _disproved(context: AssessmentContext, group: SignalGroup) -> str:
    """The disproved signals of a group in one join, because a group's table has many columns."""
    is_false = " ".join(f"WHEN '{s.id}' THEN NOT w.{quote(holds(s.id))}" for s in group.signals)
    listed = ", ".join(f"'{s.id}'" for s in group.signals)
    return f"""
        SELECT s.key
        FROM {context.active_findings} AS s
        JOIN {quote(group.table)} AS w ON w.{subject_key(group.subject)} = s.subject_id
        WHERE s.kind = 'signal' AND s.item IN ({listed}) AND CASE s.item {is_false} END
        """


def _watched(context: AssessmentContext, group: SignalGroup) -> list[Watched]:
    """The counts of all signals of a group in one scan."""
    counts = ", ".join(
        f"{_times(spoken)}, {_times(held)}, {_times(f'{held} IS NULL AND {spoken}')}"
        for spoken, held in ((_covered(context, s), quote(holds(s.id))) for s in group.signals)
    )
    row = context.engine.rows(f"SELECT {counts} FROM {quote(group.table)}")[0]
    return [Watched(s.id, *row[3 * n : 3 * n + 3]) for n, s in enumerate(group.signals)]


def _times(condition: str) -> str:
    """SQL that counts how often a condition is true; `count_if` alone is null where it is never known."""
    return f"coalesce(count_if({condition}), 0)::BIGINT"


def _covered(context: AssessmentContext, signal: Signal) -> str:
    """SQL for whether the signal covers a person: one of its indicators has a row.

    A child is no blind spot of a signal about the elderly.
    """
    own = own_indicators(context.pack, signal) if signal.subject == "person" else []
    return f"({' OR '.join(quote(has(indicator.id)) for indicator in own)})" if own else "true"


def expiry(pack: Pack) -> dict[str, int]:
    """By signal, the days after which an unknown finding is cleared."""
    return {signal.id: signal.expires_days for signal in pack.signals.values()}


def render(context: AssessmentContext, sources: EvidenceSources) -> Iterator[RenderedChange]:
    """The rendered changes of the signals that moved."""
    watch.materialize_layers(context)
    for signal_id in moved_items(context.engine, "signal"):
        signal = context.pack.signals.get(signal_id)
        yield (
            planned(context, sources, "signal", signal_id, partial(_render, context, sources, signal))
            if signal
            else removed("signal", signal_id, {"signal": signal_id})
        )


def _render(context: AssessmentContext, sources: EvidenceSources, signal: Signal) -> RenderedChange:
    explainer = Explainer(context, sources, signal.subject)
    evidence = explainer.condition(signal.when, "when")
    terms = {level.id: {"amount": level.within.amount, "unit": level.within.unit} for level in signal.levels}
    expires = (context.as_of + dt.timedelta(days=signal.expires_days)).isoformat()
    body = {
        "signal": signal.id,
        "label": dict(signal.label),
        "subject": signal.subject,
        "theme": signal.theme,
        "level": explainer.bind("level", "m.level"),
        "severity": explainer.bind("severity", "m.severity"),
        "department": signal.department,
        "within": {"$choose": "level", "of": terms},
        "check": dict(signal.check),
        "why": dict(signal.why),
        "expires_on": explainer.bind("expires on", f"'{expires}'"),
        "layers": watch.layers(context, signal, explainer),
        "evidence": {"$choose": PRESENT, "of": {"true": evidence, "false": []}},
    }
    return explainer.render("signal", signal.id, body)
