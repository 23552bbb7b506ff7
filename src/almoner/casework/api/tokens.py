"""Bearer tokens of departments: what each may do, and which feeds it may send."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q, QuerySet

from almoner.casework.api.models import AcceptedFeed, Token
from almoner.casework.models import Department
from almoner.errors import AlmonerError
from almoner.stream.ahead import dating

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from almoner.policy.model.pack import Pack

EVENTS, READ, ANSWER = "events:write", "referrals:read", "referrals:answer"
SCOPES = {
    EVENTS: "send events of the department's own feeds",
    READ: "read the referrals that were sent to the department",
    ANSWER: "accept, finish or return them",
}
PREFIX = "almoner_"  # so that scanners for leaked secrets recognise a token


@dataclass(frozen=True)
class Caller:
    """The department whose token was sent, and the token's scopes."""

    token: int
    department: str
    scopes: frozenset[str]


def issue(department: str, name: str, scopes: Sequence[str] = (EVENTS,), days: int | None = None) -> str:
    """Create a token for a department and return it; only its hash is stored.

    `days` is its lifetime (None: no end). Raises AlmonerError for an unknown department or scope.
    """
    if not Department.objects.filter(pk=department).exists():
        known = ", ".join(Department.objects.order_by("pk").values_list("pk", flat=True))
        raise AlmonerError(f"There is no department {department!r}. Choose one of: {known}.")
    unknown = next((scope for scope in scopes if scope not in SCOPES), None)
    if unknown is not None or not scopes:
        raise AlmonerError(f"There is no scope {unknown!r}. Choose of: {', '.join(SCOPES)}.")
    token, now = PREFIX + secrets.token_urlsafe(32), dt.datetime.now()
    Token.objects.create(
        name=name,
        department=department,
        sha256=_hash(token),
        created_at=now,
        scopes=sorted(set(scopes)),
        expires_at=None if days is None else now + dt.timedelta(days=days),
    )
    return token


def revoke(department: str, name: str | None = None) -> int:
    """End the department's tokens with this name, or all of them for None. Returns how many were ended."""
    found = Token.objects.filter(department=department, revoked_at=None)
    return (found.filter(name=name) if name else found).update(revoked_at=dt.datetime.now())


def caller_of(token: str) -> Caller | None:
    """The caller for a token; None when the token is unknown, ended or expired."""
    now = dt.datetime.now()
    found = _valid(token, now).first()
    if found is None:
        return None
    if found.last_used_on != now.date():
        Token.objects.filter(pk=found.pk).update(last_used_on=now.date())
    return Caller(found.pk, found.department, frozenset(found.scopes))


def is_valid(token: str) -> bool:
    """Whether the token is known and has not ended."""
    return _valid(token, dt.datetime.now()).exists()


def valid_by_department() -> dict[str, int]:
    """By department, how many of its tokens are valid now."""
    return dict(Counter(_not_ended(dt.datetime.now()).values_list("department", flat=True)))


def _valid(token: str, now: dt.datetime) -> QuerySet[Token]:
    return _not_ended(now).filter(sha256=_hash(token))


def _not_ended(now: dt.datetime) -> QuerySet[Token]:
    return Token.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None)


def listed(department: str) -> list[dict[str, Any]]:
    """A department's tokens, the newest first: name, scopes, and times of creation, end and last use."""
    columns = ("name", "scopes", "created_at", "expires_at", "revoked_at", "last_used_on")
    return list(Token.objects.filter(department=department).order_by("-created_at", "-pk").values(*columns))


def sync_feeds(pack: Pack) -> None:
    """Store which department may send which feed, and how its rows are dated, as the pack says."""
    wanted = [
        AcceptedFeed(f.id, f.owner, dating(f).as_json())
        for f in pack.feeds.values()
        if f.sharing_class != "not-shared"
    ]
    with transaction.atomic():
        AcceptedFeed.objects.exclude(pk__in=[f.pk for f in wanted]).delete()
        AcceptedFeed.objects.bulk_create(
            wanted, update_conflicts=True, unique_fields=["id"], update_fields=["department", "dating"]
        )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogateescape")).hexdigest()
