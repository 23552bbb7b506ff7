"""What a case shows of a proposal: the steps of its amount, the conditions with their values, and the terms it is given on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from almoner.assessment.evidence import Atom, Explainer, Sources
from almoner.assessment.ledger import Moved
from almoner.assessment.scene import Scene
from almoner.policy.model import Condition, Programme, Term
from almoner.policy.support_model import GRANTED, Cause, GradualExit
from almoner.support.entitlements import KEEPS, with_steps
from almoner.support.looked_at import OPEN


def bodies(scene: Scene, moved: Sequence[Moved]) -> Iterator[tuple[Moved, dict[str, Any]]]:
    """The outbox body of each proposal that moved, in the order of its key."""
    sources = Sources(scene, (m.household_id for m in moved))
    opened = _open_signals(scene)
    for programme_id in dict.fromkeys(m.item for m in moved):
        mine = [m for m in moved if m.item == programme_id]
        programme = scene.pack.programmes.get(programme_id)
        if programme is None:
            yield from ((m, {"programme": programme_id, "reason": "removed"}) for m in mine)
        else:
            yield from _Arithmetic(scene, programme, sources, opened).bodies(mine)


def _open_signals(scene: Scene) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for household, item in scene.engine.rows(f"SELECT DISTINCT household_id, item FROM {OPEN} ORDER BY 1, 2"):
        found.setdefault(household, []).append(item)
    return found


class _Arithmetic:
    """Fills the bodies of one programme's proposals."""

    def __init__(
        self, scene: Scene, programme: Programme, sources: Sources, opened: dict[int, list[str]]
    ) -> None:
        self._scene, self._programme, self._sources, self._opened = scene, programme, sources, opened
        earlier = {GRANTED + other: scene.pack.programmes[other].label for other in programme.terms.uses}
        self._explainer = Explainer(
            scene, programme.subject, {step.id: step.label for step in programme.steps} | earlier
        )
        self._earlier = {
            name: self._explainer.value(Condition(name, (), ()), f"earlier{n}")
            for n, name in enumerate(earlier)
        }
        self._eligible = self._explainer.condition(programme.eligible, "eligible")
        self._steps = [
            self._explainer.value(step.value, f"step{i}") for i, step in enumerate(programme.steps)
        ]
        self._exclusions = [
            (
                self._explainer.value(e.when, f"excluded{i}"),
                self._explainer.condition(e.when, f"exclusion{i}:"),
            )
            for i, e in enumerate(programme.exclusions)
        ]
        once, leaving = programme.terms.once, programme.terms.gradual_exit
        self._causes: list[tuple[Cause, Atom, list[Atom]]] = [
            (
                cause,
                self._explainer.value(cause.helped, f"helped{i}"),
                self._explainer.condition(cause.helped, f"helping{i}:"),
            )
            for i, cause in enumerate(once.causes if once else ())
        ]
        self._leaving = self._explainer.condition(leaving.when, "leaving") if leaving else []
        self._since = [self._explainer.value(leaving.since, "since")] if leaving else []

    def bodies(self, moved: Sequence[Moved]) -> Iterator[tuple[Moved, dict[str, Any]]]:
        rows = self._explainer.rows([m.subject_id for m in moved], with_steps(self._scene, self._programme))
        for m in moved:
            row = rows.get(m.subject_id)
            yield m, self._common(m) | (self._filled(m, row) if row else {})

    def _common(self, moved: Moved) -> dict[str, Any]:
        p = self._programme
        signals = [s for s in self._opened.get(moved.household_id, []) if s in p.signals]
        return {
            "programme": p.id, "proposes": "support", "label": dict(p.label), "subject": p.subject, "kind": p.kind,
            "department": p.department, "unit": p.unit, "within": _term(p.within), "participation": p.participation,
            "reference": p.reference, "signals": signals, "amount": moved.severity, "steps": [], "eligible": [],
            "exclusions": [], "causes": [], "goes_on": None, **self._terms(),
        }  # fmt: skip

    def _terms(self) -> dict[str, Any]:
        terms = self._programme.terms
        check = terms.local_check
        return {
            "pays_first": terms.pays_first, "verify_within": _term(terms.verify_within), "notice": _term(terms.notice),
            "lasts": {"amount": terms.lasts.amount, "unit": terms.lasts.unit} if terms.lasts else None,
            "local_check": {"department": check.department, "within": _term(check.within)} if check else None,
            "authorises": [dict(self._scene.pack.purposes[purpose]) for purpose in terms.authorises],
        }  # fmt: skip

    def _filled(self, moved: Moved, row: dict[str, Any]) -> dict[str, Any]:
        values = row | {s.id: row[f"step{i}"] for i, s in enumerate(self._programme.steps)}
        values |= {name: row[atom.slot] for name, atom in self._earlier.items()}
        leaving = self._programme.terms.gradual_exit
        if moved.level == KEEPS and leaving is not None:
            return {"goes_on": self._goes_on(leaving, values, moved)}
        return {
            "steps": [self._step(i, atom, values) for i, atom in enumerate(self._steps)],
            "eligible": [self._explained(a, values, moved) for a in self._eligible],
            "exclusions": [
                self._known(exclusion.label, truth, planned, values, moved)
                for exclusion, (truth, planned) in zip(
                    self._programme.exclusions, self._exclusions, strict=True
                )
            ],
            "causes": [
                self._known(cause.label, truth, planned, values, moved)
                for cause, truth, planned in self._causes
                if set(cause.signals) & set(self._opened.get(moved.household_id, []))
            ],
        }

    def _known(
        self, label: Any, truth: Atom, planned: Sequence[Atom], values: dict[str, Any], moved: Moved
    ) -> dict[str, Any]:
        conditions = [self._explained(a, values, moved) for a in planned]
        return {"label": dict(label), "holds": values[truth.slot], "conditions": conditions}

    def _goes_on(self, leaving: GradualExit, values: dict[str, Any], moved: Moved) -> dict[str, Any]:
        """Why aid goes on although the household has come over the line."""
        return {
            "label": dict(leaving.label),
            "months": values["since"],
            "conditions": [self._explained(a, values, moved) for a in self._leaving],
        }

    def _step(self, index: int, atom: Atom, values: dict[str, Any]) -> dict[str, Any]:
        step = self._programme.steps[index]
        sentence = {lang: fill(values) for lang, fill in atom.sentences.items()}
        return {"id": step.id, "label": dict(step.label), "value": values[step.id], "sentence": sentence}

    def _explained(self, atom: Atom, values: dict[str, Any], moved: Moved) -> dict[str, Any]:
        return self._explainer.explain(atom, values, self._sources, moved.household_id, moved.person_id)


def _term(term: Term | None) -> dict[str, Any] | None:
    return {"amount": term.amount, "unit": term.unit} if term else None
