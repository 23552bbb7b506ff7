"""Queue events for departments' systems, in the transaction of the change that they report.

They hold no personal data: an event names a referral and its state. Everything else is fetched over the API,
where each access is recorded.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Protocol

from almoner.casework.models import Endpoint, OutgoingEvent

SOURCE = "urn:almoner:referrals"
CONTENT_TYPE = "application/cloudevents+json"
KINDS = {  # kinds of events, with their meaning
    "sent": "It was sent, or sent again after a return; its clock runs.",
    "taken_back": "A person took it back: nothing more is asked.",
    "evidence_withdrawn": (
        "The records no longer give it. What a person decided stays: whoever delivers looks again."
    ),
    "evidence_stands": "The records give it again.",
    "reminded": "Its time is nearly over.",
    "escalated": "Its time is over; the people who lead the case work are told as well.",
}


class NotifiedReferral(Protocol):
    """The fields of a referral that a message needs."""

    @property
    def pk(self) -> int | None: ...
    @property
    def reference(self) -> str: ...
    @property
    def programme(self) -> str: ...
    @property
    def department(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def amount(self) -> Decimal | None: ...
    @property
    def unit(self) -> str: ...
    @property
    def due_at(self) -> dt.datetime | None: ...
    @property
    def version(self) -> int: ...


def queue_messages(
    referrals: Iterable[NotifiedReferral], kind: str, now: dt.datetime, occasion: str = ""
) -> None:
    """Queue an event for each referral whose department listens.

    `occasion` identifies what happened when the version alone does not.
    """
    queue_events([(referral, kind, occasion) for referral in referrals], now)


def queue_events(messages: Sequence[tuple[NotifiedReferral, str, str]], now: dt.datetime) -> None:
    """Queue an event for each (referral, kind, occasion). Call it in the transaction of the change that it
    reports."""
    departments = {referral.department for referral, _kind, _occasion in messages}
    if not departments:
        return
    listening = set(Endpoint.objects.filter(department__in=departments).values_list("pk", flat=True))
    rows = [_row(one, kind, now, occasion) for one, kind, occasion in messages if one.department in listening]
    OutgoingEvent.objects.bulk_create(rows, ignore_conflicts=True)


def _row(referral: NotifiedReferral, kind: str, now: dt.datetime, occasion: str) -> OutgoingEvent:
    assert referral.pk is not None  # noqa: S101 - it is told of once it is stored
    name = f"{referral.reference}-{kind}-{occasion or referral.version}"
    return OutgoingEvent(
        id=name,
        department=referral.department,
        kind=kind,
        referral_id=referral.pk,
        made_at=now,
        next_at=now,
        body=json.dumps(_event(name, referral, kind, now), ensure_ascii=False, separators=(",", ":")),
    )


def _event(name: str, referral: NotifiedReferral, kind: str, now: dt.datetime) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": name,
        "source": SOURCE,
        "type": f"almoner.referral.{kind}",
        "subject": referral.reference,
        "time": moment(now),
        "datacontenttype": "application/json",
        "data": {
            "referral": referral.reference,
            "version": referral.version,
            "programme": referral.programme,
            "state": str(referral.state),
            "amount": None if referral.amount is None else str(referral.amount),
            "unit": referral.unit,
            "due_at": moment(referral.due_at),
        },
    }


def moment(at: dt.datetime | None) -> str | None:
    """A local time of the installation with its offset from UTC, as in RFC 3339."""
    return None if at is None else at.astimezone().isoformat(timespec="seconds")
