"""After a restore nothing is open that may have been switched off since the backup was made."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F

from almoner.casework.accounts.staff import record_switched
from almoner.casework.models import Endpoint, Membership

ALL = "all"


@dataclass(frozen=True)
class AccessEnded:
    """What was ended: accounts by name, and departments that are not notified any more. `unknown` names were
    to stay open, but there is no such account."""

    accounts: tuple[str, ...]
    unnotified: tuple[str, ...]
    unknown: tuple[str, ...]


def end_access(still_open: Collection[str]) -> AccessEnded:
    """End all sessions, the accounts that are not named as `still_open` (`all`: none), and the addresses that
    departments' systems listen on. Each account that is ended is a line of the audit trail."""
    with transaction.atomic():
        Membership.objects.update(epoch=F("epoch") + 1)
        closed = User.objects.filter(is_active=True).order_by("username")
        if ALL in still_open:
            closed = closed.none()
        names = []
        for user in closed.exclude(username__in=still_open):
            record_switched(user, None, active=False)
            names.append(user.get_username())
        departments = tuple(Endpoint.objects.order_by("pk").values_list("pk", flat=True))
        Endpoint.objects.all().delete()
        known = set(User.objects.filter(username__in=still_open).values_list("username", flat=True))
    return AccessEnded(tuple(names), departments, tuple(sorted(set(still_open) - known - {ALL})))
