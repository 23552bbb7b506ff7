"""The worker's status: a file HOME/worker.json, for `almoner status`, /health and /metrics.

It is written after each piece of work. Whether the worker lives is said by its heartbeat
(`almoner.stream.heartbeat`). Another process cannot open the facts while the
worker writes them, so the file also has their counts and watermarks.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from almoner.stream.heartbeat import StepAtWork

if TYPE_CHECKING:
    from almoner.engines import Engine

FILE = "worker.json"
BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 300.0)  # seconds from arrival to case


@dataclass(kw_only=True)
class Status:
    """Counts since the worker started, in any of its threads. `seconds` by kind of work."""

    home: Path
    started_at: dt.datetime
    counts: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    waited: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))  # events by bucket
    waited_seconds: float = 0.0
    trouble: str | None = None
    idle: bool = False  # whether nothing was left to do
    landing: dict[str, Any] = field(default_factory=dict)  # `landing_troubles.Troubles.as_json`
    kafka: Callable[[], bool] | None = None  # whether brokers answer, where topics are read
    step: StepAtWork = field(default_factory=StepAtWork)  # what is at work: for the heartbeat
    _lock: Lock = field(default_factory=Lock, repr=False)

    def count(self, name: str, more: int) -> None:
        with self._lock:
            self.counts[name] = self.counts.get(name, 0) + more

    def spent(self, name: str, seconds: float) -> None:
        with self._lock:
            self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    def arrived(self, events: int, seconds: float) -> None:
        """Count events that became facts and cases; the oldest of them waited for `seconds`."""
        place = next((n for n, limit in enumerate(BUCKETS) if seconds <= limit), len(BUCKETS))
        with self._lock:
            self.waited[place] += events
            self.waited_seconds += events * seconds

    def write(self, engine: Engine | None, at: dt.datetime) -> None:
        """Write the file, whole or not at all. Without an engine the figures of the facts stay as they
        were."""
        facts = (
            _facts(engine) if engine else {k: v for k, v in (read(self.home) or {}).items() if k in _OF_FACTS}
        )
        with self._lock:
            text = json.dumps(self._as_json(at) | facts, ensure_ascii=False, indent=1)
        new = self.home / f"{FILE}.new"
        new.write_text(text + "\n", encoding="utf-8")
        new.replace(self.home / FILE)

    def _as_json(self, at: dt.datetime) -> dict[str, Any]:
        return {
            "process": os.getpid(),
            "started_at": self.started_at.isoformat(timespec="seconds"),
            "beat_at": at.isoformat(timespec="milliseconds"),
            "counts": self.counts,
            "seconds": {k: round(v, 3) for k, v in self.seconds.items()},
            "waited": self.waited,
            "waited_seconds": round(self.waited_seconds, 3),
            "trouble": self.trouble,
            "idle": self.idle,
            "landing": self.landing,
            **({"kafka": self.kafka()} if self.kafka else {}),
        }


_OF_FACTS = ("watermarks", "received", "quarantine_open", "to_assess")


def _facts(engine: Engine) -> dict[str, Any]:
    from almoner.registry import dirty, quarantine  # the console reads this file too, without an engine
    from almoner.stream import state

    feeds = sorted(dirty.feed_states(engine).items())
    through = {feed: progress.complete_through for feed, progress in feeds}
    received = {feed: progress.received_at for feed, progress in feeds}
    return {
        "watermarks": {feed: day.isoformat() if day else None for feed, day in through.items()},
        "received": {f: at.isoformat(timespec="seconds") if at else None for f, at in received.items()},
        "quarantine_open": quarantine.count_open(engine),
        "to_assess": state.count_waiting(engine),
    }


def read(home: Path) -> dict[str, Any] | None:
    """The status that the worker wrote last; None where no worker ever ran."""
    try:
        status: dict[str, Any] = json.loads((home / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return status
