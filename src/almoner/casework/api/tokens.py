"""Tokens of departments, and which feeds each may send."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from typing import TYPE_CHECKING

from django.db import transaction

from almoner.casework.api.models import AcceptedFeed, Token
from almoner.casework.models import Department
from almoner.errors import AlmonerError

if TYPE_CHECKING:
    from almoner.policy.model import Pack

PREFIX = "almoner_"  # so that scanners of leaked secrets can know one


def issue(department: str, name: str) -> str:
    """A new token of a department; kept as a hash only. Raises AlmonerError for an unknown department."""
    if not Department.objects.filter(pk=department).exists():
        known = ", ".join(Department.objects.order_by("pk").values_list("pk", flat=True))
        raise AlmonerError(f"There is no department {department!r}. Choose one of: {known}.")
    token = PREFIX + secrets.token_urlsafe(32)
    Token.objects.create(name=name, department=department, sha256=_hash(token), created_at=dt.datetime.now())
    return token


def revoke(department: str, name: str | None = None) -> int:
    """End a department's tokens of that name; all of them when None. Gives how many were ended."""
    found = Token.objects.filter(department=department, revoked_at=None)
    return (found.filter(name=name) if name else found).update(revoked_at=dt.datetime.now())


def department_of(token: str) -> str | None:
    """Whose token this is; None for one that is unknown or ended."""
    found = Token.objects.filter(sha256=_hash(token), revoked_at=None).first()
    if found is None:
        return None
    today = dt.datetime.now().date()
    if found.last_used_on != today:
        Token.objects.filter(pk=found.pk).update(last_used_on=today)
    return found.department


def sync_feeds(pack: Pack) -> None:
    """The feeds that departments may send, as the pack says it."""
    wanted = [AcceptedFeed(f.id, f.owner) for f in pack.feeds.values() if f.sharing_class != "not-shared"]
    with transaction.atomic():
        AcceptedFeed.objects.exclude(pk__in=[f.pk for f in wanted]).delete()
        AcceptedFeed.objects.bulk_create(
            wanted, update_conflicts=True, unique_fields=["id"], update_fields=["department"]
        )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
