"""Choose the support candidates: households with an open signal, a recognition or an active proposal.

No category or programme can apply to anybody else, so rules with many columns are computed for few rows. Each
row also has its open signals and its recognitions as lists, which is faster than a subquery in every rule.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from almoner.assessment.context import AssessmentContext
from almoner.assessment.evidence import Explainer
from almoner.assessment.feature_table import SUBJECTS, feature_table, rows, subject_key
from almoner.assessment.opening import compute, late
from almoner.assessment.signals import DISPROVED as SIGNALS_DISPROVED
from almoner.assessment.signals import FINDINGS as SIGNAL_FINDINGS
from almoner.engines import Join, quote
from almoner.policy.model.terms import Subject

# Materialized tables: item, household_id, person_id (null where the item is about the household).
OPEN, HELD = "open_signals", "recognitions"
OPEN_HERE, HELD_HERE = "open here", "held here"  # columns of `candidate_table`: lists of items
CONCERNED = "looked"  # the materialized table of candidate households


def candidate_table(subject: Subject) -> str:
    """The materialized table with a row for each candidate household or person, with all columns."""
    return f"{CONCERNED}_{subject}"


def find(context: AssessmentContext) -> None:
    """Materialize `open_signals`, `recognitions` and the tables of candidates."""
    engine = context.engine
    recognised = " UNION ALL ".join(_recognitions(context, subject) for subject in SUBJECTS)
    engine.materialize_each([(OPEN, _open_signals(context), None), (HELD, recognised, None)])
    engine.materialize(CONCERNED, _concerned(context))
    with context.narrowed(CONCERNED):
        compute(context, late(context.pack))
        engine.materialize_each(
            (_of(subject, about), _here(subject, about), None)
            for subject in SUBJECTS
            for about in (OPEN, HELD)
        )
        for subject in SUBJECTS:
            found, key = rows(context, subject, among=CONCERNED), subject_key(subject)
            here = [
                Join(_of(subject, about), key, key, {"items": column})
                for about, column in ((OPEN, OPEN_HERE), (HELD, HELD_HERE))
            ]
            engine.materialize_join(candidate_table(subject), found.spine, [*found.tables, *here])


def _of(subject: Subject, about: str) -> str:
    """The materialized table of `_here`."""
    return f"{about} of {subject}"


def _open_signals(context: AssessmentContext) -> str:
    return f"""
        SELECT DISTINCT item, household_id, person_id
        FROM {SIGNAL_FINDINGS}
        UNION
        SELECT item, household_id, person_id
        FROM {context.active_findings}
        WHERE kind = 'signal' AND key NOT IN (SELECT key FROM {SIGNALS_DISPROVED})
        """


def _recognitions(context: AssessmentContext, subject: Subject) -> str:
    """The recognitions of all categories of a subject, in one pass over the feature table."""
    held = {c.id: context.sql(c.held) for c in context.pack.categories.values() if c.subject == subject}
    items = ", ".join(f"CASE WHEN {sql} THEN '{category}' END" for category, sql in held.items())
    person = "person_id" if subject == "person" else "NULL::BIGINT AS person_id"
    listed = f"""
        SELECT unnest([{items}]::VARCHAR[]) AS item, household_id, {person}
        FROM {feature_table(subject)}
        WHERE {" OR ".join(held.values()) or "false"}
        """
    return f"SELECT * FROM ({listed}) WHERE item IS NOT NULL"


def _concerned(context: AssessmentContext) -> str:
    return f"""
        SELECT household_id
        FROM {OPEN}
        UNION
        SELECT household_id
        FROM {HELD}
        UNION
        SELECT household_id
        FROM {context.active_findings}
        WHERE kind <> 'signal'
        """


def _here(subject: Subject, about: str) -> str:
    """A SELECT of the items of `OPEN` or `HELD` for each subject.

    A household also has those of its members, and a person those of the household.
    """
    key, own = subject_key(subject), f"SELECT item, household_id, person_id FROM {about}"
    if subject == "person":
        own = f"""
            {own}
            WHERE person_id IS NOT NULL
            UNION ALL
            SELECT a.item, m.household_id, m.person_id
            FROM {about} AS a
            JOIN member AS m ON m.household_id = a.household_id
            WHERE a.person_id IS NULL
            """
    return f"SELECT {key}, list(DISTINCT item) AS items FROM ({own}) GROUP BY {key}"


def open_among(explainer: Explainer, signals: Iterable[str], placeholder: str = "signals") -> dict[str, Any]:
    """Of `signals`, those that are open in the household, as a part of a template."""
    join = (
        f"LEFT JOIN {quote(_of('household', OPEN))} AS open_here ON open_here.household_id = m.household_id"
    )
    sql = f"list_intersect(coalesce(open_here.items, []), {_listed(signals)}).list_sort()"
    return explainer.bind(placeholder, sql, join)


def opened(signals: Iterable[str]) -> str:
    """SQL over `candidate_table`: whether one of `signals` is open for the subject or its household."""
    return _has_any(OPEN_HERE, signals)


def holding(categories: Iterable[str]) -> str:
    """SQL over `candidate_table`: whether the subject or its household is recognised in one of
    `categories`.
    """
    return _has_any(HELD_HERE, categories)


def _has_any(items: str, wanted: Iterable[str]) -> str:
    listed = list(wanted)
    return f"coalesce(list_has_any({quote(items)}, {_listed(listed)}), false)" if listed else "false"


def _listed(names: Iterable[str]) -> str:
    quoted = ", ".join(f"'{name}'" for name in names)
    return f"[{quoted}]::VARCHAR[]"
