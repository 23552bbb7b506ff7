"""The audit trail: append-only, hash-chained, in the transaction of what it tells about.

A link's hash is SHA-256 over the previous hash and the canonical JSON of the event. Database triggers
refuse update and delete (migration 0002); `verify_chain` finds what went around them.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from django.db import connection

from almoner.casework.models import AccessLog, CaseEvent, ChainHead

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

    from almoner.casework.core.events import TrailEvent
    from almoner.casework.models import Case


FIRST = "0" * 64
CANONICAL = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
TABLE = CaseEvent._meta.db_table
COLUMNS = "number, case_id, at, actor_id, system, kind, data, previous_hash, hash"
LINK = (
    "number",
    "case_id",
    "at",
    "actor_id",
    "system",
    "kind",
    "data",
)  # what a link is made of, after the hash before it
READ_AT_ONCE = 5_000


class HasId(Protocol):
    """A case as a model's object or as a row: only its id is recorded."""

    @property
    def id(self) -> int | None: ...


@dataclass(frozen=True)
class NewEvent:
    """An event that is not in the chain yet, of a case or of who may sign in."""

    case: HasId | None
    event: TrailEvent
    actor_id: int | None = None
    system: str | None = None  # the department whose own system acted


@dataclass(frozen=True)
class ChainCheck:
    """`broken_at` is the number of the first event that does not fit; none when all do."""

    events: int
    broken_at: int | None

    @property
    def intact(self) -> bool:
        return self.broken_at is None


def canonical(value: Mapping[str, Any]) -> str:
    return CANONICAL.encode(value)


def append(events: Sequence[NewEvent], at: dt.datetime) -> None:
    """Add events in this order. Must be called inside the transaction of the change they tell about."""
    head, _ = ChainHead.objects.select_for_update().get_or_create(pk=1)
    stored_at = connection.ops.adapt_datetimefield_value(at)
    rows = []
    for event in events:
        head.number += 1
        kind, payload = event.event["kind"], {k: v for k, v in event.event.items() if k != "kind"}
        data, previous = canonical(payload), head.hash
        case = event.case.id if event.case else None
        who = (event.actor_id, event.system)
        head.hash = _link(previous, head.number, case, at, *who, kind, data)
        rows.append((head.number, case, stored_at, *who, kind, data, previous, head.hash))
    with connection.cursor() as cursor:  # half the time of a cycle went into making model objects here
        cursor.executemany(
            f"INSERT INTO {TABLE} ({COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)", rows
        )
    head.save()


def _link(previous: str, *fields: object) -> str:
    number, case, at, actor, system, kind, data = fields
    content = {"number": number, "case": case, "at": str(at), "actor": actor, "kind": kind, "data": data}
    if system is not None:  # older links were made without it
        content["system"] = system
    return hashlib.sha256((previous + canonical(content)).encode()).hexdigest()


def verify_chain() -> ChainCheck:
    """Recompute every link from the first on."""
    previous, number = FIRST, 0
    rows = CaseEvent.objects.order_by("number").values_list(*LINK, "previous_hash", "hash")
    for *fields, before, held in rows.iterator(READ_AT_ONCE):
        number += 1
        if fields[0] != number or before != previous or held != _link(previous, *fields):
            return ChainCheck(number, number)
        previous = held
    head = ChainHead.objects.filter(pk=1).first()
    if (head.number, head.hash) != (number, previous) if head else number:
        return ChainCheck(number, number + 1)
    return ChainCheck(number, None)


def looked(user: AbstractBaseUser, case: Case, page: str) -> None:
    """Record that `user` saw personal data of the case's household."""
    looked_at(user, [case], page)


def looked_at(user: AbstractBaseUser, cases: Iterable[Case], page: str) -> None:
    """Record that `user` saw personal data of the households of these cases, on one page."""
    _looks(cases, page, user_id=user.pk)


def looked_by_system(department: str, case: Case, page: str) -> None:
    """Record that the department's own system was given personal data of the case's household."""
    _looks([case], page, system=department)


def _looks(cases: Iterable[Case], page: str, **who: Any) -> None:
    now = dt.datetime.now()
    AccessLog.objects.bulk_create(
        AccessLog(at=now, household_id=case.household_id, page=page, case=case, **who) for case in cases
    )
