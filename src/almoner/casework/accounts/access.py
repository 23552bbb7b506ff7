"""The access rules of the console: all of them are in this module.

A role grants rights (`RIGHTS`), and a right opens pages. A page shows only records of the user's own areas
or own department. For all other records the answer is 404, never 403, so that nobody learns whether they
exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from django.db.models import Exists, Model, OuterRef, Q, QuerySet
from django.http import Http404

from almoner.casework.models import (
    AreaAlert,
    Case,
    Grievance,
    HouseholdMember,
    Identity,
    Membership,
    Referral,
    ReferralState,
    RoleOf,
    Visit,
    WalkIn,
    WeekTally,
)
from almoner.casework.models.people import INDEXED
from almoner.casework.models.residents import OF_DEPARTMENTS
from almoner.casework.models.work import AHEAD

Record = TypeVar("Record", bound=Model)

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

    Someone = AbstractBaseUser | AnonymousUser


class Right(StrEnum):
    """A right that a role can grant."""

    CASES = "cases"  # queue, households, visits and figures of the user's areas; the second decision
    ASSIGN = "hand_out"  # act on cases of others, and assign them to anyone who works in their area
    REFERRALS = "referrals"  # referrals sent to the user's department
    AREA_ALERTS = "area_alerts"  # alerts of the user's areas, or alerts addressed to the user's department
    FEEDS = "feeds"  # which data is shared, how current it is, and which rules read it
    POLICY = "policy"  # the pack's signals, programmes and parameters, in words
    OVERSIGHT = "oversight"  # the audit trail and the access log, without names or identity numbers
    CALENDAR = "calendar"  # editing the calendar of working days
    PEOPLE = "people"  # managing accounts and their roles


RIGHTS: Mapping[str, frozenset[Right]] = {
    RoleOf.WORKER: frozenset({Right.CASES, Right.FEEDS, Right.POLICY}),
    RoleOf.LEAD: frozenset({Right.CASES, Right.ASSIGN, Right.AREA_ALERTS, Right.FEEDS, Right.POLICY}),
    RoleOf.DEPARTMENT: frozenset({Right.REFERRALS, Right.AREA_ALERTS}),
    RoleOf.POLICY: frozenset({Right.POLICY, Right.FEEDS}),
    RoleOf.DATA: frozenset({Right.FEEDS, Right.POLICY}),
    RoleOf.AUDITOR: frozenset({Right.OVERSIGHT, Right.POLICY, Right.FEEDS}),
    RoleOf.ADMINISTRATOR: frozenset({Right.CALENDAR, Right.PEOPLE}),
}

# Whoever held two accounts with the first could ask for money and agree to it. The second makes accounts.
FOR_MONEY = frozenset({Right.CASES, Right.PEOPLE})

EVERYWHERE = "*"
SEEN_BY_DEPARTMENTS = (ReferralState.SENT, ReferralState.ACCEPTED, ReferralState.DONE, ReferralState.RETURNED)


_read: ContextVar[dict[int, Membership | None] | None] = ContextVar("memberships_read", default=None)


@contextmanager
def memberships_read_once() -> Iterator[None]:
    """Cache memberships while one page is rendered, because a page asks for its reader many times.

    Nothing inside this context may change memberships.
    """
    before = _read.set({})
    try:
        yield
    finally:
        _read.reset(before)


def membership_of(user: Someone) -> Membership | None:
    """The user's membership; None for an anonymous or inactive user, or an account without one."""
    if user.pk is None:
        return None
    read = _read.get()
    if read is None:
        return _membership(user.pk)
    if user.pk not in read:
        read[user.pk] = _membership(user.pk)
    return read[user.pk]


def _membership(user: int) -> Membership | None:
    found = Membership.objects.select_related("department", "user").filter(user_id=user, user__is_active=True)
    return found.first()


def rights_of(membership: Membership | None) -> frozenset[Right]:
    """The rights of a membership; none without a membership."""
    return RIGHTS[membership.role] if membership else frozenset()


