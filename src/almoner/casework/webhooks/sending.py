"""Deliver queued events to departments' systems: claim, send, and retry later after a failure.

An event is delivered at least once and always has the same id.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Event as Flag
from typing import Any

from django.db import connections
from django.db.models import Count, Min, Q, QuerySet

from almoner import __version__
from almoner.casework.cases.outgoing import CONTENT_TYPE
from almoner.casework.models import Endpoint, OutgoingEvent
from almoner.casework.webhooks import overdue
from almoner.casework.webhooks.addresses import AddressRefused
from almoner.casework.webhooks.endpoints import target_of
from almoner.casework.webhooks.posting import NotAnswered, post
from almoner.casework.webhooks.signing import headers
from almoner.errors import AlmonerError
from almoner.stream.log import log_line

IDLE_SECONDS = 5.0
LOOK = dt.timedelta(minutes=1)  # between searches for overdue referrals
AT_ONCE = 50
MOST_TRIES = 12
FIRST, MOST = dt.timedelta(seconds=30), dt.timedelta(hours=6)  # between tries; twelve take about a day
CLAIM = dt.timedelta(minutes=2)  # longer than one attempt may take
KEPT = dt.timedelta(days=30)  # so long delivered events are kept
GONE = 410


@dataclass(frozen=True)
class Sent:
    """The counts of one pass."""

    delivered: int = 0
    failed: int = 0
    given_up: int = 0  # included in `failed`

    def __add__(self, more: Sent) -> Sent:
        return Sent(self.delivered + more.delivered, self.failed + more.failed, self.given_up + more.given_up)


@dataclass(frozen=True)
class DepartmentBacklog:
    """The events that wait for one department, the time of the oldest, and how many were given up."""

    waiting: int
    given_up: int
    oldest: dt.datetime | None


def waiting() -> QuerySet[OutgoingEvent]:
    """The events that are neither delivered nor given up."""
    return OutgoingEvent.objects.filter(delivered_at=None, given_up_at=None)


def backlog() -> dict[str, DepartmentBacklog]:
    """The backlog of each department that listens or has undelivered events, by department id."""
    open_ones = Q(delivered_at=None, given_up_at=None)
    left = OutgoingEvent.objects.filter(delivered_at=None).values("department")
    rows = left.annotate(
        waits=Count("pk", filter=open_ones),
        lost=Count("pk", filter=~open_ones),
        oldest=Min("made_at", filter=open_ones),
    )
    found = {row["department"]: DepartmentBacklog(row["waits"], row["lost"], row["oldest"]) for row in rows}
    return {d: DepartmentBacklog(0, 0, None) for d in Endpoint.objects.values_list("pk", flat=True)} | found


def run(stop: Flag, idle_seconds: float = IDLE_SECONDS) -> None:
    """Remind, escalate and deliver until `stop` is set. Errors are logged and the work is tried again."""
    looks_at = dt.datetime.now()
    while not stop.is_set():
        try:
            now = dt.datetime.now()
            if now >= looks_at:
                reminded = overdue.look(now)
                looks_at = now if reminded else now + LOOK  # look again at once while there were some
            sent = deliver(stop=stop)
            if sent.delivered or sent.failed:
                log_line("webhooks", delivered=sent.delivered, failed=sent.failed, given_up=sent.given_up)
        except Exception as error:  # noqa: BLE001 - the worker beside goes on, and this loop with it
            log_line("trouble", error=type(error).__name__, about="webhooks")
        finally:
            connections.close_all()
        stop.wait(idle_seconds)


def deliver(now: dt.datetime | None = None, stop: Flag | None = None) -> Sent:
    """Try each due event once, department by department, so that one unreachable system delays no other."""
    at, sent = now or dt.datetime.now(), Sent()
    _forget(at)
    for department in list(_due(at).order_by("department").values_list("department", flat=True).distinct()):
        sent += _deliver_to(department, at, now, stop)
    return sent


def _forget(at: dt.datetime) -> None:
    old = OutgoingEvent.objects.filter(delivered_at__lt=at - KEPT)
    if old.exists():  # an empty deletion would take a lock
        old.delete()


def _due(at: dt.datetime) -> QuerySet[OutgoingEvent]:
    return waiting().filter(Q(claimed_until=None) | Q(claimed_until__lt=at), next_at__lte=at)


def _deliver_to(department: str, at: dt.datetime, now: dt.datetime | None, stop: Flag | None) -> Sent:
    """Deliver a department's due events; after a failure the rest waits for the next pass."""
    sent = Sent()
    for event in list(_due(at).filter(department=department).order_by("next_at", "id")[:AT_ONCE]):
        if stop is not None and stop.is_set():
            break
        if not _claim(event, now or dt.datetime.now()):
            continue
        _try(event, now)
        sent += Sent(int(not event.failure), int(bool(event.failure)), int(event.given_up_at is not None))
        if event.failure:
            break
    return sent


