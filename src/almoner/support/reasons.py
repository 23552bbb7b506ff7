"""Explain a proposal: the steps of its amount, the conditions with their values, and its terms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from almoner.assessment.context import AssessmentContext
from almoner.assessment.evidence import EvidenceSources, Explainer, Part, planned
from almoner.assessment.expressions import names, parse
from almoner.assessment.ledger import RenderedChange, moved_items, removed
from almoner.policy.model.pack import Programme
from almoner.policy.model.support import GRANTED, Cause, GradualExit
from almoner.policy.model.terms import Condition, Term
from almoner.support.candidates import open_among
from almoner.support.entitlements import KEEPS, with_steps

_WHOLE, _GONE = "whole", "gone"


def render(context: AssessmentContext, sources: EvidenceSources) -> Iterator[RenderedChange]:
    """The rendered changes of the proposals that moved."""
    for item in moved_items(context.engine, "proposal"):
        programme = context.pack.programmes.get(item)
        yield (
            planned(context, sources, "proposal", item, partial(_render_item, context, sources, programme))
            if programme
            else removed("proposal", item, {"programme": item})
        )


def _render_item(
    context: AssessmentContext, sources: EvidenceSources, programme: Programme
) -> RenderedChange:
    return _Arithmetic(context, sources, programme).render()


class _Arithmetic:
    """Builds the template of one programme's proposals."""

    def __init__(self, context: AssessmentContext, sources: EvidenceSources, programme: Programme) -> None:
        self._context, self._programme = context, programme
        earlier = {GRANTED + other: context.pack.programmes[other].label for other in programme.terms.uses}
        steps = {step.id: step.label for step in programme.steps}
        self._explainer = Explainer(context, sources, programme.subject, steps | earlier)

    def render(self) -> RenderedChange:
        p, explainer = self._programme, self._explainer
        explainer.bind(
            "state",
            f"""
            CASE
              WHEN w.subject IS NULL THEN '{_GONE}'
              WHEN m.level = '{KEEPS}' THEN '{KEEPS}'
              ELSE '{_WHOLE}'
            END
            """,
        )
        body = {
            "programme": p.id,
            "proposes": "support",
            "label": dict(p.label),
            "subject": p.subject,
            "kind": p.kind,
            "department": p.department,
            "unit": p.unit,
            "within": _term(p.within),
            "participation": p.participation,
            "reference": p.reference,
            "signals": open_among(explainer, p.signals),
            "amount": explainer.bind("amount", "m.severity"),
            "steps": _of_whole(self._steps()),
            "eligible": _of_whole(explainer.condition(p.eligible, "eligible")),
            "exclusions": _of_whole(self._exclusions()),
            "causes": self._causes(),
            "goes_on": self._goes_on(),
            **self._terms(),
        }
        return explainer.render("proposal", p.id, body, with_steps(self._context, p))

    def _terms(self) -> Part:
        terms = self._programme.terms
        check = terms.local_check
        return {
            "pays_first": terms.pays_first,
            "verify_within": _term(terms.verify_within),
            "notice": _term(terms.notice),
            "lasts": {"amount": terms.lasts.amount, "unit": terms.lasts.unit} if terms.lasts else None,
            "local_check": {"department": check.department, "within": _term(check.within)} if check else None,
            "authorises": [dict(self._context.pack.purposes[purpose]) for purpose in terms.authorises],
        }

    def _steps(self) -> list[Part]:
        return [
            {
                "id": step.id,
                "label": dict(step.label),
                "value": self._explainer.column(step.id),
                "sentence": self._explainer.sentence(step.value, f"step{i}"),
                "columns": _read_by(step.value),
            }
            for i, step in enumerate(self._programme.steps)
        ]

    def _exclusions(self) -> list[Part]:
        return [
            {
                "label": dict(exclusion.label),
                "holds": self._explainer.truth(exclusion.when, f"excluded{i}"),
                "conditions": self._explainer.condition(exclusion.when, f"exclusion{i}:"),
            }
            for i, exclusion in enumerate(self._programme.exclusions)
        ]

    def _causes(self) -> Part:
        """Of the causes for which help is given once, those whose signal is open."""
        once = self._programme.terms.once
        causes = once.causes if once else ()
        open_among(self._explainer, sorted({s for cause in causes for s in cause.signals}), "causes")
        return _of_whole(
            {"$among": "causes", "of": [self._cause(i, cause) for i, cause in enumerate(causes)]}
        )

    def _cause(self, index: int, cause: Cause) -> list[Any]:
        rendered = {
            "label": dict(cause.label),
            "holds": self._explainer.truth(cause.helped, f"helped{index}"),
            "conditions": self._explainer.condition(cause.helped, f"helping{index}:"),
        }
        return [list(cause.signals), rendered]

    def _goes_on(self) -> Part | None:
        """Why aid continues although the household is above the threshold."""
        leaving: GradualExit | None = self._programme.terms.gradual_exit
        if leaving is None:
            return None
        rendered = {
            "label": dict(leaving.label),
            "months": self._explainer.truth(leaving.since, "since"),
            "columns": _read_by(leaving.since),
            "conditions": self._explainer.condition(leaving.when, "leaving"),
        }
        return {"$choose": "state", "of": {KEEPS: rendered}}


def _read_by(condition: Condition) -> list[str]:
    """What an expression reads: columns, earlier steps, and amounts of earlier programmes."""
    columns, _parameters = names(parse(condition.sql))
    return list(columns)


def _of_whole(part: Sequence[Any] | Part) -> Part:
    """A part that is shown only where the programme fits as a whole."""
    return {"$choose": "state", "of": {_WHOLE: part, KEEPS: [], _GONE: []}}


def _term(term: Term | None) -> Part | None:
    return {"amount": term.amount, "unit": term.unit} if term else None
