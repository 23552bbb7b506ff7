"""Arrange the stored evidence of signals and proposals for pages and for `almoner explain`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from almoner.casework.cases.status import RUNNING
from almoner.casework.core import words
from almoner.casework.core.legal_terms import level_names
from almoner.casework.models import CaseSignal, Department, Label, Referral
from almoner.casework.presentation.terms import terms
from almoner.policy.model.terms import Words


@dataclass(frozen=True)
class Source:
    """A feed behind a fact, its owner, and how current it is."""

    feed: str
    owner: str
    complete_through: str
    latest: str
    feed_id: str = ""


@dataclass(frozen=True)
class QuantityView:
    """A compared value: an indicator's value, or a parameter with its legal reference and first valid day."""

    label: str
    value: str
    reference: str = ""
    since: str = ""


@dataclass(frozen=True)
class FactView:
    """One condition as a sentence; `holds` is None when it is unknown."""

    sentence: str
    holds: bool | None
    values: tuple[QuantityView, ...]
    rules: tuple[QuantityView, ...]
    sources: tuple[Source, ...]


@dataclass(frozen=True, kw_only=True)
class Reason:
    """A signal with the facts behind it."""

    signal: CaseSignal
    label: str
    level: words.LevelText
    department: str
    facts: tuple[FactView, ...]
    check: str
    why: str
    watched: tuple[str, ...] = ()  # groups of the watch list that the subject belongs to
    theme: str = ""


@dataclass(frozen=True)
class ProposalStep:
    """One step in the calculation of an amount."""

    label: str
    sentence: str
    value: str


@dataclass(frozen=True)
class GuardView:
    """A condition that must hold before anyone is asked whether a recognition should continue."""

    label: str
    holds: bool | None
    facts: tuple[FactView, ...]


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A referral with the calculation of its amount and the facts that make the family eligible.

    `kind` is support, recognition, exit or review. For exit and review the label is a question to a person.
    """

    referral: Referral
    label: str
    department: str
    amount: str
    within: str
    steps: tuple[ProposalStep, ...]
    eligible: tuple[FactView, ...]
    exclusions: tuple[tuple[str, bool | None], ...]
    reference: str
    kind: str = "support"
    terms: tuple[str, ...] = ()
    guards: tuple[GuardView, ...] = ()
    check: str = ""

    @property
    def is_late(self) -> bool:
        """Whether the department is still working on the referral after its due time."""
        due = self.referral.due_at
        return self.referral.state in RUNNING and due is not None and due < dt.datetime.now()


def _layers(layers: Mapping[str, Any] | None) -> tuple[tuple[str, ...], str]:
    """The watch list's groups and the theme; empty for evidence that was stored before the pack had a watch
    list."""
    if not layers:
        return (), ""
    line = layers["line"]
    groups = tuple(words.in_language(group["label"]) for group in layers["points"])
    return groups, words.in_language(line["label"]) if line else ""


class Presenter:
    """Turns stored evidence into text in the active language; reads names of departments, units and levels
    once."""

    def __init__(self) -> None:
        self._departments: dict[str, Mapping[str, str]] = dict(Department.objects.values_list("id", "label"))
        self._levels = level_names()
        self._units: dict[str, Words] = dict(Label.objects.filter(kind="unit").values_list("key", "words"))

    def department(self, department: str | Words) -> str:
        """A department's name by id; stored evidence may carry the name itself."""
        known = self._departments.get(department) if isinstance(department, str) else None
        return words.in_language(known or department)

    def level(self, code: str) -> words.LevelText:
        """A level's name."""
        return words.level(code, self._levels)

    def reason(self, signal: CaseSignal) -> Reason:
        """The view of a signal."""
        body = signal.body
        watched, theme = _layers(body.get("layers"))
        return Reason(
            signal=signal,
            label=words.in_language(body["label"]),
            level=self.level(signal.level),
            department=self.department(signal.department),
            facts=self.facts(body["evidence"]),
            check=words.in_language(body["check"]),
            why=words.in_language(body["why"]),
            watched=watched,
            theme=theme,
        )

    def proposal(self, referral: Referral, body: Mapping[str, Any] | None = None) -> Proposal:
        """The view of a referral: of `body`, the part that the reader may see, or of the whole stored
        evidence."""
        body = referral.body if body is None else body
        exclusions = ((words.in_language(e["label"]), e.get("holds", False)) for e in body["exclusions"])
        return Proposal(
            referral=referral,
            label=words.in_language(body["label"]),
            department=self.department(referral.department),
            amount=self.amount(referral.amount, referral.unit),
            within=words.within(body["within"]),
            steps=self._steps(body),
            eligible=self.facts(body["eligible"]),
            exclusions=tuple(exclusions),
            reference=words.in_language(body["reference"]),
            kind=body.get("proposes", "support"),
            terms=tuple(terms(body, self.department)),
            guards=self._guards(body),
            check=words.in_language(body.get("check")),
        )

    def _guards(self, body: Mapping[str, Any]) -> tuple[GuardView, ...]:
        return tuple(
            GuardView(words.in_language(guard["label"]), guard["holds"], self.facts(guard["conditions"]))
            for guard in body.get("guards") or ()
        )

    def facts(self, conditions: Sequence[Mapping[str, Any]]) -> tuple[FactView, ...]:
        """The views of several conditions."""
        return tuple(self._fact(condition) for condition in conditions)

    def _fact(self, condition: Mapping[str, Any]) -> FactView:
        operands = condition["operands"]
        feeds = {feed["feed"]: feed for operand in operands for feed in operand.get("feeds") or ()}
        return FactView(
            words.in_language(condition["sentence"]),
            condition["holds"],
            tuple(self._quantity(o) for o in operands if o["kind"] == "indicator"),
            tuple(self._quantity(o) for o in operands if o["kind"] == "parameter"),
            tuple(self._source(feed) for feed in feeds.values()),
        )

    def _source(self, feed: Mapping[str, Any]) -> Source:
        return Source(
            words.in_language(feed["label"]),
            self.department(feed["owner"]),
            words.day(feed.get("complete_through")),
            words.day(feed.get("latest")),
            feed["feed"],
        )

    def amount(self, value: object, unit: str | None) -> str:
        """A value with its unit, in words."""
        return words.quantity(value, unit, self._units)

    def unit(self, code: str | None) -> str:
        """A unit in words."""
        return words.unit(code, named=self._units)

    def _steps(self, body: Mapping[str, Any]) -> tuple[ProposalStep, ...]:
        """The calculation's steps. Only the last one, the amount, gets a unit; earlier ones name theirs in
        the text."""
        steps = body["steps"]
        return tuple(
            ProposalStep(
                words.in_language(step["label"]),
                words.in_language(step["sentence"]),
                self.amount(
                    step["value"], body["unit"] if step.get("is_amount", step is steps[-1]) else None
                ),
            )
            for step in steps
        )

    def _quantity(self, operand: Mapping[str, Any]) -> QuantityView:
        value = self.amount(operand["value"], operand.get("unit"))
        reference = words.in_language(operand.get("reference"))
        return QuantityView(
            words.in_language(operand["label"]), value, reference, words.day(operand.get("since"))
        )
