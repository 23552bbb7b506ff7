"""The audit trail: append-only and hash-chained, written in the transaction of the change that it records.

Database triggers refuse updates and deletions (`conf.append_only`); `chains` detects changes that bypassed
them, and checkpoints kept outside (`signed_heads`) a chain that was cut or computed anew.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from django.db import connection

from almoner.casework.core import chains
from almoner.casework.core.chains import EVENTS, ChainCheck, canonical
from almoner.casework.core.plain_texts import refuse_numbers
from almoner.casework.models import AccessLog, CaseEvent

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

    from almoner.casework.core.events import TrailEvent
    from almoner.casework.models import Case


TABLE = CaseEvent._meta.db_table
COLUMNS = "number, case_id, at, actor_id, system, kind, data, previous_hash, hash"


class HasId(Protocol):
    """A case, as a model instance or a row; only its id is recorded."""

    @property
    def id(self) -> int | None: ...


@dataclass(frozen=True)
class NewEvent:
    """An event to append: about a case, or about an account when `case` is None.

    `system` names the department whose own system acted; `actor_id` is None when no person acted.
    """

    case: HasId | None
    event: TrailEvent
    actor_id: int | None = None
    system: str | None = None


def append(events: Sequence[NewEvent], at: dt.datetime) -> None:
    """Append events in the given order, all at time `at`. Call it in the transaction of the change that they
    record. Raises HoldsNumber for a note with an identity number: the trail is kept for ever, in clear."""
    for event in events:
        if note := event.event.get("note"):
            refuse_numbers(str(note))
    head = chains.lock_head(EVENTS)
    stored_at = connection.ops.adapt_datetimefield_value(at)
    rows = []
    for event in events:
        head.number += 1
        kind, payload = event.event["kind"], {k: v for k, v in event.event.items() if k != "kind"}
        data, previous = canonical(payload), head.hash
        case = event.case.id if event.case else None
        who = (event.actor_id, event.system)
        head.hash = chains.link(EVENTS, previous, (head.number, case, at, *who, kind, data))
        rows.append((head.number, case, stored_at, *who, kind, data, previous, head.hash))
    with connection.cursor() as cursor:  # no model objects: they took half the time of a cycle
        cursor.executemany(
            f"INSERT INTO {TABLE} ({COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)", rows
        )
    head.save()


def verify_chain() -> ChainCheck:
    """Recompute the hash of every event of the trail, from the first to the last."""
    return chains.verify(EVENTS)


def looked(user: AbstractBaseUser, case: Case, page: str) -> None:
    """Record that `user` saw personal data of the case's household on `page`."""
    looked_at(user, [case], page)


def looked_at(user: AbstractBaseUser, cases: Iterable[Case], page: str) -> None:
    """Record that `user` saw personal data of these cases' households on `page`."""
    _looks(cases, page, user_id=user.pk)


def looked_by_system(department: str, case: Case, page: str) -> None:
    """Record that the department's own system read personal data of the case's household."""
    _looks([case], page, system=department)


def _looks(cases: Iterable[Case], page: str, **who: Any) -> None:
    now = dt.datetime.now()
    chains.add(
        [
            AccessLog(at=now, household_id=case.household_id, page=page, case_id=case.pk, **who)
            for case in cases
        ]
    )
