"""Take events from a request into the inbox: all of them, or none."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

from almoner.casework.api.models import AcceptedFeed
from almoner.casework.api.problems import Problem
from almoner.casework.core.inbox import inbox
from almoner.stream.events import Event, EventRefused, read
from almoner.stream.inbox import Accepted, InboxAway, InboxFull

LARGEST_BODY_BYTES = 8 * 1024 * 1024
MOST_EVENTS = 10_000
MOST_ERRORS = 20
RETRY_SECONDS = 30
SINGLE, BATCH, PLAIN = (
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
    "application/json",
)
_SHAPES: dict[str, tuple[type, ...]] = {SINGLE: (dict,), BATCH: (list,), PLAIN: (dict, list)}


def receive(request: HttpRequest, department: str) -> Accepted:
    """Take one event or a batch into the inbox. When Problem is raised, no event was kept."""
    found = _attributes(request)
    events = _events(found, department, single=not isinstance(_parsed(request), list))
    try:
        return inbox().put(events, dt.datetime.now())
    except InboxFull as full:
        raise Problem(429, "inbox-full", "The inbox is full", str(full), retry_after=RETRY_SECONDS) from None
    except InboxAway:
        detail = "The inbox cannot be written to now. Nothing of this was kept; send it again later."
        raise Problem(503, "inbox-away", "The inbox is away", detail, retry_after=RETRY_SECONDS) from None


def _parsed(request: HttpRequest) -> Any:
    return request.cloud_events  # type: ignore[attr-defined]


def _attributes(request: HttpRequest) -> list[Any]:
    """The events in the body, not yet validated."""
    kind = request.content_type or ""
    if kind not in (SINGLE, BATCH, PLAIN):
        raise Problem(415, "content-type", "Unknown content type", f"Send {SINGLE} or {BATCH}.")
    if int(request.META.get("CONTENT_LENGTH") or 0) > LARGEST_BODY_BYTES:
        raise Problem(
            413,
            "too-large",
            "Too large",
            f"A request may have {LARGEST_BODY_BYTES:,} bytes. Send the batch in parts.",
        )
    try:
        found = json.loads(request.body, parse_float=str)  # codes are kept as written
    except (ValueError, RecursionError):
        raise Problem(422, "not-json", "Not JSON", "The body is not valid JSON in UTF-8.") from None
    if not isinstance(found, _SHAPES[kind]):
        raise Problem(
            422, "not-an-event", "Not an event", f"{SINGLE} holds one object, {BATCH} a list of them."
        )
    request.cloud_events = found  # type: ignore[attr-defined]
    events = found if isinstance(found, list) else [found]
    if len(events) > MOST_EVENTS:
        raise Problem(
            413, "too-many", "Too many events", f"A batch may have {MOST_EVENTS:,} events. Send it in parts."
        )
    return events


def _events(found: list[Any], department: str, *, single: bool) -> list[Event]:
    """All events, validated. Raises a Problem that names each invalid one."""
    own = set(AcceptedFeed.objects.filter(department=department).values_list("pk", flat=True))
    today, events, errors = dt.datetime.now().date(), list[Event](), list[tuple[str, str]]()
    for place, attributes in enumerate(found):
        try:
            events.append(_event(attributes, own, today))
        except EventRefused as refused:
            at = "" if single else f"/{place}"
            errors.append((f"#{at}/{refused.attribute}".rstrip("/"), str(refused)))
    if errors:
        detail = (
            f"{len(errors):,} of {len(found):,} events cannot be taken. Nothing was kept; correct them and"
            " send all again."
        )
        raise Problem(422, "events-refused", "Events refused", detail, errors[:MOST_ERRORS])
    return events


def _event(attributes: Any, own: set[str], today: dt.date) -> Event:
    if not isinstance(attributes, Mapping):
        raise EventRefused("", "An event is one JSON object.")
    event = read(attributes, today)
    if event.feed not in own:
        listed = ", ".join(sorted(own)) or "it has none"
        raise EventRefused("type", f"`type` must name a feed of your department: {listed}.")
    return event
