"""`/health` and `/metrics`: whether it works, and how much; counts and days, nothing of anybody."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db import Error
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from almoner.casework.core.inbox import NoInstallation, home, inbox
from almoner.casework.models import Case
from almoner.casework.webhooks import sending
from almoner.errors import AlmonerError
from almoner.stream import status
from almoner.stream.inbox import Backlog
from almoner.stream.status import BUCKETS

Sample = tuple[Mapping[str, str], float]


@login_not_required
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """200 when events are taken and worked on, 503 when not. Where no worker ever worked, as in a demo,
    nothing is amiss while nothing waits."""
    del request
    checks = {"casework": _casework(), "inbox": _inbox(), **_worker(_status())}
    well = all(checks.values()) if checks["worker"] is not None else checks["casework"] and _nothing_waits()
    return JsonResponse(
        {"status": "ok" if well else "degraded", "checks": checks}, status=200 if well else 503
    )


@login_not_required
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format 0.0.4."""
    del request
    try:
        found = status.read(home().folder) or {}
        lines = [*_of_inbox(), *_of_worker(found), *_of_casework()]
    except (AlmonerError, Error):
        return HttpResponse(status=503)
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; version=0.0.4; charset=utf-8")


def _casework() -> bool:
    try:
        Case.objects.exists()
    except Error:
        return False
    return True


def _inbox() -> bool:
    try:
        inbox().position()
    except AlmonerError:
        return False
    return True


def _nothing_waits() -> bool:
    try:
        return not inbox().backlog()
    except AlmonerError:
        return False


def _status() -> dict[str, Any] | None:
    """What the worker last said of itself: None where none ever worked, nothing where it cannot be read."""
    try:
        return status.read(home().folder)
    except NoInstallation:
        return {}


def _worker(found: dict[str, Any] | None) -> dict[str, bool | None]:
    """Whether a worker works, None where none ever did; and whether brokers answer one that works, where
    it reads topics."""
    if found is None:
        return {"worker": None}
    alive = bool(found) and status.is_alive(found, dt.datetime.now())
    kafka = {"kafka": found["kafka"] and alive} if "kafka" in found else {}
    return {"worker": alive and found.get("trouble") is None, **kafka}


def _of_inbox() -> Iterator[str]:
    totals, waiting, now = inbox().totals(), inbox().backlog(), dt.datetime.now()

    def age(of: Backlog) -> float:
        return (now - of.oldest).total_seconds()

    yield from _metric(
        "events_accepted_total", "counter", "Events that were kept.", [({}, totals["accepted"])]
    )
    yield from _metric(
        "events_repeated_total", "counter", "Events that had come before.", [({}, totals["repeated"])]
    )
    yield from _metric(
        "inbox_waiting", "gauge", "Events that wait.", [({"feed": f}, b.events) for f, b in waiting.items()]
    )
    yield from _metric(
        "inbox_oldest_seconds",
        "gauge",
        "How long the oldest event waits.",
        [({"feed": f}, age(b)) for f, b in waiting.items()],
    )


def _of_worker(found: dict[str, Any]) -> Iterator[str]:
    counts, today = found.get("counts", {}), dt.datetime.now().date()
    days = {
        feed: (today - dt.date.fromisoformat(day)).days
        for feed, day in found.get("watermarks", {}).items()
        if day
    }
    checks = _worker(found)
    yield from _metric("worker_up", "gauge", "1 while a worker works.", [({}, float(checks["worker"] or 0))])
    if "kafka" in checks:
        yield from _metric(
            "kafka_up", "gauge", "1 while brokers of Kafka answer.", [({}, float(checks["kafka"] or 0))]
        )
    for name, words in _COUNTS.items():
        yield from _metric(f"{name}_total", "counter", words, [({}, counts.get(name, 0))])
    yield from _metric(
        "worker_seconds_total",
        "counter",
        "Time by kind of work.",
        [({"part": p}, s) for p, s in found.get("seconds", {}).items()],
    )
    yield from _metric(
        "watermark_age_days",
        "gauge",
        "Days since a feed is complete.",
        [({"feed": f}, d) for f, d in days.items()],
    )
    yield from _metric(
        "quarantine_open", "gauge", "Rows in quarantine.", [({}, found.get("quarantine_open") or 0)]
    )
    yield from _metric(
        "households_to_assess", "gauge", "Touched and not yet assessed.", [({}, found.get("to_assess") or 0)]
    )
    yield from _histogram(found.get("waited") or [0] * (len(BUCKETS) + 1), found.get("waited_seconds", 0.0))


_COUNTS = {
    "events": "Events that became facts.",
    "quarantined": "Rows that went to quarantine.",
    "files": "Landed files that were taken in.",
    "files_refused": "Landed files that were refused.",
    "cycles": "Cycles.",
    "ticks": "Ticks.",
    "cases_opened": "Cases that were opened.",
}


def _of_casework() -> Iterator[str]:
    yield from _metric(
        "cases_open", "gauge", "Open cases.", [({}, Case.objects.filter(ended_at=None).count())]
    )
    left, now = sending.backlog(), dt.datetime.now()
    yield from _metric(
        "webhooks_waiting",
        "gauge",
        "Events that departments' systems were not told yet.",
        [({"department": d}, w.waiting) for d, w in left.items()],
    )
    yield from _metric(
        "webhooks_given_up",
        "gauge",
        "Events that could not be told.",
        [({"department": d}, w.given_up) for d, w in left.items()],
    )
    yield from _metric(
        "webhooks_oldest_seconds",
        "gauge",
        "How long the oldest of those that wait was made ago.",
        [({"department": d}, (now - w.oldest).total_seconds()) for d, w in left.items() if w.oldest],
    )


def _histogram(waited: list[int], seconds: float) -> Iterator[str]:
    name, total = "almoner_event_to_case_seconds", 0
    yield f"# HELP {name} From an event's arrival to its case; the first event of a round counts for all."
    yield f"# TYPE {name} histogram"
    for limit, events in zip((*map(str, BUCKETS), "+Inf"), waited, strict=True):
        total += events
        yield f'{name}_bucket{{le="{limit}"}} {total}'
    yield f"{name}_sum {seconds}"
    yield f"{name}_count {total}"


def _metric(name: str, kind: str, words: str, samples: list[Sample]) -> Iterator[str]:
    yield f"# HELP almoner_{name} {words}"
    yield f"# TYPE almoner_{name} {kind}"
    for labels, value in samples:
        shown = ",".join(f'{k}="{v}"' for k, v in labels.items())
        yield f"almoner_{name}{f'{{{shown}}}' if shown else ''} {value:g}"
