"""Walk-in applications: requests of people who come to an office in person.

Each is sent as an event of the pack's feed for requests, so that the usual rules open or extend a case. It
has a receipt, a due time, and an answer by a named person, even when the rules give nothing. People cannot
be searched for: a person is found by the whole identity number only, and the application records that.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from almoner.casework.accounts.access import Right, may_or_404, walk_in_for
from almoner.casework.core import chains
from almoner.casework.core.audit import NewEvent, append
from almoner.casework.core.clocks import installed_clocks
from almoner.casework.core.event_kinds import EventKind
from almoner.casework.core.events import RequestAnswered, RequestAppealed, RequestCame, ResidentEvent
from almoner.casework.core.inbox import NoInstallation, inbox
from almoner.casework.core.refusals import Refused
from almoner.casework.core.vault_rows import opened_vault
from almoner.casework.models import (
    AccessLog,
    Case,
    FeedState,
    HouseholdMember,
    Identity,
    Membership,
    ReferralState,
    WalkIn,
    WalkInEnding,
)
from almoner.casework.models.people import INDEXED
from almoner.casework.residents.corrections import IDENTIFIED, register
from almoner.intake.spelling import respell
from almoner.policy.model.feeds import Role
from almoner.policy.model.identifiers import Identifier
from almoner.registry.numbers import check_numbers
from almoner.stream.events import Event
from almoner.stream.inbox import InboxAway, InboxFull
from almoner.stream.sameness import EventsDiffer

if TYPE_CHECKING:
    from django.contrib.auth.models import User

HAPPENED = Role.EVENT_TIME.value
OFFERED = (ReferralState.PROPOSED, ReferralState.SENT, ReferralState.ACCEPTED, ReferralState.DONE)
LONGEST = 40  # characters of a number


def feed() -> FeedState | None:
    """The feed of walk-in applications, as the pack in use marks it; None without one."""
    return next((f for f in FeedState.objects.all() if any(field.get("at_desk") for field in f.fields)), None)


def asked_for(found: FeedState) -> list[tuple[str, Mapping[str, str], Mapping[str, Mapping[str, str]]]]:
    """The fields with a choice at the desk: name, label and values of each."""
    return [
        (f["name"], f["label"], f["values"]) for f in found.fields if f.get("values") and not f.get("at_desk")
    ]


def take(by: User, data: Mapping[str, Any]) -> WalkIn:
    """Record an application. `data` has number, name, text, and a value for each field of `asked_for`.

    Raises Http404 for a user without access, and Refused.
    """
    membership = may_or_404(by, Right.CASES)
    found, now = feed(), dt.datetime.now()
    if found is None:
        raise Refused(_("The pack in use has no feed for requests at the desk."))
    if not data.get("text"):
        raise Refused(_("Write what the person asks for."))
    chosen = {name: data.get(name) for name, _label, values in asked_for(found)}
    if any(chosen[name] not in values for name, _label, values in asked_for(found)):
        raise Refused(_("Choose what it is about."))
    number = _number(found, str(data.get("number") or ""))
    with transaction.atomic():
        request = _stored(by, membership, number, data, chosen, now)
        _record(request, RequestCame(kind=EventKind.REQUEST_TAKEN, request=request.reference), by, now)
        _send(request, found, number, chosen, now)
    return request


def _number(found: FeedState, typed: str) -> str:
    """The identity number in its canonical form."""
    of = next((f for f in found.fields if f["role"] == IDENTIFIED), None)
    typed = respell(typed, capitals=True) if len(typed) <= LONGEST else ""
    if of is None or not typed:
        raise Refused(_("Type the whole identity number."))
    verdicts = check_numbers(Identifier.from_stored(of.get("identifier")), [typed])
    if any(verdict.rule for verdict in verdicts):
        raise Refused(_("This is no valid identity number. Look at the card again."))
    return verdicts[0].canonical if verdicts else typed


def _stored(
    by: User,
    membership: Membership,
    number: str,
    data: Mapping[str, Any],
    chosen: Mapping[str, Any],
    now: dt.datetime,
) -> WalkIn:
    vault = opened_vault(str(settings.VAULT_KEY))
    index, kept = vault.index(number), register()
    known = Identity.objects.filter(INDEXED, number_index=index).exists()
    area = next(iter(membership.areas), "")
    request = WalkIn(
        number_index=index,
        known=known,
        area="" if area == "*" else area,
        chosen=dict(chosen),
        taken_at=now,
        taken_by=by,
        department="" if known or kept is None else kept.owner,
    )
    request.due_at = installed_clocks().due_by_term(now, "request", request.department)
    request.text = _seal(request, "text", data["text"])
    if not known:
        request.number, request.name = (
            _seal(request, "number", number),
            _seal(request, "name", data.get("name")),
        )
    request.save()
    return request


def _seal(request: WalkIn, field: str, text: str | None) -> bytes | None:
    vault = opened_vault(str(settings.VAULT_KEY))
    return vault.seal_bytes(f"request-{field}:{request.reference}", text.encode()) if text else None


def opened(request: WalkIn, field: str) -> str:
    """One of `text`, `number` and `name`, decrypted. Callers that show it must record it (`saw`)."""
    sealed = getattr(request, field)
    vault = opened_vault(str(settings.VAULT_KEY))
    return vault.open_bytes(f"request-{field}:{request.reference}", bytes(sealed)).decode() if sealed else ""


def _send(
    request: WalkIn, found: FeedState, number: str, chosen: Mapping[str, Any], now: dt.datetime
) -> None:
    row = {f["name"]: f["at_desk"] for f in found.fields if f.get("at_desk")} | dict(chosen)
    for field in found.fields:
        if field["role"] == IDENTIFIED:
            row[field["name"]] = number
        elif field["role"] == HAPPENED:
            row[field["name"]] = now.date().isoformat()
        elif field.get("key"):
            row[field["name"]] = request.reference
    event = Event(
        source="/desk", id=request.reference, feed=found.id, data=json.dumps(row, ensure_ascii=False)
    )
    try:
        inbox().put([event], now)
    except (InboxFull, InboxAway, EventsDiffer, NoInstallation):
        raise Refused(
            _("The inbox cannot take the request now. Nothing was saved: try again in a few minutes.")
        ) from None


def _households(request: WalkIn) -> list[int]:
    persons = Identity.objects.filter(INDEXED, number_index=bytes(request.number_index)).values("person_id")
    return list(HouseholdMember.objects.filter(person_id__in=persons).values_list("household_id", flat=True))


def case_of(request: WalkIn) -> Case | None:
    """The case of the person's household: the open one, else the one that ended last."""
    found = Case.objects.filter(household_id__in=_households(request)).order_by("-ended_at", "-opened_at")
    return found.filter(ended_at=None).first() or found.first()


