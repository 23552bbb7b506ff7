"""Monitoring by `/health` and `/metrics`: counts and days only, no personal data."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import accumulate
from typing import Any, TypeVar

from django.contrib.auth.decorators import login_not_required
from django.db import Error
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from almoner.casework.core.inbox import NoInstallation, home, inbox
from almoner.casework.models import Case
from almoner.casework.webhooks import sending
from almoner.errors import AlmonerError
from almoner.local_time import elapsed
from almoner.stream import heartbeat, restarts, status
from almoner.stream.heartbeat import Liveness
from almoner.stream.restarts import Restarts
from almoner.stream.status import BUCKETS

Family = TypeVar("Family", CounterMetricFamily, GaugeMetricFamily)


@login_not_required
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """Answer 200 when events are received and processed, else 503.

    `worker` says what it is judged by: the age of its last sign of life, the step at work, and how often it
    was started again. Without a worker, as in a demonstration, the answer is 200 as long as no event waits.
    """
    del request
    found, lives = _status(), _liveness()
    checks = {"casework": _casework(), "inbox": _inbox(), **_worker(found, lives)}
    well = all(checks.values()) if checks["worker"] is not None else checks["casework"] and _nothing_waits()
    body = {"status": "ok" if well else "degraded", "checks": checks, "worker": _in_detail(found, lives)}
    return JsonResponse(body, status=200 if well else 503)


@login_not_required
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """All metrics in Prometheus' text format 0.0.4; 503 when they cannot be read."""
    del request
    registry = CollectorRegistry()
    registry.register(InstallationMetrics())
    try:
        text = generate_latest(registry)
    except (AlmonerError, Error):
        return HttpResponse(status=503)
    return HttpResponse(text, content_type=CONTENT_TYPE_PLAIN_0_0_4)


class InstallationMetrics(Collector):
    """Collects the metrics of the installation, read from its files and databases at each scrape.

    Raises AlmonerError or Django's database Error when they cannot be read.
    """

    def collect(self) -> Iterator[Metric]:
        found = status.read(home().folder) or {}
        yield from _of_inbox()
        yield from _of_worker(found)
        yield from _of_casework()


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
    """The worker's last status; None when no worker ever ran, empty without an installation."""
    try:
        return status.read(home().folder)
    except NoInstallation:
        return {}


def _liveness() -> Liveness | None:
    """How the worker is, by its heartbeat; None when none ever wrote one."""
    try:
        place = home()
    except NoInstallation:
        return None
    return heartbeat.look(place.folder, place.settings)


def _restarts() -> Restarts | None:
    try:
        return restarts.read(home().folder)
    except NoInstallation:
        return None


def _worker(found: dict[str, Any] | None, lives: Liveness | None) -> dict[str, bool | None]:
    """The checks `worker` (None: no worker ever ran, nor is one expected) and, where topics are read,
    `kafka`."""
    if found is None and lives is None and _restarts() is None:
        return {"worker": None}
    alive = lives is not None and lives.is_well
    kafka = {"kafka": found["kafka"] and alive} if found and "kafka" in found else {}
    return {"worker": alive and (found or {}).get("trouble") is None, **kafka}


def _in_detail(found: dict[str, Any] | None, lives: Liveness | None) -> dict[str, Any] | None:
    """What is known about the worker; None where none ever ran, nor is one expected."""
    again = _restarts()
    if found is None and lives is None and again is None:
        return None
    detail = lives.as_json() if lives else {"state": "starting", "reason": "it has not begun to work yet"}
    detail |= {"trouble": (found or {}).get("trouble"), "files": _landed(found)}
    return detail | (asdict(again) if again else {})


def _landed(found: dict[str, Any] | None) -> dict[str, int]:
    """How many landed files wait in trouble, and how many were refused and still lie there. They make
    nothing ill: all others go in."""
    by_department = ((found or {}).get("landing") or {}).get("departments", {}).values()
    return {name: sum(each[name] for each in by_department) for name in ("waiting", "refused")}


def _of_inbox() -> Iterator[Metric]:
    totals, waiting, now = inbox().totals(), inbox().backlog(), dt.datetime.now()
    counts = {feed: of.events for feed, of in waiting.items()}
    ages = {feed: elapsed(of.oldest, now) for feed, of in waiting.items()}
    yield _one(CounterMetricFamily, "events_accepted_total", "Events that were accepted.", totals["accepted"])
    yield _one(
        CounterMetricFamily,
        "events_repeated_total",
        "Events that had been accepted before.",
        totals["repeated"],
    )
    yield _by("feed", GaugeMetricFamily, "inbox_waiting", "Events that wait in the inbox.", counts)
    yield _by(
        "feed",
        GaugeMetricFamily,
        "inbox_oldest_seconds",
        "Waiting time of the oldest event, in seconds.",
        ages,
    )


