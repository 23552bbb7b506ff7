"""Delivering what waits: claimed, sent, and tried again later where it failed. At least once, under an id
that stays the same."""

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
from almoner.casework.webhooks.endpoints import target_of
from almoner.casework.webhooks.posting import AddressRefused, NotAnswered, post
from almoner.casework.webhooks.signing import headers
from almoner.errors import AlmonerError
from almoner.stream.log import log_line

IDLE_SECONDS = 5.0
LOOK = dt.timedelta(minutes=1)  # between looks at what is overdue
AT_ONCE = 50
MOST_TRIES = 12
FIRST, MOST = dt.timedelta(seconds=30), dt.timedelta(hours=6)  # between tries; twelve take about a day
CLAIM = dt.timedelta(minutes=2)  # longer than a try may take
KEPT = dt.timedelta(days=30)  # after delivery
GONE = 410


@dataclass(frozen=True)
class Sent:
    """What one pass did."""

    delivered: int = 0
    failed: int = 0
    given_up: int = 0  # of those that failed

    def __add__(self, more: Sent) -> Sent:
        return Sent(self.delivered + more.delivered, self.failed + more.failed, self.given_up + more.given_up)


@dataclass(frozen=True)
class DepartmentBacklog:
    """What waits for one department, since when, and what was given up."""

    waiting: int
    given_up: int
    oldest: dt.datetime | None


def waiting() -> QuerySet[OutgoingEvent]:
    return OutgoingEvent.objects.filter(delivered_at=None, given_up_at=None)


def backlog() -> dict[str, DepartmentBacklog]:
    """By department that listens or of which something is left."""
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
    """Remind, escalate and deliver until `stop` is set. Whatever goes wrong is told, and tried again."""
    looks_at = dt.datetime.now()
    while not stop.is_set():
        try:
            now = dt.datetime.now()
            if now >= looks_at:
                reminded = overdue.look(now)
                looks_at = now if reminded else now + LOOK  # where some were left for the next time, at once
            sent = deliver(stop=stop)
            if sent.delivered or sent.failed:
                log_line("webhooks", delivered=sent.delivered, failed=sent.failed, given_up=sent.given_up)
        except Exception as error:  # noqa: BLE001 - the worker beside goes on, and this loop with it
            log_line("trouble", error=type(error).__name__, about="webhooks")
        finally:
            connections.close_all()
        stop.wait(idle_seconds)


def deliver(now: dt.datetime | None = None, stop: Flag | None = None) -> Sent:
    """Try what is due, once each, department by department, so that one that is away keeps nobody waiting."""
    at, sent = now or dt.datetime.now(), Sent()
    _forget(at)
    for department in list(_due(at).order_by("department").values_list("department", flat=True).distinct()):
        sent += _deliver_to(department, at, now, stop)
    return sent


def _forget(at: dt.datetime) -> None:
    old = OutgoingEvent.objects.filter(delivered_at__lt=at - KEPT)
    if old.exists():  # without anything to forget nothing is locked
        old.delete()


def _due(at: dt.datetime) -> QuerySet[OutgoingEvent]:
    return waiting().filter(Q(claimed_until=None) | Q(claimed_until__lt=at), next_at__lte=at)


def _deliver_to(department: str, at: dt.datetime, now: dt.datetime | None, stop: Flag | None) -> Sent:
    """What one department is to be told; after a failure the rest waits for the next pass."""
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
    """Of several processes one delivers; a claim of one that died ends by itself."""
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
    if rest:  # it asked for quiet: nothing else goes there before
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
    """Twice as long after each try, and by chance up to half shorter, so that not all come back at one
    moment."""
    most = min(FIRST * int(2 ** (tries - 1)), MOST)
    return most * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def _failure(event: OutgoingEvent, at: dt.datetime) -> tuple[str, dt.timedelta]:
    """Why it did not arrive, in a few words without any content; empty when it did. And how long the other
    side wants to rest."""
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
    """What was given up, the latest first, with the reason."""
    columns = ("id", "department", "kind", "tries", "failure", "given_up_at")
    return list(
        OutgoingEvent.objects.exclude(given_up_at=None).order_by("-given_up_at", "id").values(*columns)
    )


def again(ids: list[str] | None, now: dt.datetime) -> int:
    """Queue what was given up once more, under the same id: these, or all."""
    given_up = OutgoingEvent.objects.exclude(given_up_at=None)
    chosen = given_up if ids is None else given_up.filter(pk__in=ids)
    return chosen.update(given_up_at=None, tries=0, next_at=now, claimed_until=None, failure="")