def of_household(household_id: int) -> list[WalkIn]:
    """The applications of the household's members, the newest first."""
    members = HouseholdMember.objects.filter(household_id=household_id).values_list("person_id", flat=True)
    indexes = [
        bytes(i)
        for i in Identity.objects.filter(person_id__in=list(members)).values_list("number_index", flat=True)
    ]
    found = WalkIn.objects.filter(number_index__in=indexes).select_related("taken_by", "answered_by")
    return list(found.order_by("-taken_at", "-pk"))


def saw(by: User, request: WalkIn) -> None:
    """Record that somebody read the application: in the household's access log, else in the audit trail."""
    now = dt.datetime.now()
    with transaction.atomic():
        looks = [
            AccessLog(at=now, user_id=by.pk, household_id=h, page="request", case=None)
            for h in _households(request)
        ]
        chains.add(looks)
        if not looks:
            event = RequestCame(kind=EventKind.REQUEST_SEEN, request=request.reference)
            append([NewEvent(None, event, by.pk)], now)


def _record(request: WalkIn, event: ResidentEvent, by: User, now: dt.datetime) -> None:
    append([NewEvent(case_of(request), event, by.pk)], now)


def endings(request: WalkIn) -> tuple[WalkInEnding, ...]:
    if not request.known:
        return WalkInEnding.REGISTERED, WalkInEnding.NOT_REGISTERED
    return WalkInEnding.PROPOSED, WalkInEnding.NOTHING


def may_answer(by: User, request: WalkIn) -> bool:
    """Whether `by` may answer: the register's department for people missing from it, workers for all others.
    An appeal is answered by somebody else than the first time."""
    may_or_404(by, Right.REFERRALS if request.department else Right.CASES)
    first = request.appeal_of
    return first is None or first.answered_by_id != by.pk


def answer(by: User, reference: str, ending: str, note: str) -> WalkIn:
    """Record a named person's answer with its reason. Raises Http404 for a user without access, and
    Refused."""
    now = dt.datetime.now()
    with transaction.atomic():
        request = WalkIn.objects.select_for_update().get(pk=walk_in_for(by, reference).pk)
        if request.answered_at is not None:
            raise Refused(_("This has been answered already."))
        if not may_answer(by, request):
            raise Refused(_("You gave the first answer. Somebody else decides on the appeal."))
        if ending not in endings(request):
            raise Refused(_("Choose an answer."))
        if not note:
            raise Refused(_("Write the reason: the person is told it."))
        _fits(request, ending)
        request.answered_at, request.answered_by, request.ending, request.note = now, by, ending, note
        request.save()
        event = RequestAnswered(
            kind=EventKind.REQUEST_ANSWERED, request=request.reference, ending=ending, note=note
        )
        _record(request, event, by, now)
    return request


def _fits(request: WalkIn, ending: str) -> None:
    """Raise Refused when the answer contradicts what the rules found."""
    case = case_of(request)
    offered = case is not None and case.referrals.filter(state__in=OFFERED).exists()
    if ending == WalkInEnding.PROPOSED and not offered:
        raise Refused(_("Nothing is proposed in the household's case. Give the reason."))


def appeal(by: User, reference: str, text: str) -> WalkIn:
    """Appeal against the answer: a new time limit starts, and another person decides.

    Raises Http404 for a user without access, and Refused.
    """
    now = dt.datetime.now()
    may_or_404(by, Right.CASES)
    with transaction.atomic():
        first = WalkIn.objects.select_for_update().get(pk=walk_in_for(by, reference).pk)
        if (
            first.answered_at is None
            or first.appeal_of_id is not None
            or WalkIn.objects.filter(appeal_of=first).exists()
        ):
            raise Refused(_("There is no answer to appeal against, or the appeal is made already."))
        if not text:
            raise Refused(_("Write why the person does not agree."))
        request = WalkIn(
            number_index=bytes(first.number_index),
            known=True,
            area=first.area,
            chosen=first.chosen,
            taken_at=now,
            taken_by=by,
            due_at=installed_clocks().due_by_term(now, "appeal"),
            appeal_of=first,
        )
        request.text = _seal(request, "text", text)
        request.save()
        event = RequestAppealed(
            kind=EventKind.REQUEST_APPEALED, request=request.reference, first=first.reference
        )
        _record(request, event, by, now)
    return request
