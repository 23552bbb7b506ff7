"""Propose recognition in a category, and ask whether a recognition still fits. A person decides.

There are three kinds of findings. `recognition`: the rule holds and no register has the recognition yet.
`exit`: recognised, while the exit condition and every guard are known to hold. `review`: recognised so long
ago that a person should look again. None of them ends, stops or reduces anything. An unknown rule proposes
nothing and is counted as a blind spot.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from almoner.assessment.context import AssessmentContext
from almoner.assessment.evidence import PRESENT, EvidenceSources, Explainer, planned
from almoner.assessment.feature_table import subject_key
from almoner.assessment.ledger import (
    EMPTY_FINDINGS,
    NONE_DISPROVED,
    Kind,
    RenderedChange,
    moved_items,
    removed,
)
from almoner.assessment.signals import digest
from almoner.engines import quote
from almoner.policy.model.pack import Pack
from almoner.policy.model.support import Category
from almoner.policy.model.terms import Condition, Term
from almoner.support.candidates import candidate_table, open_among, opened
from almoner.support.in_turn import materialize_in_order

KINDS: tuple[Kind, ...] = ("recognition", "exit", "review")


@dataclass(frozen=True, kw_only=True)
class Recognised:
    """How one category came out: subjects checked, holders, proposals and unknowns.

    `unknown` counts subjects whose recognition is unknown. `exit_unknown` counts holders whose exit is
    unknown, and `unknown_guards` how often each guard is the reason, in the order of the guards.
    """

    category: str
    subjects: int
    holds: int
    proposed: int
    unknown: int
    exits: int
    exit_unknown: int
    unknown_guards: tuple[int, ...]
    reviews: int


def findings(kind: Kind) -> str:
    """The materialized table of a kind's findings."""
    return f"{kind}_findings"


def disproved(kind: Kind) -> str:
    """The materialized table of active keys of a kind that are known not to hold."""
    return f"{kind}_refuted"


def category_table(category: str) -> str:
    """The materialized table of a category's result for each candidate."""
    return f"category:{category}"


def find(context: AssessmentContext) -> list[Recognised]:
    """Evaluate every category, deepest tier first, and materialize findings and disproved keys of each kind.

    Gives the counts of each category in a sweep; a cycle over some households gives none.
    """
    ordered = sorted(context.pack.categories.values(), key=lambda c: (c.tier, c.id))
    selects = {category_table(c.id): _evaluated(context, c) for c in ordered}
    materialize_in_order(
        context.engine, selects, {category_table(c.id): map(category_table, c.unless) for c in ordered}
    )
    found = {
        findings(kind): " UNION ALL ".join(_holding(kind, c) for c in ordered) or EMPTY_FINDINGS
        for kind in KINDS
    }
    found |= {disproved(kind): _disproved(context, kind, ordered) for kind in KINDS}
    context.engine.materialize_each((name, select, None) for name, select in found.items())
    return [] if context.scoped else [_counted(context, c) for c in context.pack.categories.values()]


def _evaluated(context: AssessmentContext, category: Category) -> str:
    """A SELECT of `looked_at`, `held`, and the values of `recognition`, `exit` and `review` by subject."""
    person = "person_id" if category.subject == "person" else "NULL::BIGINT AS person_id"
    guards = "".join(
        f", {context.sql(g.when)} AS {quote(f'guard:{n}')}" for n, g in enumerate(_guards(category))
    )
    leaving = _exit_sql(context, category)
    digests = ""
    for kind, conditions in _conditions(category).items():
        # Only for possible subjects of the kind, because writing numbers as text takes longest of all.
        about = context.sql(category.when if kind == "recognition" else category.held)
        digests += f", CASE WHEN {about} THEN {digest(context, conditions)} END AS {quote(f'digest:{kind}')}"
    inner = f"""
        SELECT
          household_id,
          {person},
          {subject_key(category.subject)} AS subject_id,
          area,
          {opened(category.signals)} AS looked_at,
          {context.sql(category.held)} AS held,
          {context.sql(category.when)} AS due,
          {leaving} AS leaves,
          {_review_sql(context, category)} AS due_again,
          {_blocked(context, category)} AS deeper{guards}{digests}
        FROM {candidate_table(category.subject)}
        """
    return f"""
        SELECT
          *,
          looked_at AND due AND NOT held AND NOT deeper AS recognition,
          held AND leaves AS exit,
          held AND due_again AS review
        FROM ({inner})
        """


