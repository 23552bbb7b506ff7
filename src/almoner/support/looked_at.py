"""Who is looked at: households with an open signal, a recognition, or something that already stands on their case.

All others have nothing that support could answer, so rules over many columns are worked out for few rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from almoner.assessment.evidence import Explainer
from almoner.assessment.scene import Scene, compute, late
from almoner.assessment.signals import FINDINGS as SIGNAL_FINDINGS
from almoner.assessment.signals import REFUTED as SIGNALS_REFUTED
from almoner.assessment.wide import SUBJECTS, rows, subject_key, wide
from almoner.engines import quote
from almoner.policy.model import Subject
from almoner.policy.support_model import Category

OPEN = "open_signals"
_OPEN_IN = "open_signals_by_household"
CONCERNED = "looked"  # the kept table of their households


def looked(subject: Subject) -> str:
    """The kept table with a row for each household or person that is looked at, all its columns beside it."""
    return f"{CONCERNED}_{subject}"


def held(subject: Subject) -> str:
    """The kept table of those who hold a recognition: a column `held:<id>` for each category of the subject."""
    return f"held_{subject}"


def held_as(category: str) -> str:
    """The column of `held` that says so."""
    return quote(f"held:{category}")


def find(scene: Scene) -> None:
    """Keep `open_signals`, who holds which recognition, and the rows that are looked at."""
    engine = scene.engine
    engine.keep(OPEN, _open_signals(scene))
    engine.keep(_OPEN_IN, f"SELECT household_id, list(DISTINCT item) AS items FROM {OPEN} GROUP BY household_id")
    for subject in SUBJECTS:
        engine.keep(held(subject), _held(scene, subject))
    engine.keep(CONCERNED, _concerned(scene))
    with scene.narrowed(CONCERNED):
        compute(scene, late(scene.pack))
        for subject in SUBJECTS:
            engine.keep(looked(subject), rows(scene, subject, among=CONCERNED))


def _open_signals(scene: Scene) -> str:
    return f"""SELECT DISTINCT item, household_id, person_id FROM {SIGNAL_FINDINGS}
        UNION SELECT item, household_id, person_id FROM {scene.standing}
        WHERE kind = 'signal' AND key NOT IN (SELECT key FROM {SIGNALS_REFUTED})"""


def open_among(explainer: Explainer, signals: Iterable[str], blank: str = "signals") -> dict[str, Any]:
    """Of `signals`, those that are open in the household: a part of a form."""
    listed = ", ".join(f"'{signal}'" for signal in signals)
    join = f"LEFT JOIN {_OPEN_IN} AS open_here ON open_here.household_id = m.household_id"
    return explainer.ask(blank, f"list_intersect(coalesce(open_here.items, []), [{listed}]::VARCHAR[]).list_sort()", join)


def _held(scene: Scene, subject: Subject) -> str:
    """One pass over the wide table for all categories of a subject."""
    mine: list[Category] = [c for c in scene.pack.categories.values() if c.subject == subject]
    columns = "".join(f", {scene.sql(c.held)} AS {held_as(c.id)}" for c in mine)
    holds = " OR ".join(held_as(c.id) for c in mine) or "false"
    key = "household_id" if subject == "household" else "household_id, person_id"
    return f"SELECT * FROM (SELECT {key}{columns} FROM {wide(subject)}) WHERE {holds}"


def _concerned(scene: Scene) -> str:
    return f"""SELECT household_id FROM {OPEN}
        UNION SELECT household_id FROM {held("household")} UNION SELECT household_id FROM {held("person")}
        UNION SELECT household_id FROM {scene.standing} WHERE kind <> 'signal'"""


def opened(scene: Scene, subject: Subject, signals: Iterable[str]) -> str:
    """SQL, true or false: one of `signals` is open for the subject, or for the household around it."""
    own: list[str] = []
    around: list[str] = []
    for signal in signals:
        about = scene.pack.signals[signal].subject
        (own if about == subject else around).append(f"'{signal}'")
    parts = []
    if own:
        key = subject_key(subject)
        parts.append(f"{key} IN (SELECT {key} FROM {OPEN} WHERE item IN ({', '.join(own)}))")
    if around:
        parts.append(f"household_id IN (SELECT household_id FROM {OPEN} WHERE item IN ({', '.join(around)}))")
    return f"({' OR '.join(parts)})" if parts else "false"


def holding(scene: Scene, subject: Subject, categories: Iterable[str]) -> str:
    """SQL, true or false: the subject, or the household around it, is recognised in one of `categories`."""
    parts = []
    for name in categories:
        about = scene.pack.categories[name].subject
        key = subject_key(subject) if about == subject else "household_id"
        parts.append(f"{key} IN (SELECT {key} FROM {held(about)} WHERE {held_as(name)})")
    return f"({' OR '.join(parts)})" if parts else "false"
