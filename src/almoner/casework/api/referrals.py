"""A department's referrals over the API: the list, one referral in detail, and the answer.

The list has no personal data; the detail has only the facts that the referral's programme reads.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import Http404
from django.utils.crypto import salted_hmac

from almoner.casework.accounts.access import referral_to, referrals_to
from almoner.casework.api.models import AnswerKept
from almoner.casework.api.problems import Problem
from almoner.casework.cases import workflow
from almoner.casework.cases.status import RUNNING
from almoner.casework.core.audit import looked_by_system
from almoner.casework.core.plain_texts import HoldsNumber
from almoner.casework.models import Department, Referral
from almoner.casework.models.payloads import read_forms
from almoner.casework.models.people import needed_to_deliver
from almoner.casework.presentation import minimal_data

KEPT = dt.timedelta(days=2)  # how long answers are kept for repeated requests
Part = Mapping[str, Any]


def page(
    department: str, states: Sequence[str], since: dt.datetime | None, cursor: str | None, limit: int
) -> dict[str, Any]:
    """One page of a department's referrals, in the order in which they were made.

    Keys are `items` and `next`, the cursor of the next page (None on the last). Raises Problem 422 for an
    unknown cursor or a time that is out of range.
    """
    found = referrals_to(department)
    if states:
        found = found.filter(state__in=states)
    if since is not None:
        at = _local(since)
        found = found.filter(Q(sent_at__gte=at) | Q(answered_at__gte=at))
    if cursor is not None:
        found = found.filter(pk__gt=_place(cursor))
    listed = list(found.order_by("pk")[: limit + 1])
    read_forms(referral.form for referral in listed)
    more = len(listed) > limit
    return {
        "items": [_item(one) for one in listed[:limit]],
        "next": cursor_of(listed[limit - 1].pk) if more else None,
    }


def one(department: str, reference: str) -> dict[str, Any]:
    """One referral in detail; the access is recorded. Raises Http404."""
    referral = _found(department, reference)
    looked_by_system(department, referral.case, "referral")
    return whole(referral)


def whole(referral: Referral) -> dict[str, Any]:
    """Everything about a referral that its department may see. Callers that show it must record the
    access."""
    body = minimal_data.body_for(referral)
    return _item(referral) | {
        "within": body["within"],
        "people": _people(referral),
        "steps": [
            {name: step[name] for name in ("id", "label", "sentence", "value")} for step in body["steps"]
        ],
        "eligible": [_fact(part) for part in body["eligible"]],
        "exclusions": [_named(part) for part in body["exclusions"]],
        "guards": [_named(part) for part in body["guards"]],
        "check": body.get("check"),
        "legal_reference": body["reference"] or "",
    }


def answer(
    department: str, reference: str, name: str, version: int, note: str, key: str | None
) -> dict[str, Any]:
    """Answer a referral. A repeated Idempotency-Key `key` returns the first answer again.

    `name` is accept, done or return; `version` is the version that the answer refers to. Raises Problem when
    the answer is not possible, and 422 when the key was used for another request.
    """
    if name == "return" and not note.strip():
        raise Problem(
            422, "not-valid", "Not valid", "Say why it is returned.", [("#/note", "It must not be empty.")]
        )
    request = json.dumps([reference, name, version, note])
    fingerprint = hashlib.sha256(request.encode(errors="surrogatepass")).hexdigest()
    try:
        with transaction.atomic():
            return _once(
                department, key, fingerprint, lambda: _answer(department, reference, name, version, note)
            )
    except IntegrityError:  # the same request came twice at the same time, and the other one was first
        return _kept(department, key or "", fingerprint) or _gone()


def _once(department: str, key: str | None, fingerprint: str, do: Any) -> dict[str, Any]:
    if key is None:
        answered: dict[str, Any] = do()
        return answered
    now = dt.datetime.now()
    AnswerKept.objects.filter(at__lt=now - KEPT).delete()
    before = _kept(department, key, fingerprint)
    if before is not None:
        return before
    row = AnswerKept.objects.create(
        department=department, key=_hash(key), fingerprint=fingerprint, answer={}, at=now
    )
    row.answer = do()
    row.save(update_fields=["answer"])
    return dict(row.answer)


def _kept(department: str, key: str, fingerprint: str) -> dict[str, Any] | None:
    row = AnswerKept.objects.filter(department=department, key=_hash(key)).first()
    if row is None:
        return None
    if row.fingerprint != fingerprint:
        detail = "This Idempotency-Key came with another request before. Use a new one for each answer."
        raise Problem(422, "key-used", "Idempotency-Key was used", detail)
    return dict(row.answer)


def _hash(key: str) -> str:
    """What is kept of an Idempotency-Key: the sender may have made it of a person's number."""
    return salted_hmac("almoner idempotency key", key, algorithm="sha256").hexdigest()