def _of_worker(found: dict[str, Any]) -> Iterator[Metric]:
    counts, checks, again = found.get("counts", {}), _worker(found, _liveness()), _restarts()
    up, kafka = float(checks["worker"] or 0), float(checks.get("kafka") or 0)
    yield _one(GaugeMetricFamily, "worker_up", "1 while a worker is running, else 0.", up)
    yield _one(
        CounterMetricFamily,
        "worker_restarts_total",
        "How often the worker beside the console was started again.",
        again.restarts if again else 0,
    )
    if "kafka" in checks:
        yield _one(GaugeMetricFamily, "kafka_up", "1 while the Kafka brokers answer, else 0.", kafka)
    for name, words in _COUNTS.items():
        yield _one(CounterMetricFamily, f"{name}_total", words, counts.get(name, 0))
    seconds, ages = found.get("seconds", {}), _watermark_ages(found)
    yield _by(
        "part",
        CounterMetricFamily,
        "worker_seconds_total",
        "Time that the worker spent, by kind of work.",
        seconds,
    )
    yield _by(
        "feed",
        GaugeMetricFamily,
        "watermark_age_days",
        "Days since the last day that a feed is complete for.",
        ages,
    )
    files = (found.get("landing") or {}).get("departments", {})
    for name, words in _FILES.items():
        of_departments = {department: each[name] for department, each in files.items()}
        yield _by("department", GaugeMetricFamily, f"landing_{name}", words, of_departments)
    quarantined, to_assess = found.get("quarantine_open") or 0, found.get("to_assess") or 0
    yield _one(GaugeMetricFamily, "quarantine_open", "Rows in quarantine.", quarantined)
    yield _one(
        GaugeMetricFamily,
        "households_to_assess",
        "Households whose facts changed and that are not assessed yet.",
        to_assess,
    )
    yield _histogram(found.get("waited") or [0] * (len(BUCKETS) + 1), found.get("waited_seconds", 0.0))


def _watermark_ages(found: dict[str, Any]) -> dict[str, int]:
    """For each feed that was ever complete, the days since its watermark."""
    today, watermarks = dt.datetime.now().date(), found.get("watermarks", {})
    return {feed: (today - dt.date.fromisoformat(day)).days for feed, day in watermarks.items() if day}


_FILES = {
    "waiting": "Landed files that wait because something is the matter with them.",
    "refused": "Landed files that were refused and still lie there.",
}
_COUNTS = {
    "events": "Events that became facts.",
    "quarantined": "Rows that went to quarantine.",
    "files": "Landed files that were taken in.",
    "files_refused": "Landed files that were refused.",
    "cycles": "Cycles that were run.",
    "ticks": "Ticks that were run.",
    "cases_opened": "Cases that were opened.",
}


def _of_casework() -> Iterator[Metric]:
    open_now = Case.objects.filter(ended_at=None).count()
    yield _one(GaugeMetricFamily, "cases_open", "Open cases.", open_now)
    left, now = sending.backlog(), dt.datetime.now()
    yield _by(
        "department",
        GaugeMetricFamily,
        "webhooks_waiting",
        "Events that departments' systems have not received yet.",
        {department: of.waiting for department, of in left.items()},
    )
    yield _by(
        "department",
        GaugeMetricFamily,
        "webhooks_given_up",
        "Events whose delivery was given up.",
        {department: of.given_up for department, of in left.items()},
    )
    yield _by(
        "department",
        GaugeMetricFamily,
        "webhooks_oldest_seconds",
        "Age of the oldest waiting event, in seconds.",
        {department: elapsed(of.oldest, now) for department, of in left.items() if of.oldest},
    )


def _histogram(waited: list[int], seconds: float) -> HistogramMetricFamily:
    return HistogramMetricFamily(
        "almoner_event_to_case_seconds",
        "Time from an event's arrival to its case. The first event of a round counts for all of them.",
        buckets=list(zip((*map(str, BUCKETS), "+Inf"), accumulate(waited), strict=True)),
        sum_value=seconds,
    )


def _one(kind: type[Family], name: str, words: str, value: float) -> Family:
    """A metric with one value for the whole installation."""
    return kind(f"almoner_{name}", words, value=value)


def _by(label: str, kind: type[Family], name: str, words: str, values: Mapping[str, float]) -> Family:
    """A metric with one value for each value of a label."""
    family = kind(f"almoner_{name}", words, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
