"""The chains of records that are only ever added to: the trail, who looked, consents, verifications.

A record's hash is SHA-256 over the hash of the record before it and the canonical JSON of its columns. The
head of a chain holds the number and hash of its last record.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import Model

from almoner.casework.models import AccessLog, CaseEvent, ChainHead, CommunityVerification, Consent

FIRST = "0" * 64
CANONICAL = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
READ_AT_ONCE = 5_000

Row = TypeVar("Row", AccessLog, Consent, CommunityVerification)


@dataclass(frozen=True)
class Chain:
    """A chained table: the primary key of its head, and the columns that are hashed, the number first."""

    name: str
    head: int
    model: type[Model]
    columns: tuple[str, ...]


@dataclass(frozen=True)
class ChainCheck:
    """The result of checking a chain: how many records were read, and the number of the first one that is
    wrong (None: the chain is intact)."""

    events: int
    broken_at: int | None
    chain: str = "events"

    @property
    def intact(self) -> bool:
        return self.broken_at is None


EVENTS = Chain("events", 1, CaseEvent, ("number", "case_id", "at", "actor_id", "system", "kind", "data"))
LOOKS = Chain("looks", 2, AccessLog, ("id", "at", "user_id", "system", "household_id", "page", "case_id"))
CONSENTS = Chain(
    "consents",
    3,
    Consent,
    (
        "id",
        "authorisation_id",
        "person_id",
        "said",
        "at",
        "language",
        "text_hash",
        "how",
        "recorded_by_id",
    ),
)
VERIFICATIONS = Chain(
    "verifications",
    4,
    CommunityVerification,
    ("id", "referral_id", "at", "by_id", "confirmed", "amount", "note"),
)
CHAINS = (EVENTS, LOOKS, CONSENTS, VERIFICATIONS)
OF_ROWS = {chain.model: chain for chain in (LOOKS, CONSENTS, VERIFICATIONS)}


def canonical(value: Mapping[str, Any]) -> str:
    """The JSON text that is hashed and stored: sorted keys, no spaces, UTF-8."""
    return CANONICAL.encode(value)


def link(chain: Chain, previous: str, values: Sequence[object]) -> str:
    """The hash of the record with these `values` of the chain's columns, after the hash of the one before."""
    content: dict[str, object]
    if chain is EVENTS:
        number, case, at, actor, system, kind, data = values
        content = {"number": number, "case": case, "at": str(at), "actor": actor, "kind": kind, "data": data}
        if system is not None:  # older events were hashed without this key
            content["system"] = system
    else:
        content = {"chain": chain.name, **dict(zip(chain.columns, values, strict=True))}
    return hashlib.sha256((previous + canonical(content)).encode()).hexdigest()


def lock_head(chain: Chain) -> ChainHead:
    """The head of a chain, locked until the end of the transaction: nobody else can add meanwhile."""
    return ChainHead.objects.select_for_update().get_or_create(pk=chain.head)[0]


def add(rows: Sequence[Row]) -> None:
    """Chain and insert new rows of one table, in the given order. They get their ids here."""
    if not rows:
        return
    chain = OF_ROWS[type(rows[0])]
    with transaction.atomic():
        head = lock_head(chain)
        for row in rows:
            head.number += 1
            row.pk = head.number
            head.hash = row.hash = link(chain, head.hash, _values(chain, row))
        type(rows[0])._default_manager.bulk_create(rows, batch_size=READ_AT_ONCE)
        head.save()


def _values(chain: Chain, row: Model) -> list[object]:
    """What the chain's columns of a new row will be when they are read again."""
    fields = {field.attname: field for field in row._meta.concrete_fields}
    return [fields[column].to_python(getattr(row, column)) for column in chain.columns]


def verify(chain: Chain) -> ChainCheck:
    """Recompute the hash of every record of a chain, from the first to the last.

    The last one is compared with the stored head, so that a chain cut off at its end is detected too.
    """
    previous, number, read = FIRST, 0, 0
    rows = chain.model._default_manager.order_by(chain.columns[0])
    for *values, held in rows.values_list(*chain.columns, *_held(chain)).iterator(READ_AT_ONCE):
        read += 1
        before = values.pop() if chain is EVENTS else previous
        gap = chain is EVENTS and values[0] != number + 1
        if gap or before != previous or held != link(chain, previous, values):
            return ChainCheck(read, number + 1 if gap else values[0], chain.name)
        previous, number = held, values[0]
    head = ChainHead.objects.filter(pk=chain.head).first()
    if (head.number, head.hash) != (number, previous) if head else number:
        return ChainCheck(read, number + 1, chain.name)
    return ChainCheck(read, None, chain.name)


def _held(chain: Chain) -> tuple[str, ...]:
    return ("previous_hash", "hash") if chain is EVENTS else ("hash",)


def verify_all() -> list[ChainCheck]:
    """Verify every chain, the trail first."""
    return [verify(chain) for chain in CHAINS]