def _gone() -> dict[str, Any]:
    raise Problem(409, "not-now", "Cannot be done now", "The same answer is being made. Send it again.")


def _answer(department: str, reference: str, name: str, version: int, note: str) -> dict[str, Any]:
    try:
        referral = workflow.answer_of_system(department, reference, name, version, note)
    except Http404:
        raise _unknown() from None
    except workflow.Stale as stale:
        raise Problem(409, "stale", "It has changed", str(stale)) from None
    except HoldsNumber:
        detail = "The note holds an identity number. Leave it out. Nothing was changed."
        advice = "No identity numbers: the referral says whom it is about."
        raise Problem(422, "not-valid", "Not valid", detail, [("#/note", advice)]) from None
    except workflow.Refused as refused:
        raise Problem(409, "not-now", "Cannot be done now", str(refused)) from None
    return {
        "reference": referral.reference,
        "version": referral.version,
        "state": str(referral.state),
        "answered_at": _moment(referral.answered_at),
    }


def _found(department: str, reference: str) -> Referral:
    try:
        return referral_to(department, reference)
    except Http404:
        raise _unknown() from None


def _unknown() -> Problem:
    return Problem(404, "not-found", "Not found", "No referral of your department has this reference.")


def _item(referral: Referral) -> dict[str, Any]:
    body = referral.body
    late = referral.state in RUNNING and referral.due_at is not None and referral.due_at < dt.datetime.now()
    return {
        "reference": referral.reference,
        "version": referral.version,
        "programme": referral.programme,
        "label": body["label"],
        "kind": body.get("proposes", "support"),
        "state": str(referral.state),
        "amount": None if referral.amount is None else str(referral.amount),
        "unit": referral.unit,
        "sent_at": _moment(referral.sent_at),
        "due_at": _moment(referral.due_at),
        "overdue": late,
        "answered_at": _moment(referral.answered_at),
        "note": referral.note,
        "evidence_withdrawn_on": referral.evidence_cleared_on,
    }


def _people(referral: Referral) -> list[dict[str, str | None]]:
    """The persons of a referral, with only those fields that the department needs."""
    listed = Department.objects.filter(pk=referral.department).values_list("identity", flat=True).first()
    fields = needed_to_deliver() if listed is None else listed
    return [
        {field: getattr(person, field) for field in fields} for person in minimal_data.people_for(referral)
    ]


def _fact(part: Part) -> dict[str, Any]:
    operands = part["operands"]
    return {
        "sentence": part["sentence"],
        "holds": part["holds"],
        "values": [_quantity(o) for o in operands if o["kind"] == "indicator"],
        "parameters": [_quantity(o) for o in operands if o["kind"] == "parameter"],
    }


def _quantity(operand: Part) -> dict[str, Any]:
    return {
        "name": operand["name"],
        "label": operand["label"],
        "value": operand["value"],
        "unit": operand.get("unit"),
        "legal_reference": operand.get("reference") or "",
        "since": operand.get("since"),
    }


def _named(part: Part) -> dict[str, Any]:
    return {
        "label": part["label"],
        "holds": part.get("holds", False),
        "facts": [_fact(c) for c in part["conditions"]],
    }


def _moment(at: dt.datetime | None) -> str | None:
    """A local time of the installation with its offset from UTC, as ISO text."""
    return None if at is None else at.astimezone().isoformat(timespec="seconds")


def _local(at: dt.datetime) -> dt.datetime:
    """A time in the installation's local time; a time without offset is taken as local. Raises Problem
    422."""
    try:
        return at.astimezone().replace(tzinfo=None) if at.tzinfo else at
    except (OverflowError, ValueError, OSError):
        raise Problem(
            422, "not-valid", "Not valid", "This time cannot be.", [("#/query/since", "Out of range.")]
        ) from None


def cursor_of(place: int) -> str:
    """The opaque cursor for the referral with this primary key."""
    return base64.urlsafe_b64encode(str(place).encode()).decode().rstrip("=")


def _place(cursor: str) -> int:
    try:
        found = int(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        found = -1
    if not 0 < found < 2**63 or cursor_of(found) != cursor:
        raise Problem(
            422,
            "not-valid",
            "Not valid",
            "Take the cursor from `next` of a page.",
            [("#/query/cursor", "Unknown cursor.")],
        )
    return found
