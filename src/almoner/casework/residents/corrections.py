"""Corrections that case workers ask for: two cases are one household, somebody has left, or a record is of
another person.

Casework does not edit registers. It asks the department that keeps the register, with a term, and what the
department corrects comes with its next delivery. A case worker joins the cases of households that are one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.translation import gettext as _

from almoner.casework.accounts.access import case_for, cases_of
from almoner.casework.cases import timelines
from almoner.casework.cases.changing import CaseChange, change_case, change_cases, refuse_stale, refuse_unless
from almoner.casework.cases.guards import is_mine_or_i_lead, nothing_waits
from almoner.casework.core.clocks import installed_clocks
from almoner.casework.core.event_kinds import EventKind
from almoner.casework.core.events import GrievanceRaised, GrievanceRaisedKind, Joined
from almoner.casework.core.refusals import Refused
from almoner.casework.core.vault_rows import opened_vault, people
from almoner.casework.models import Case, CaseState, Ending, FeedState, Grievance, GrievanceKind
from almoner.casework.models.residents import OF_THE_REGISTER
from almoner.casework.models.work import AHEAD
from almoner.casework.residents.grievances import TEXT
from almoner.policy.model.feeds import Role

if TYPE_CHECKING:
    from django.contrib.auth.models import User

REPORTED: Mapping[GrievanceKind, GrievanceRaisedKind] = {
    GrievanceKind.TOGETHER: EventKind.REPORTED_TOGETHER,
    GrievanceKind.GONE: EventKind.REPORTED_GONE,
    GrievanceKind.MISTAKEN: EventKind.REPORTED_MISTAKEN,
}
IDENTIFIED, PLACED = Role.RESIDENT_ID.value, Role.HOUSEHOLD.value


def register() -> FeedState | None:
    """The feed that says who lives with whom; the first with both roles, if the pack in use marks none."""
    found = [
        feed for feed in FeedState.objects.all() if {IDENTIFIED, PLACED} <= {f["role"] for f in feed.fields}
    ]
    marked = (feed for feed in found if any(field.get("membership") for field in feed.fields))
    return next(marked, found[0] if found else None)


def report(by: User, reference: str, version: int, data: Mapping[str, Any]) -> Grievance:
    """Ask the department that keeps the register for a correction.

    `data` has the keys kind and text, and person_id or `other`, the reference of the second case. Raises
    Http404 for a user without access, Stale, and Refused.
    """
    kind = data.get("kind")
    with change_case(by, reference, version, is_mine_or_i_lead) as (case, change):
        if kind not in OF_THE_REGISTER:
            raise Refused(_("Choose what is wrong."))
        if not data.get("text"):
            raise Refused(_("Write what you saw."))
        grievance = _asked(case, by, GrievanceKind(str(kind)), data, change.at)
        reported = REPORTED[GrievanceKind(grievance.kind)]
        change.record(case, GrievanceRaised(kind=reported, concern=grievance.reference))
    return grievance


def _asked(case: Case, by: User, kind: GrievanceKind, data: Mapping[str, Any], now: dt.datetime) -> Grievance:
    feed, members = register(), people(case.household_id)
    if feed is None or not members:
        raise Refused(_("It is not known which register this household comes from."))
    other, person = None, None
    if kind == GrievanceKind.TOGETHER:
        other = (
            cases_of(by).filter(reference=data.get("other") or "", ended_at=None).exclude(pk=case.pk).first()
        )
        if other is None:
            raise Refused(_("No other open case has this reference, among those that you may see."))
    else:
        person = next((p.person_id for p in members if p.person_id == data.get("person")), None)
        if person is None:
            raise Refused(_("Choose the person."))
    about = f"{other.pk if other else person}"
    if case.grievances.filter(kind=kind, about=about, answered_at=None).exists():
        raise Refused(_("This has been asked already. The department is working on it."))
    fact = {"sentence": {}, "feed": feed.label, "values": [], "person": person}
    return Grievance.objects.create(
        case=case,
        kind=kind,
        about=about,
        department=feed.owner,
        asked_by=by,
        other=other,
        fact=fact,
        person_id=members[0].person_id,
        asked_at=now,
        due_at=installed_clocks().due_by_term(now, "correction", feed.owner),
        text=opened_vault(str(settings.VAULT_KEY)).seal(members[0].person_id, TEXT, str(data["text"])),
    )


def stays(one: Case, another: Case) -> Case:
    """The case of the two that continues: the more urgent one, or the older if both are equally urgent."""

    def rank(case: Case) -> tuple[float, dt.datetime, int]:
        return (float("inf") if case.urgency_hours is None else case.urgency_hours, case.opened_at, case.pk)

    return min(one, another, key=rank)


def to_join(case: Case) -> list[Grievance]:
    """Agreed corrections which say that this case and another open one are of one household."""
    agreed = Grievance.objects.filter(kind=GrievanceKind.TOGETHER, ending=Ending.CORRECTED)
    here = agreed.filter(case=case, other__ended_at=None) | agreed.filter(other=case, case__ended_at=None)
    return list(here.select_related("case", "other").order_by("id")) if case.is_open else []


def join(by: User, reference: str, version: int, grievance: str) -> Case:
    """Close the less urgent of two cases and continue the other one. Returns the case that continues.

    Nothing is moved or deleted: the closed case keeps its history, referrals, files and grievances. What
    departments still have to answer there counts for the clock of the case that continues.
    """
    seen = case_for(by, reference)
    found = _agreed(seen, grievance)
    with change_cases([seen.pk, found.case_id, found.other_id or 0], by=by) as change:
        seen = change.cases[seen.pk]
        refuse_stale(seen, version)
        refuse_unless(seen, by, is_mine_or_i_lead)
        found = _agreed(seen, grievance)  # somebody else joined them from the other case first
        one, another = change.cases[found.case_id], change.cases[found.other_id or 0]
        kept = stays(one, another)
        ended = another if kept is one else one
        for case in (kept, ended):
            case_for(by, case.reference)
            refusal = is_mine_or_i_lead(case, by, {}) or nothing_waits(case, by, {})
            if refusal is not None:
                raise Refused(_("Case %(case)s: %(why)s") % {"case": case.reference, "why": refusal})
        _end(ended, kept, change)
        change.touch(kept)
        joined: Joined = {
            "kind": EventKind.JOINED,
            "from": kept.state,
            "to": kept.state,
            "case": ended.reference,
        }
        change.record(kept, joined)
    return kept


def _agreed(seen: Case, grievance: str) -> Grievance:
    found = next((one for one in to_join(seen) if one.reference == grievance), None)
    if found is None or found.other_id is None:
        raise Refused(_("The register has not said that these two are one household."))
    return found


def _end(ended: Case, kept: Case, change: CaseChange) -> None:
    before = ended.state
    ended.state, ended.ended_at, ended.held_until, ended.joined_to = CaseState.CLOSED, change.at, None, kept
    ended.visits.filter(AHEAD).update(called_off_at=change.at)
    timelines.forget(ended)
    change.touch(ended)
    joined: Joined = {
        "kind": EventKind.JOINED_TO,
        "from": before,
        "to": ended.state,
        "case": kept.reference,
    }
    change.record(ended, joined)