def _claim(event: OutgoingEvent, at: dt.datetime) -> bool:
    """Claim an event, so that one of several processes delivers it. A dead process's claim expires."""
    free = waiting().filter(Q(claimed_until=None) | Q(claimed_until__lt=at), pk=event.pk, tries=event.tries)
    return bool(free.update(claimed_until=at + CLAIM))


def _try(event: OutgoingEvent, now: dt.datetime | None) -> None:
    failure, rest = _failure(event, now or dt.datetime.now())
    at = now or dt.datetime.now()
    event.tries += 1
    event.failure, event.claimed_until = failure, None
    if not failure:
        event.delivered_at = at
    elif event.tries >= MOST_TRIES or failure == _answered(GONE):
        event.given_up_at = at
    else:
        event.next_at = at + max(pause(event.tries), rest)
    event.save(update_fields=["tries", "failure", "claimed_until", "delivered_at", "given_up_at", "next_at"])
    if rest:  # the receiver asked for a pause, which holds for all its events
        waiting().filter(department=event.department, next_at__lt=at + rest).update(next_at=at + rest)
    if failure:
        gone = event.given_up_at is not None
        log_line(
            "webhook_failed",
            department=event.department,
            kind=event.kind,
            tries=event.tries,
            why=failure,
            given_up=gone,
        )


def pause(tries: int) -> dt.timedelta:
    """The time to wait after a number of attempts: it doubles with each one, up to `MOST`.

    Up to half is taken off at random, so that not all events are retried at the same moment.
    """
    most = min(FIRST * int(2 ** (tries - 1)), MOST)
    return most * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def _failure(event: OutgoingEvent, at: dt.datetime) -> tuple[str, dt.timedelta]:
    """Try to deliver an event; returns a short reason for the failure ("" on success) and the requested
    pause.

    The reason holds nothing of the event's content.
    """
    try:
        target = target_of(event.department, at)
        if target is None:
            return "nobody listens", dt.timedelta()
        body = event.body.encode()
        status, rest = post(
            target.url, body, _headers(event, at, body, target.secrets), target.private_network
        )
    except AddressRefused:
        return "address refused", dt.timedelta()
    except NotAnswered as error:
        return str(error)[:80], dt.timedelta()
    except AlmonerError as error:
        return type(error).__name__, dt.timedelta()
    if 200 <= status < 300:
        return "", dt.timedelta()
    seconds = int(rest) if rest and rest.isascii() and rest.isdigit() and len(rest) < 6 else 0
    return _answered(status), min(dt.timedelta(seconds=seconds), MOST)


def _headers(
    event: OutgoingEvent, at: dt.datetime, body: bytes, secrets: tuple[str, ...]
) -> Mapping[str, str]:
    return {
        "content-type": CONTENT_TYPE,
        "user-agent": f"almoner/{__version__}",
        **headers(event.pk, at, body, secrets),
    }


def _answered(status: int) -> str:
    return f"answered {status}"


def dead_letters() -> list[dict[str, Any]]:
    """The events that were given up, the latest first, each with the reason."""
    columns = ("id", "department", "kind", "tries", "failure", "given_up_at")
    return list(
        OutgoingEvent.objects.exclude(given_up_at=None).order_by("-given_up_at", "id").values(*columns)
    )


def again(ids: list[str] | None, now: dt.datetime) -> int:
    """Queue given-up events once more under the same ids: those in `ids`, or all for None. Returns how
    many."""
    given_up = OutgoingEvent.objects.exclude(given_up_at=None)
    chosen = given_up if ids is None else given_up.filter(pk__in=ids)
    return chosen.update(given_up_at=None, tries=0, next_at=now, claimed_until=None, failure="")
