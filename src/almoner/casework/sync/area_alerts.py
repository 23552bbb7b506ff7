"""Area alerts: apply the changes of a cycle, and record people's answers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext as _

from almoner.casework.cases.changing import refuse_stale
from almoner.casework.core.audit import NewEvent, append
from almoner.casework.core.clocks import Clocks
from almoner.casework.core.event_kinds import EventKind
from almoner.casework.core.events import AreaAnswered
from almoner.casework.core.refusals import Refused
from almoner.casework.models import AreaAlert

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from almoner.support.changes import Change


def apply(changes: Sequence[Change], clocks: Clocks) -> None:
    """Raise, change and clear alerts, in the order of the changes.

    New evidence never answers an alert and never undoes an answer.
    """
    if not changes:
        return
    active = {
        alert.key: alert
        for alert in AreaAlert.objects.select_for_update().filter(
            key__in={change.key for change in changes}, cleared_on=None
        )
    }
    for change in changes:
        held = active.get(change.key)
        if change.change == "cleared":
            if held is not None:
                _clear(active.pop(change.key), change)
        elif change.body.get("month"):
            active[change.key] = _write(held or _raised(change, clocks), change)


def _clear(held: AreaAlert, change: Change) -> None:
    held.cleared_on = change.as_of
    held.version += 1
    held.save()


def _raised(change: Change, clocks: Clocks) -> AreaAlert:
    due = clocks.due(change.known_at, change.body["within"], change.body["department"])
    return AreaAlert(key=change.key, area=change.area or "", raised_on=change.as_of, due_at=due, version=0)


def _write(alert: AreaAlert, change: Change) -> AreaAlert:
    body = change.body
    alert.signal, alert.theme, alert.level = body["signal"], body["theme"], body["level"] or ""
    alert.department, alert.severity = body["department"], body["severity"] or 0.0
    alert.month, alert.body, alert.pack_hash = (
        dt.date.fromisoformat(body["month"]),
        dict(body),
        change.pack_hash,
    )
    alert.version += 1
    alert.save()
    return alert


def answer(user: User, reference: str, version: int, cause: str, note: str) -> None:
    """Record the cause that a person found. Raises Stale for an old `version`, Refused when it is answered
    already."""
    with transaction.atomic():
        alert = AreaAlert.objects.select_for_update().get(reference=reference)
        refuse_stale(alert, version)
        if alert.answered_at is not None:
            raise Refused(_("This alert is answered already."))
        alert.cause, alert.note = cause, note
        alert.answered_at, alert.answered_by = dt.datetime.now(), user
        alert.version += 1
        alert.save()
        event = AreaAnswered(
            kind=EventKind.AREA_ANSWERED,
            alert=alert.reference,
            area=alert.area,
            signal=alert.signal,
            cause=cause,
            note=note,
        )
        append([NewEvent(None, event, user.pk)], alert.answered_at)
