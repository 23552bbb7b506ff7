"""Assign many cases to one person, under the same guards as one case and with a constant number of
queries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from almoner.casework.accounts.access import Right, cases_of, covers, may_or_404, membership_of, rights_of
from almoner.casework.cases.changing import CaseChange, change_cases
from almoner.casework.cases.handing_back import hand_out
from almoner.casework.core.event_kinds import EventKind
from almoner.casework.core.events import GivenTogether
from almoner.casework.models import Case, Membership

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@dataclass(frozen=True)
class HandedOut:
    """How many cases were assigned, had changed since the page was shown, or could not be assigned."""

    given: int
    changed: int
    refused: int


def assign_cases(by: User, versions: Mapping[str, int], assignee_id: int) -> HandedOut:
    """Assign cases (version by reference) to a person. Cases that `by` may not see count as refused."""
    giver = may_or_404(by, Right.CASES)
    receiver = _receiver(assignee_id)
    mine = cases_of(by).filter(reference__in=versions, ended_at=None).values_list("pk", flat=True)
    with change_cases(mine, by=by) as change:
        found = [case for case in change.cases.values() if case.reference in versions and case.is_open]
        fitting = [case for case in found if receiver and _may_give(giver, receiver, case)]
        fresh = [case for case in fitting if case.version == versions[case.reference]]
        _give(fresh, by, assignee_id, change)
    return HandedOut(len(fresh), len(fitting) - len(fresh), len(versions) - len(fitting))


def _receiver(assignee_id: int) -> Membership | None:
    named = Membership.objects.filter(user_id=assignee_id).select_related("user").first()
    member = membership_of(named.user) if named else None
    return member if Right.CASES in rights_of(member) else None


def _may_give(giver: Membership, receiver: Membership, case: Case) -> bool:
    """Leads assign any case to anyone who works there. Others hand over their own cases and take free
    ones."""
    if not covers(receiver, case.area):
        return False
    own = case.assignee_id == giver.user_id
    free_for_me = case.assignee_id is None and receiver.user_id == giver.user_id
    return own or free_for_me or Right.ASSIGN in rights_of(giver)


def _give(cases: list[Case], by: User, assignee_id: int, change: CaseChange) -> None:
    """Write all cases at once. Their clocks are not set again, because they do not depend on the assignee."""
    for case in cases:
        case.assignee_id = assignee_id
        case.version += 1
    hand_out(cases, assignee_id)
    Case.objects.bulk_update(cases, ["assignee", "handed_back_from", "version"])
    for case in cases:
        event: GivenTogether = {
            "kind": EventKind.TAKE if assignee_id == by.pk else EventKind.ASSIGN,
            "from": case.state,
            "to": case.state,
            "assignee": assignee_id,
            "together": len(cases),
        }
        change.record(case, event)
