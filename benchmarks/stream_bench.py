"""Send events at a steady rate into the inbox, and measure the time of each until its case.

The results are figures and a chart.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

from almoner.stream.events import Event
from almoner.stream.inbox import Inbox

BEAT_SECONDS = 0.1  # of the sender
SAMPLE_SECONDS = 10.0


@dataclass(frozen=True)
class Sent:
    """An event, and when the inbox had stored it."""

    feed: str
    seq: int
    at: dt.datetime


@dataclass(frozen=True)
class Sample:
    """Figures of the worker at a moment, in seconds since the first event."""

    second: float
    memory_mib: float
    waiting: int


@dataclass(frozen=True, kw_only=True)
class Point:
    """A few seconds of the run: events, their times, the worker's memory, and the events that wait."""

    second: float
    events: int
    p50_seconds: float | None
    p95_seconds: float | None
    p99_seconds: float | None
    max_seconds: float | None
    memory_mib: float
    waiting: int


def send(inbox: Inbox, events: Sequence[Event], rate: float, process: int) -> tuple[list[Sent], list[Sample]]:
    """Send all events at `rate` a second; 0: as fast as the inbox takes them."""
    sent: list[Sent] = []
    samples = [Sample(0.0, memory_mib(process), 0)]
    started = perf_counter()
    while len(sent) < len(events):
        passed = perf_counter() - started
        due = min(len(events), int(passed * rate) + 1) if rate else min(len(events), len(sent) + 5_000)
        if due > len(sent):
            part, at = events[len(sent) : due], dt.datetime.now()
            last = inbox.put(part, at).position
            sent += [Sent(e.feed, last - len(part) + 1 + n, at) for n, e in enumerate(part)]
        if passed - samples[-1].second >= SAMPLE_SECONDS:
            samples.append(Sample(passed, memory_mib(process), _waiting(inbox)))
        if rate:
            sleep(BEAT_SECONDS)
    return sent, samples


def waited(sent: Sequence[Sent], log: Sequence[Mapping[str, Any]]) -> list[float]:
    """By event, the seconds from its arrival until casework commits its consequences.

    The worker logs a round after that transaction, with the position up to which it took each feed.
    """
    rounds = [
        (dt.datetime.fromisoformat(line["at"]), line["through"]) for line in log if line["event"] == "round"
    ]
    by_feed: dict[str, list[Sent]] = {}
    for event in sent:
        by_feed.setdefault(event.feed, []).append(event)
    took: dict[int, float] = {}
    for feed, events in by_feed.items():
        ends = [(at, through[feed]) for at, through in rounds if feed in through]
        n = 0
        for event in events:
            while n < len(ends) and ends[n][1] < event.seq:
                n += 1
            if n < len(ends):
                took[event.seq] = (ends[n][0] - event.at).total_seconds()
    return [took[event.seq] for event in sent if event.seq in took]


def share(values: Sequence[float], of: float) -> float | None:
    """A quantile, by the nearest rank."""
    if not values:
        return None
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(of * len(ordered)))], 3)


def points(sent: Sequence[Sent], seconds: Sequence[float], samples: Sequence[Sample]) -> list[Point]:
    """One for each sample: the events that arrived since the one before."""
    first, found = sent[0].at, []
    arrived = [((event.at - first).total_seconds(), took) for event, took in zip(sent, seconds, strict=True)]
    edges = [s.second for s in samples[1:]] + [float("inf")]
    low = 0.0
    for sample, high in zip(samples, edges, strict=True):
        part = [took for at, took in arrived if low <= at < high]
        found.append(
            Point(
                second=round(sample.second, 1),
                events=len(part),
                p50_seconds=share(part, 0.5),
                p95_seconds=share(part, 0.95),
                p99_seconds=share(part, 0.99),
                max_seconds=share(part, 1.0),
                memory_mib=round(sample.memory_mib, 1),
                waiting=sample.waiting,
            )
        )
        low = high
    return found


def write_series(file: Path, series: Sequence[Point]) -> None:
    """As CSV, or as JSON where the name says so."""
    rows = [asdict(point) for point in series]
    if file.suffix == ".json":
        file.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        return
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(Point.__dataclass_fields__))
        writer.writeheader()
        writer.writerows(rows)


def draw(file: Path, series: Sequence[Point]) -> None:
    """Latency and memory over time, as SVG."""
    import altair

    alt: Any = altair  # its data are not typed
    rows = [asdict(point) for point in series]
    lines = [
        {"minute": r["second"] / 60, "share": name, "seconds": r[f"{name}_seconds"]}
        for r in rows
        for name in ("p50", "p95", "p99")
        if r[f"{name}_seconds"] is not None
    ]
    minute = alt.X("minute:Q", title="minutes", axis=alt.Axis(format="~g"))
    latency = (
        alt.Chart(alt.Data(values=lines), width=640, height=180)
        .mark_line()
        .encode(
            x=minute,
            y=alt.Y("seconds:Q", title="arrival to case, seconds"),
            color=alt.Color("share:N", title=None),
        )
    )
    held = [{"minute": r["second"] / 60, "mib": r["memory_mib"]} for r in rows]
    memory = (
        alt.Chart(alt.Data(values=held), width=640, height=120)
        .mark_line(color="#1d70b8")
        .encode(x=minute, y=alt.Y("mib:Q", title="worker's memory, MiB", scale=alt.Scale(zero=True)))
    )
    alt.vconcat(latency, memory).save(str(file), format="svg")


def memory_mib(process: int, peak: bool = False) -> float:
    """Memory of a process and its children, now or at most; 0 where the system does not give it."""
    return _held(process, peak) + sum(memory_mib(one, peak) for one in started_by(process))


def started_by(process: int) -> list[int]:
    """Living child processes of this one's threads."""
    found: list[int] = []
    for listed in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):  # the thread has ended since
            found += map(int, listed.read_text(encoding="ascii").split())
    return found


def _held(process: int, peak: bool) -> float:
    name = "VmHWM:" if peak else "VmRSS:"
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(name)), 0.0)


def _waiting(inbox: Inbox) -> int:
    return sum(backlog.events for backlog in inbox.backlog().values())
