"""Take events from a request into the inbox: all of them, or none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

from almoner.casework.api import payloads
from almoner.casework.api.models import AcceptedFeed
from almoner.casework.api.problems import Problem
from almoner.casework.core.inbox import inbox
from almoner.stream.ahead import DatingLimit, from_json
from almoner.stream.events import Event, EventRefused, read
from almoner.stream.inbox import Accepted, InboxAway, InboxFull
from almoner.stream.sameness import EventsDiffer

LARGEST_BODY_BYTES = 8 * 1024 * 1024
MOST_EVENTS = 10_000
MOST_ERRORS = 20
MOST_DIFFERING = 1_000  # so many a sender can mend by itself
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
    except EventsDiffer as differ:
        raise _differing(differ, len(events), single=not isinstance(_parsed(request), list)) from None
    except InboxFull as full:
        raise Problem(429, "inbox-full", "The inbox is full", str(full), retry_after=RETRY_SECONDS) from None
    except InboxAway:
        detail = "The inbox cannot be written to now. Nothing of this was kept; send it again later."
        raise Problem(503, "inbox-away", "The inbox is away", detail, retry_after=RETRY_SECONDS) from None


def _differing(differ: EventsDiffer, sent: int, *, single: bool) -> Problem:
    detail = (
        f"{len(differ.places):,} of {sent:,} events have the feed, source and id of an earlier event, but"
        " other content. Nothing was kept. Give each event an id that its source never used, also after a"
        " restart, and send all again."
    )
    advice = "An earlier event of this feed has this source and id, but other content. Use another id."
    errors = [("#/id" if single else f"#/{place}/id", advice) for place in differ.places[:MOST_DIFFERING]]
    return Problem(409, "event-id-reused", "Known id, other content", detail, errors)


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
    found = payloads.parsed(request.body, parse_float=str)  # codes are kept as written
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
    accepted = AcceptedFeed.objects.filter(department=department).values_list("pk", "dating")
    now = dt.datetime.now()
    own = {feed: DatingLimit.of(from_json(kept), now) for feed, kept in accepted}
    events, errors = list[Event](), list[tuple[str, str]]()
    for place, attributes in enumerate(found):
        try:
            events.append(_event(attributes, department, own, now))
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


def _event(attributes: Any, department: str, own: Mapping[str, DatingLimit], now: dt.datetime) -> Event:
    if not isinstance(attributes, Mapping):
        raise EventRefused("", "An event is one JSON object.")
    event = read(attributes, now.date(), department)
    if event.feed not in own:
        listed = ", ".join(sorted(own)) or "it has none"
        raise EventRefused("type", f"`type` must name a feed of your department: {listed}.")
    how = own[event.feed]
    dated_ahead = how.ahead(event)
    if dated_ahead:
        what = "`time`" if dated_ahead == "time" else f"`{how.dating.column}`"
        raise EventRefused(
            dated_ahead,
            f"{what} lies ahead of our clock, which says {now:%Y-%m-%d %H:%M:%S}, by more than"
            f" {how.dating.skew_seconds:,} seconds. Set the sender's clock and its time zone, or send it when"
            " it has happened.",
        )
    return event