def may(user: Someone, right: Right) -> bool:
    """Whether the user has `right`."""
    return right in rights_of(membership_of(user))


def may_or_404(user: Someone, right: Right) -> Membership:
    """The membership of a user who has `right`. Raises Http404 for anybody else."""
    membership = membership_of(user)
    if membership is None or right not in rights_of(membership):
        raise Http404
    return membership


def covers(membership: Membership, area: str) -> bool:
    """Whether `area` lies in one of the member's areas."""
    return EVERYWHERE in membership.areas or any(p and area.startswith(p) for p in membership.areas)


def _inside(membership: Membership, area: str = "area") -> Q:
    """The same test as `covers`, as a filter on the field named `area`."""
    if EVERYWHERE in membership.areas:
        return Q()
    inside = Q(pk__in=[])
    for prefix in filter(None, membership.areas):
        inside |= Q(**{f"{area}__begins": prefix})
    return inside


def cases_of(user: Someone) -> QuerySet[Case]:
    """Cases in the user's areas; none for a user without the right to cases."""
    return _in_areas_of(user, Case.objects.all(), "area")


def tallies_of(user: Someone) -> QuerySet[WeekTally]:
    """Weekly counts of cases in the user's areas; none for a user without the right to cases."""
    return _in_areas_of(user, WeekTally.objects.all(), "area")


def of_cases(user: Someone, records: QuerySet[Record]) -> QuerySet[Record]:
    """Filter `records`, whose model has a `case`, to the cases that the user may see."""
    return _in_areas_of(user, records, "case__area")


def _in_areas_of(user: Someone, records: QuerySet[Record], area: str) -> QuerySet[Record]:
    """Filter `records` by the field named `area` to the user's areas; none without the right to cases."""
    membership = membership_of(user)
    if membership is None or Right.CASES not in rights_of(membership):
        return records.none()
    return records.filter(_inside(membership, area))


def visits_of(user: Someone) -> QuerySet[Visit]:
    """The planned visits of the cases that the user may see: the user's own, and those that are nobody's,
    because they came back from somebody."""
    return of_cases(user, Visit.objects.filter(AHEAD, Q(visitor_id=user.pk) | Q(visitor=None)))


def colleagues_for(areas: Iterable[str]) -> list[Membership]:
    """The members who may work cases in every one of `areas`, sorted by name. Reads all members in one
    query."""
    codes = set(areas)
    roles = [role for role, rights in RIGHTS.items() if Right.CASES in rights]
    members = Membership.objects.filter(role__in=roles, user__is_active=True).select_related("user")
    suitable = [m for m in members if all(covers(m, area) for area in codes)]
    return sorted(suitable, key=lambda m: m.user.get_full_name() or m.user.get_username())


def referrals_in_areas_of(user: Someone) -> QuerySet[Referral]:
    """Referrals of the cases that the user may see."""
    return of_cases(user, Referral.objects.all())


def grievances_of(user: Someone) -> QuerySet[Grievance]:
    """The grievances that the user may answer or see.

    For a department: corrections of facts that it supplied or of registers that it keeps. For people who
    work cases: appeals and requests for a talk in their areas.
    """
    membership = membership_of(user)
    rights = rights_of(membership)
    if membership is not None and Right.REFERRALS in rights:
        return Grievance.objects.filter(kind__in=OF_DEPARTMENTS, department=membership.department_id)
    if membership is not None and Right.CASES in rights:
        return Grievance.objects.filter(_inside(membership, "case__area")).exclude(kind__in=OF_DEPARTMENTS)
    return Grievance.objects.none()


def grievance_for(user: Someone, reference: str) -> Grievance:
    """A grievance that the user may see, by its reference. Raises Http404."""
    grievance = grievances_of(user).select_related("case").filter(reference=reference).first()
    if grievance is None:
        raise Http404
    return grievance