def _guards(category: Category) -> Sequence[Any]:
    return category.exit.guards if category.exit else ()


def _exit_sql(context: AssessmentContext, category: Category) -> str:
    if category.exit is None:
        return "false"
    return " AND ".join(context.sql(c) for c in (category.exit.when, *(g.when for g in category.exit.guards)))


def _review_sql(context: AssessmentContext, category: Category) -> str:
    if category.review is None or category.since is None:
        return "false"
    return f"{context.sql(category.since)} >= {category.review.months}"


def _conditions(category: Category) -> dict[Kind, list[Condition]]:
    leaving = category.exit
    return {
        "recognition": [category.when, category.held],
        "exit": [leaving.when, *(g.when for g in leaving.guards)] if leaving else [],
        "review": [category.since] if category.since else [],
    }


def _blocked(context: AssessmentContext, category: Category) -> str:
    """SQL that is true where a deeper category is held or proposed. An unknown one does not block."""
    parts = []
    for name in category.unless:
        about = context.pack.categories[name].subject
        key = subject_key(about)
        parts.append(f"{key} IN (SELECT {key} FROM {quote(category_table(name))} WHERE held OR recognition)")
    return f"({' OR '.join(parts)})" if parts else "false"


def _holding(kind: Kind, category: Category) -> str:
    return f"""
        SELECT
          '{category.id}' AS item,
          '{category.subject}' AS subject,
          subject_id,
          household_id,
          person_id,
          area,
          NULL::VARCHAR AS level,
          {-category.tier}::DOUBLE AS severity,
          {quote(f"digest:{kind}")} AS digest
        FROM {quote(category_table(category.id))}
        WHERE {quote(kind)}
        """


def _disproved(context: AssessmentContext, kind: Kind, categories: Sequence[Category]) -> str:
    evaluated = " UNION ALL ".join(
        f"SELECT '{c.id}' AS item, subject_id, {quote(kind)} AS stands FROM {quote(category_table(c.id))}"
        for c in categories
    )
    if not evaluated:
        return NONE_DISPROVED
    return f"""
        SELECT s.key
        FROM {context.active_findings} AS s
        JOIN ({evaluated}) AS j ON j.item = s.item AND j.subject_id = s.subject_id
        WHERE s.kind = '{kind}' AND NOT j.stands
        """


def _counted(context: AssessmentContext, category: Category) -> Recognised:
    guards = range(len(_guards(category)))
    open_exit = "held AND exit IS NULL"
    counts = [
        "count(*) FILTER (looked_at)",
        "count(*) FILTER (held)",
        "count(*) FILTER (recognition)",
        "count(*) FILTER (looked_at AND recognition IS NULL)",
        "count(*) FILTER (exit)",
        f"count(*) FILTER ({open_exit})",
        "count(*) FILTER (review)",
        *(f"count(*) FILTER ({open_exit} AND {quote(f'guard:{n}')} IS NULL)" for n in guards),
    ]
    subjects, holds, proposed, unknown, exits, unknown_exits, reviews, *by_guard = context.engine.rows(
        f"SELECT {', '.join(counts)} FROM {quote(category_table(category.id))}"
    )[0]
    return Recognised(
        category=category.id,
        subjects=subjects,
        holds=holds,
        proposed=proposed,
        unknown=unknown,
        exits=exits,
        exit_unknown=unknown_exits,
        unknown_guards=tuple(by_guard),
        reviews=reviews,
    )


def expiry(pack: Pack) -> dict[str, int]:
    """Empty, because a proposal stays active until it is known not to hold."""
    del pack
    return {}


def renderer(kind: Kind) -> Callable[[AssessmentContext, EvidenceSources], Iterator[RenderedChange]]:
    """The function that renders the changes of findings of `kind`."""
    return partial(_render, kind)


