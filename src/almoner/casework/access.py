"""Who may see what. What belongs to others does not exist for you: 404, never 403."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Q, QuerySet
from django.http import Http404

from almoner.casework.models import AreaAlert, Case, Membership, Referral, ReferralState, RoleOf

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

    Someone = AbstractBaseUser | AnonymousUser

EVERYWHERE = "*"
SEEN_BY_DEPARTMENTS = (ReferralState.SENT, ReferralState.ACCEPTED, ReferralState.DONE, ReferralState.RETURNED)


def membership_of(user: Someone) -> Membership | None:
    if user.pk is None:
        return None
    return Membership.objects.select_related("department").filter(user_id=user.pk).first()


def cases_of(user: Someone) -> QuerySet[Case]:
    """Cases of the areas of a case worker or team lead; nothing for anybody else."""
    membership = membership_of(user)
    if membership is None or not membership.works_cases:
        return Case.objects.none()
    if EVERYWHERE in membership.areas:
        return Case.objects.all()
    inside = Q(pk__in=[])
    for prefix in filter(None, membership.areas):
        inside |= Q(area__startswith=prefix)
    return Case.objects.filter(inside)


def referrals_of(user: Someone) -> QuerySet[Referral]:
    """Referrals that were sent to the user's own department; nothing for anybody else."""
    membership = membership_of(user)
    if membership is None or membership.role != RoleOf.DEPARTMENT:
        return Referral.objects.none()
    return Referral.objects.filter(department=membership.department_id, state__in=SEEN_BY_DEPARTMENTS)


def area_alerts_of(user: Someone) -> QuerySet[AreaAlert]:
    """A team lead's: those in the lead's areas. A department's: those that go to it. Nothing for anybody else."""
    membership = membership_of(user)
    if membership is None or membership.role not in {RoleOf.LEAD, RoleOf.DEPARTMENT}:
        return AreaAlert.objects.none()
    if membership.role == RoleOf.DEPARTMENT:
        return AreaAlert.objects.filter(department=membership.department_id)
    if EVERYWHERE in membership.areas:
        return AreaAlert.objects.all()
    inside = Q(pk__in=[])
    for prefix in filter(None, membership.areas):
        inside |= Q(area__startswith=prefix)
    return AreaAlert.objects.filter(inside)


def area_alert_for(user: Someone, reference: str) -> AreaAlert:
    alert = area_alerts_of(user).filter(reference=reference).first()
    if alert is None:
        raise Http404
    return alert


def case_for(user: Someone, reference: str) -> Case:
    case = cases_of(user).select_related("assignee").filter(reference=reference).first()
    if case is None:
        raise Http404
    return case


def referral_for(user: Someone, reference: str) -> Referral:
    referral = referrals_of(user).select_related("case").filter(reference=reference).first()
    if referral is None:
        raise Http404
    return referral


def member_or_404(user: Someone, *roles: str) -> Membership:
    membership = membership_of(user)
    if membership is None or membership.role not in roles:
        raise Http404
    return membership
