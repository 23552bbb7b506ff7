"""Grievances of households: the correction of a fact, an appeal, or a call back. Each has a term, and a
person answers it.

A correction goes to the department that supplied the fact. What it corrects comes with its next delivery
and is assessed again. Corrections that case workers ask for (`almoner.casework.residents.corrections`) are
answered in the same way by the department that keeps the register. An appeal is decided by somebody who
has not acted on the case before.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.translation import gettext as _

from almoner.casework.accounts.access import grievance_for
from almoner.casework.cases.changing import CaseChange, change_case_of, lock
from almoner.casework.core.clocks import installed_clocks
from almoner.casework.core.event_kinds import EventKind
from almoner.casework.core.events import GrievanceAnswered, GrievanceRaised, GrievanceRaisedKind
from almoner.casework.core.refusals import Refused
from almoner.casework.core.vault_rows import Person, opened_vault, people
from almoner.casework.models import (
    Case,
    CaseEvent,
    CaseSignal,
    CaseState,
    Ending,
    Grievance,
    GrievanceKind,
    Notice,
)
from almoner.casework.models.residents import ENDINGS

if TYPE_CHECKING:
    from django.contrib.auth.models import User

TERMS: Mapping[str, str] = {  # the pack's terms that are their clocks
    GrievanceKind.CORRECTION: "correction",
    GrievanceKind.APPEAL: "appeal",
    GrievanceKind.PERSON: "callback",
}
TEXT = "concern"  # the sealed field's name
ASKED: Mapping[GrievanceKind, GrievanceRaisedKind] = {
    GrievanceKind.CORRECTION: EventKind.HOUSEHOLD_CORRECTION,
    GrievanceKind.APPEAL: EventKind.HOUSEHOLD_APPEAL,
    GrievanceKind.PERSON: EventKind.HOUSEHOLD_PERSON,
}


@dataclass(frozen=True, kw_only=True)
class NoticedFact:
    """One fact of a notice, as supplied by one feed. `about` names it in a form.

    `values` are the operands that come from the feed, with label, value and unit. Its department sees no
    others.
    """

    about: str
    sentence: Mapping[str, str]
    feed: Mapping[str, str]
    department: str
    latest: str
    values: tuple[Mapping[str, Any], ...]
    person_id: int | None


def noticed_facts(notice: Notice) -> list[tuple[CaseSignal, list[NoticedFact]]]:
    """The signals of the notice that still belong to its case, each with the facts behind it."""
    signals = notice.case.signals.filter(pk__in=notice.told).order_by("urgency_hours", "id")
    return [(signal, list(_facts(signal))) for signal in signals]


def _facts(signal: CaseSignal) -> Iterator[NoticedFact]:
    for number, condition in enumerate(signal.body["evidence"]):
        if condition["holds"] is not True:
            continue
        feeds = {
            feed["feed"]: feed for operand in condition["operands"] for feed in operand.get("feeds") or ()
        }
        for position, feed in enumerate(feeds.values()):
            yield NoticedFact(
                about=f"{signal.pk}-{number}-{position}",
                sentence=condition["sentence"],
                feed=feed["label"],
                department=str(feed["owner"]),
                latest=feed.get("latest") or "",
                values=tuple(_resting_on(feed["feed"], condition["operands"])),
                person_id=signal.person_id,
            )


def by_sentence(facts: Sequence[NoticedFact]) -> list[tuple[Mapping[str, str], list[NoticedFact]]]:
    """Facts grouped by their sentence."""
    groups = groupby(facts, lambda fact: fact.about.rpartition("-")[0])
    return [(rests[0].sentence, rests) for rests in (list(group) for _condition, group in groups)]


def _resting_on(feed: str, operands: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for operand in operands:
        if any(read["feed"] == feed for read in operand.get("feeds") or ()):
            yield {"label": operand["label"], "value": operand["value"], "unit": operand.get("unit")}


def ask(notice: Notice, kind: str, text: str, about: str = "") -> Grievance:
    """Record a grievance. Raises Refused while an equal one is open, and for a fact outside the notice."""
    fact = next((f for _s, facts in noticed_facts(notice) for f in facts if f.about == about), None)
    if kind == GrievanceKind.CORRECTION and fact is None:
        raise Refused(_("Choose the fact that is wrong."))
    with change_case_of(notice.case_id) as (case, change):
        if case.grievances.filter(kind=kind, about=about if fact else "", answered_at=None).exists():
            raise Refused(_("You have asked for this already. Somebody is working on it."))
        grievance = _new(case, kind, text, fact, change.at)
        change.record(case, GrievanceRaised(kind=ASKED[GrievanceKind(kind)], concern=grievance.reference))
    return grievance


def _new(case: Case, kind: str, text: str, fact: NoticedFact | None, now: dt.datetime) -> Grievance:
    person = people(case.household_id)[0].person_id
    fact = fact if kind == GrievanceKind.CORRECTION else None
    department = fact.department if fact else ""
    return Grievance.objects.create(
        case=case,
        kind=kind,
        about=fact.about if fact else "",
        department=department,
        person_id=person,
        fact=_kept(fact) if fact else {},
        text=opened_vault(str(settings.VAULT_KEY)).seal(person, TEXT, text or None),
        asked_at=now,
        due_at=installed_clocks().due_by_term(now, TERMS[kind], department),
    )


def _kept(fact: NoticedFact) -> dict[str, Any]:
    return {
        "sentence": fact.sentence,
        "feed": fact.feed,
        "values": list(fact.values),
        "person": fact.person_id,
    }


def subjects(grievance: Grievance) -> list[Person]:
    """The persons whose record a correction is about, so that the department can find it."""
    subject = grievance.fact["person"]
    found = [p for p in people(grievance.case.household_id, dead=True) if subject in {None, p.person_id}]
    found += people(grievance.other.household_id) if grievance.other else []
    return [replace(person, phone=None, address=None) for person in found]


def said(grievance: Grievance) -> str:
    """The decrypted text of the household. The caller records that it was read."""
    sealed = None if grievance.text is None else bytes(grievance.text)
    return opened_vault(str(settings.VAULT_KEY)).open(grievance.person_id, TEXT, sealed) or ""


def may_answer(by: User, grievance: Grievance) -> bool:
    """An appeal is decided by somebody who did not act on the case; writing a note is not an act."""
    if grievance.kind != GrievanceKind.APPEAL:
        return True
    return (
        not CaseEvent.objects.filter(case_id=grievance.case_id, actor_id=by.pk)
        .exclude(kind=EventKind.NOTE)
        .exists()
    )


def answer(by: User, reference: str, ending: str, note: str) -> Grievance:
    """Answer a grievance; the household reads the note. Raises Http404 for a stranger, and Refused."""
    found = grievance_for(by, reference)
    with change_case_of(found.case_id, by=by) as (case, change):
        grievance = lock(case.grievances.all(), pk=found.pk)
        if grievance is None or grievance.answered_at is not None:
            raise Refused(_("This has been answered already."))
        if ending not in ENDINGS[GrievanceKind(grievance.kind)]:
            raise Refused(_("Choose an answer."))
        if not note:
            raise Refused(_("Write what the household is to be told."))
        if not may_answer(by, grievance):
            raise Refused(_("You have acted on this case. Somebody else decides on the appeal."))
        grievance.ending, grievance.note, grievance.answered_at, grievance.answered_by = (
            ending,
            note,
            change.at,
            by,
        )
        grievance.save()
        _follow(grievance, case, change)
    return grievance


def _follow(grievance: Grievance, case: Case, change: CaseChange) -> None:
    """Open an ended case again when its decision is changed, unless the household has a newer case."""
    newer = Case.objects.filter(household_id=case.household_id, ended_at=None).exists()
    reopens = grievance.ending == Ending.CHANGED and not case.is_open and not newer
    before = case.state
    if reopens:
        case.state, case.ended_at, case.outcome, case.assignee = CaseState.VERIFYING, None, "", None
        case.due_at = installed_clocks().due_by_term(change.at, TERMS[GrievanceKind.APPEAL])
    event: GrievanceAnswered = {
        "kind": EventKind.GRIEVANCE_ANSWERED,
        "concern": grievance.reference,
        "ending": grievance.ending,
        "note": grievance.note,
        "from": before,
        "to": case.state,
    }
    change.record(case, event)
