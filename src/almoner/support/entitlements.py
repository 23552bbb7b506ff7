"""Entitlements: for households with an open signal, what each programme would give, with its arithmetic.

Nothing here refuses: who is not found eligible, or of whom it is unknown, is simply not proposed, and the case stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from almoner.assessment.evidence import Atom, Explainer, Sources
from almoner.assessment.ledger import EMPTY_FINDINGS, Moved
from almoner.assessment.scene import Scene, programme_conditions, subject_key, wide
from almoner.assessment.signals import FINDINGS as SIGNAL_FINDINGS
from almoner.assessment.signals import REFUTED as SIGNALS_REFUTED
from almoner.assessment.signals import digest
from almoner.engines import quote
from almoner.policy.model import Pack, Programme

FINDINGS, REFUTED, OPEN = "proposal_findings", "proposal_refuted", "open_signals"


def find(scene: Scene) -> None:
    """Keep what is proposed (`proposal_findings`) and which standing proposals are known not to fit (`proposal_refuted`)."""
    programmes = list(scene.pack.programmes.values())
    scene.engine.keep(OPEN, _open_signals())
    scene.engine.keep(FINDINGS, " UNION ALL ".join(_holding(scene, p) for p in programmes) or EMPTY_FINDINGS)
    scene.engine.keep(
        REFUTED,
        " UNION ALL ".join(_refuted(scene, p) for p in programmes) or "SELECT NULL::VARCHAR AS key LIMIT 0",
    )


def _open_signals() -> str:
    return f"""SELECT DISTINCT item, household_id, person_id FROM {SIGNAL_FINDINGS}
        UNION SELECT item, household_id, person_id FROM assessment.standing
        WHERE kind = 'signal' AND key NOT IN (SELECT key FROM {SIGNALS_REFUTED})"""


def _triggered(programme: Programme) -> str:
    key = subject_key(programme.subject)
    listed = ", ".join(f"'{signal}'" for signal in programme.signals)
    return f"{key} IN (SELECT {key} FROM {OPEN} WHERE item IN ({listed}) AND {key} IS NOT NULL)"


def _with_steps(scene: Scene, programme: Programme) -> str:
    """A SELECT over the wide table with one column more for each step of the arithmetic."""
    select = f"SELECT * FROM {wide(programme.subject)}"
    for step in programme.steps:
        select = f"SELECT *, {scene.sql(step.value)} AS {quote(step.id)} FROM ({select})"
    return select


def _fits(scene: Scene, programme: Programme) -> str:
    conditions = [scene.sql(programme.eligible), *(f"NOT {scene.sql(e.when)}" for e in programme.exclusions)]
    return " AND ".join([*conditions, f"{quote(programme.steps[-1].id)} > 0"])


def _holding(scene: Scene, programme: Programme) -> str:
    amount = quote(programme.steps[-1].id)
    person = "person_id" if programme.subject == "person" else "NULL::BIGINT"
    return (
        f"SELECT '{programme.id}' AS item, '{programme.subject}' AS subject, {subject_key(programme.subject)} AS subject_id,"
        f" household_id, {person} AS person_id, area, NULL::VARCHAR AS level, {amount}::DOUBLE AS severity,"
        f" {digest(scene, programme_conditions(programme))} AS digest FROM ({_with_steps(scene, programme)}) WHERE {_triggered(programme)}"
        f" AND {_fits(scene, programme)}"
    )


def _refuted(scene: Scene, programme: Programme) -> str:
    key = subject_key(programme.subject)
    return (
        f"SELECT s.key FROM assessment.standing AS s JOIN ({_with_steps(scene, programme)}) AS w ON w.{key} = s.subject_id"
        f" WHERE s.kind = 'proposal' AND s.item = '{programme.id}'"
        f" AND (NOT ({_fits(scene, programme)}) OR NOT (w.{_triggered(programme)}))"
    )


def expiry(pack: Pack) -> dict[str, int]:
    """None: a proposal stands as long as it is not known to be wrong."""
    del pack
    return {}


def bodies(scene: Scene, moved: Sequence[Moved]) -> Iterator[tuple[Moved, dict[str, Any]]]:
    """The outbox body of each proposal that moved, in the order of its key."""
    sources = Sources(scene, (m.household_id for m in moved))
    opened = _signals_by_household(scene)
    for programme_id in dict.fromkeys(m.item for m in moved):
        mine = [m for m in moved if m.item == programme_id]
        programme = scene.pack.programmes.get(programme_id)
        if programme is None:
            yield from ((m, {"programme": programme_id, "reason": "removed"}) for m in mine)
        else:
            yield from _Arithmetic(scene, programme, sources, opened).bodies(mine)


def _signals_by_household(scene: Scene) -> dict[int, list[str]]:
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
        self._explainer = Explainer(
            scene, programme.subject, {step.id: step.label for step in programme.steps}
        )
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

    def bodies(self, moved: Sequence[Moved]) -> Iterator[tuple[Moved, dict[str, Any]]]:
        rows = self._explainer.rows([m.subject_id for m in moved], _with_steps(self._scene, self._programme))
        for m in moved:
            row = rows.get(m.subject_id)
            yield m, self._common(m) | (self._filled(m, row) if row else {})

    def _common(self, moved: Moved) -> dict[str, Any]:
        p = self._programme
        signals = [s for s in self._opened.get(moved.household_id, []) if s in p.signals]
        return {
            "programme": p.id, "label": dict(p.label), "subject": p.subject, "kind": p.kind, "department": p.department,
            "unit": p.unit, "within": {"amount": p.within.amount, "unit": p.within.unit}, "participation": p.participation,
            "reference": p.reference, "signals": signals, "amount": moved.severity, "steps": [], "eligible": [], "exclusions": [],
        }  # fmt: skip

    def _filled(self, moved: Moved, row: dict[str, Any]) -> dict[str, Any]:
        values = row | {s.id: row[f"step{i}"] for i, s in enumerate(self._programme.steps)}
        return {
            "steps": [self._step(i, atom, values) for i, atom in enumerate(self._steps)],
            "eligible": [self._explained(a, values, moved) for a in self._eligible],
            "exclusions": [
                {
                    "label": dict(exclusion.label),
                    "holds": values[truth.slot],
                    "conditions": [self._explained(a, values, moved) for a in planned],
                }
                for exclusion, (truth, planned) in zip(
                    self._programme.exclusions, self._exclusions, strict=True
                )
            ],
        }

    def _step(self, index: int, atom: Atom, values: dict[str, Any]) -> dict[str, Any]:
        step = self._programme.steps[index]
        sentence = {lang: fill(values) for lang, fill in atom.sentences.items()}
        return {"id": step.id, "label": dict(step.label), "value": values[step.id], "sentence": sentence}

    def _explained(self, atom: Atom, values: dict[str, Any], moved: Moved) -> dict[str, Any]:
        return self._explainer.explain(atom, values, self._sources, moved.household_id, moved.person_id)
