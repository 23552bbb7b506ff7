"""Giving many cases to one person at once, under the same guards as one by one, with as many queries for
one as for a hundred."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction

from almoner.casework.accounts.access import Right, cases_of, covers, may_or_404, membership_of, rights_of
from almoner.casework.core.audit import NewEvent, append
from almoner.casework.models import Case, Membership

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@dataclass(frozen=True)
class HandedOut:
    """How many cases were given, and how many were not: changed since the page was shown, or not to be
    given so."""

    given: int
    changed: int
    refused: int


def assign_cases(by: User, versions: Mapping[str, int], assignee_id: int) -> HandedOut:
    """Give cases (version by reference) to somebody. A case that is not `by`'s to see counts as refused,
    like any other."""
    giver = may_or_404(by, Right.CASES)
    receiver = _receiver(assignee_id)
    with transaction.atomic():
        mine = cases_of(by).filter(reference__in=versions, ended_at=None).values("pk")
        found = list(Case.objects.select_for_update().filter(pk__in=mine).order_by("id"))
        fitting = [case for case in found if receiver and _may_give(giver, receiver, case)]
        fresh = [case for case in fitting if case.version == versions[case.reference]]
        _give(fresh, by, assignee_id)
    return HandedOut(len(fresh), len(fitting) - len(fresh), len(versions) - len(fitting))


def _receiver(assignee_id: int) -> Membership | None:
    named = Membership.objects.filter(user_id=assignee_id).select_related("user").first()
    member = membership_of(named.user) if named else None
    return member if Right.CASES in rights_of(member) else None


def _may_give(giver: Membership, receiver: Membership, case: Case) -> bool:
    """Who hands out gives any case to anybody there; others hand over their own, and take what is free."""
    if not covers(receiver, case.area):
        return False
    own = case.assignee_id == giver.user_id
    free_for_me = case.assignee_id is None and receiver.user_id == giver.user_id
    return own or free_for_me or Right.ASSIGN in rights_of(giver)


def _give(cases: list[Case], by: User, assignee_id: int) -> None:
    for case in cases:
        case.assignee_id = assignee_id
        case.version += 1
    Case.objects.bulk_update(cases, ["assignee", "version"])
    kind = "take" if assignee_id == by.pk else "assign"
    told = {"assignee": assignee_id, "together": len(cases)}
    events = [NewEvent(case, kind, {"from": case.state, "to": case.state, **told}, by.pk) for case in cases]
    append(events, dt.datetime.now())