def _render(kind: Kind, context: AssessmentContext, sources: EvidenceSources) -> Iterator[RenderedChange]:
    for item in moved_items(context.engine, kind):
        category = context.pack.categories.get(item)
        if category is None or (kind in {"exit", "review"} and getattr(category, kind) is None):
            yield removed(kind, item, {"programme": named(kind, item)})
        else:
            yield planned(
                context, sources, kind, item, partial(_render_item, context, sources, kind, category)
            )


def _render_item(
    context: AssessmentContext, sources: EvidenceSources, kind: Kind, category: Category
) -> RenderedChange:
    return _Reasons(context, sources, kind, category).render()


def named(kind: Kind, category: str) -> str:
    """The name under which a case stores what is proposed of a category."""
    return category if kind == "recognition" else f"{category}:{kind}"


class _Reasons:
    """Builds the template of what one category proposes."""

    def __init__(
        self, context: AssessmentContext, sources: EvidenceSources, kind: Kind, category: Category
    ) -> None:
        self._context, self._kind, self._category = context, kind, category
        self._explainer = Explainer(context, sources, category.subject)

    def render(self) -> RenderedChange:
        c, explainer = self._category, self._explainer
        label, check, department, within = self._words()
        body = {
            "programme": named(self._kind, c.id),
            "proposes": self._kind,
            "category": c.id,
            "label": dict(label),
            "subject": c.subject,
            "kind": "category",
            "department": department,
            "unit": "",
            "within": {"amount": within.amount, "unit": within.unit},
            "participation": "visit",
            "reference": c.reference,
            "signals": open_among(explainer, c.signals),
            "amount": None,
            "steps": [],
            "eligible": self._if_present(self._eligible()),
            "exclusions": [],
            "guards": self._if_present(self._guards()),
            "check": dict(check),
            "tier": c.tier,
            **self._days(),
        }
        return explainer.render(self._kind, c.id, body, f"SELECT * FROM {candidate_table(c.subject)}")

    def _if_present(self, part: Sequence[Any]) -> dict[str, Any]:
        return {"$choose": PRESENT, "of": {"true": part, "false": []}}

    def _eligible(self) -> list[Any]:
        return [
            part
            for n, c in enumerate(self._shown())
            for part in self._explainer.condition(c, f"condition{n}:")
        ]

    def _guards(self) -> list[Any]:
        return [
            {
                "label": dict(guard.label),
                "holds": self._explainer.truth(guard.when, f"guarded{n}"),
                "conditions": self._explainer.condition(guard.when, f"guard{n}:"),
            }
            for n, guard in enumerate(_guards(self._category) if self._kind == "exit" else ())
        ]

    def _shown(self) -> list[Condition]:
        """The conditions of this kind. The guards of an exit have labels of their own and are left out."""
        found = _conditions(self._category)[self._kind]
        return found[:1] if self._kind == "exit" else found

    def _words(self) -> tuple[Mapping[str, str], Mapping[str, str], str, Term]:
        c = self._category
        if self._kind == "exit" and c.exit is not None:
            return c.exit.question, c.exit.check, c.exit.department, c.exit.within
        if self._kind == "review" and c.review is not None:
            return c.review.question, c.check, c.department, c.review.within
        return c.label, c.check, c.department, c.within

    def _days(self) -> dict[str, Any]:
        """Until when a recognition of today would be valid, and when it would be reviewed."""
        c, recognises = self._category, self._kind == "recognition"
        valid = _later(self._context.as_of, c.valid_months) if recognises and c.valid_months else None
        review = _later(self._context.as_of, c.review.months) if recognises and c.review else None
        return {
            "valid_until": valid and self._explainer.bind("valid until", f"'{valid.isoformat()}'"),
            "review_on": review and self._explainer.bind("review on", f"'{review.isoformat()}'"),
        }


def _later(day: dt.date, months: int) -> dt.date:
    """The same day `months` later, or the last day of a shorter month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    first_of_next = dt.date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1)
    return min(
        dt.date(year, month + 1, 1) + dt.timedelta(days=day.day - 1), first_of_next - dt.timedelta(days=1)
    )
