"""Conditions for moves. A guard returns None when the move is allowed, else a sentence that says why not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from almoner.casework.accounts.access import Right, covers, may, membership_of, rights_of
from almoner.casework.cases.approval import waiting, what_is_asked
from almoner.casework.cases.status import RUNNING
from almoner.casework.models import Case, DismissalReason, FalseAlarm, Membership, Referral, VisitFinding
from almoner.casework.models.work import AHEAD

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.utils.functional import _StrPromise

    Refusal = _StrPromise | None

Data = Mapping[str, Any]


def is_mine_or_i_lead(case: Case, by: User, _data: Data) -> Refusal:
    if case.assignee_id == by.pk or may(by, Right.ASSIGN):
        return None
    return _("This case is not assigned to you. Take it first.")


def is_free_or_i_lead(case: Case, by: User, _data: Data) -> Refusal:
    if case.assignee_id in {None, by.pk} or may(by, Right.ASSIGN):
        return None
    return _("This case is assigned to somebody else. A team lead can hand it over.")


def has_no_running_referral(case: Case, _by: User, _data: Data) -> Refusal:
    both = Q(case=case) | Q(case__joined_to=case)
    running = Referral.objects.filter(both, state__in=RUNNING).exists()
    return _("A department has not answered its referral yet.") if running else None


def nothing_waits(case: Case, _by: User, _data: Data) -> Refusal:
    return _("A second person has to decide first on what was asked.") if waiting(case) else None


def something_waits(case: Case, _by: User, _data: Data) -> Refusal:
    return None if waiting(case) else _("Nothing waits for a second person.")


def i_am_the_second(case: Case, by: User, _data: Data) -> Refusal:
    check = waiting(case)
    if check is None or check.asked_by_id != by.pk:
        return None
    return _("You asked for this yourself. Another person has to agree.")


def is_as_asked(case: Case, _by: User, _data: Data) -> Refusal:
    check = waiting(case)
    if check is None or what_is_asked(case, check) == check.about:
        return None
    return _("The amounts have changed since they were asked for. Decline, and ask again.")


def visit_is_ahead(case: Case, _by: User, _data: Data) -> Refusal:
    return None if case.visits.filter(AHEAD).exists() else _("Plan a visit first.")


def is_my_visit_or_case(case: Case, by: User, data: Data) -> Refusal:
    mine = case.visits.filter(AHEAD, visitor_id=by.pk).exists()
    return None if mine else is_mine_or_i_lead(case, by, data)


# The following guards check the values of the form.


def has_structured_outcome(_case: Case, _by: User, data: Data) -> Refusal:
    return None if data.get("outcome") in DismissalReason.values else _("Choose a reason.")


def has_a_coming_date(_case: Case, _by: User, data: Data) -> Refusal:
    until = data.get("until")
    return None if until is not None and until > dt.date.today() else _("Choose a date after today.")


def has_a_note(_case: Case, _by: User, data: Data) -> Refusal:
    return None if data.get("note") else _("Write a note.")


def has_a_day(_case: Case, _by: User, data: Data) -> Refusal:
    day = data.get("day")
    return None if day is not None and day >= dt.date.today() else _("Choose today or a later day.")


def has_a_finding(_case: Case, _by: User, data: Data) -> Refusal:
    if data.get("found") not in VisitFinding.values:
        return _("Choose what was found.")
    if data["found"] == VisitFinding.FALSE_ALARM and data.get("reason") not in FalseAlarm.values:
        return _("Say why it was a false alarm.")
    day = data.get("day")
    return None if day is not None and day <= dt.date.today() else _("Choose today or an earlier day.")


def works_there(case: Case, _by: User, data: Data) -> Refusal:
    named = Membership.objects.filter(user_id=int(data.get("assignee") or 0)).select_related("user").first()
    member = membership_of(named.user) if named else None
    fits = member is not None and Right.CASES in rights_of(member) and covers(member, case.area)
    return None if fits else _("Choose somebody who works in the area of the case.")


ASK_FOR_DATA = frozenset(
    {has_structured_outcome, has_a_coming_date, has_a_note, has_a_day, has_a_finding, works_there}
)
