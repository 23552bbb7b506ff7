"""Departments in which nobody can sign in, so that nobody sees what was sent to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count

from almoner.casework.accounts.access import RIGHTS, Right, area_alerts_of, referrals_in_areas_of
from almoner.casework.cases.status import RUNNING
from almoner.casework.core import words
from almoner.casework.models import Department, Membership

if TYPE_CHECKING:
    from almoner.casework.accounts.access import Someone

CONSOLE = "console"  # the inbox of a department that has no system of its own


@dataclass(frozen=True)
class Deserted:
    """What waits at a department in which nobody can sign in."""

    label: str
    referrals: int
    alerts: int


def deserted(user: Someone) -> list[Deserted]:
    """The departments without people at which something of the user's areas waits."""
    roles = [role for role, rights in RIGHTS.items() if Right.REFERRALS in rights]
    staffed = Membership.objects.filter(role__in=roles, user__is_active=True, department__isnull=False)
    empty = Department.objects.filter(inbox=CONSOLE).exclude(pk__in=staffed.values("department"))
    labels = dict(empty.values_list("pk", "label"))
    if not labels:
        return []
    running = referrals_in_areas_of(user).filter(state__in=RUNNING, department__in=labels)
    alerts = area_alerts_of(user).filter(cleared_on=None, answered_at=None, department__in=labels)
    sent, alarmed = (
        dict(found.order_by().values_list("department").annotate(count=Count("pk")))
        for found in (running, alerts)
    )
    return [
        Deserted(words.in_language(label) or pk, sent.get(pk, 0), alarmed.get(pk, 0))
        for pk, label in sorted(labels.items())
        if pk in sent or pk in alarmed
    ]