def walk_ins_of(user: Someone) -> QuerySet[WalkIn]:
    """The walk-in applications that the user may see.

    For a department: those of people who are missing from its register. For people who work cases: those
    that they took, those in their areas, and those of members of a household whose case they may see. Leads
    also see those of no area whose taker was switched off.
    """
    membership = membership_of(user)
    rights = rights_of(membership)
    if membership is not None and Right.REFERRALS in rights:
        return WalkIn.objects.exclude(department="").filter(department=membership.department_id)
    if membership is not None and Right.CASES in rights:
        if EVERYWHERE in membership.areas:
            return WalkIn.objects.all()
        cases = Case.objects.filter(_inside(membership), household_id=OuterRef("household_id"))
        lives = HouseholdMember.objects.filter(Exists(cases), person_id=OuterRef("person_id"))
        person = Identity.objects.filter(INDEXED, Exists(lives), number_index=OuterRef("number_index"))
        mine = Q(taken_by_id=user.pk) | _inside(membership)
        if Right.ASSIGN in rights:  # of no area, and whoever took it is gone: else nobody would see it
            mine |= Q(area="", taken_by__is_active=False)
        return WalkIn.objects.filter(mine | Exists(person))
    return WalkIn.objects.none()


def walk_in_for(user: Someone, reference: str) -> WalkIn:
    """A walk-in application that the user may see, by its reference. Raises Http404."""
    found = walk_ins_of(user).select_related("taken_by", "answered_by", "appeal_of", "appeal_of__answered_by")
    request = found.filter(reference=reference).first()
    if request is None:
        raise Http404
    return request


def lines_of(user: Someone) -> QuerySet[Referral]:
    """List lines that the user's department still has to confirm on the spot."""
    membership = membership_of(user)
    if membership is None or Right.REFERRALS not in rights_of(membership):
        return Referral.objects.none()
    waiting = Referral.objects.filter(
        state=ReferralState.PROPOSED, check_due_at__isnull=False, case__ended_at=None
    )
    return waiting.exclude(checker="").filter(checker=membership.department_id)


def referrals_of(user: Someone) -> QuerySet[Referral]:
    """Referrals sent to the user's department; none for a user without that right."""
    membership = membership_of(user)
    if membership is None or Right.REFERRALS not in rights_of(membership):
        return Referral.objects.none()
    return referrals_to(membership.department_id or "")


def referrals_to(department: str) -> QuerySet[Referral]:
    """Referrals that a department may see, its own system included: those that have been sent."""
    return Referral.objects.filter(department=department, state__in=SEEN_BY_DEPARTMENTS)


def area_alerts_of(user: Someone) -> QuerySet[AreaAlert]:
    """The area alerts that the user may see: those addressed to the user's department, or those in the
    user's areas."""
    membership = membership_of(user)
    if membership is None or Right.AREA_ALERTS not in rights_of(membership):
        return AreaAlert.objects.none()
    if Right.REFERRALS in rights_of(membership):
        return AreaAlert.objects.filter(department=membership.department_id)
    return AreaAlert.objects.filter(_inside(membership))


def area_alert_for(user: Someone, reference: str) -> AreaAlert:
    """An area alert that the user may see, by its reference. Raises Http404."""
    alert = area_alerts_of(user).filter(reference=reference).first()
    if alert is None:
        raise Http404
    return alert


def case_for(user: Someone, reference: str) -> Case:
    """A case that the user may see, by its reference. Raises Http404."""
    case = cases_of(user).select_related("assignee").filter(reference=reference).first()
    if case is None:
        raise Http404
    return case


def referral_to(department: str, reference: str) -> Referral:
    """A referral of `department` by its reference, for the department's own system. Raises Http404."""
    referral = referrals_to(department).select_related("case").filter(reference=reference).first()
    if referral is None:
        raise Http404
    return referral


def referral_for(user: Someone, reference: str) -> Referral:
    """A referral sent to the user's department, by its reference. Raises Http404."""
    referral = referrals_of(user).select_related("case").filter(reference=reference).first()
    if referral is None:
        raise Http404
    return referral
