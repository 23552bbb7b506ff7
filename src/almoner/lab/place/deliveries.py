"""Write the delivered files in the order of their arrival, and the manifest that lists them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa

from almoner.lab.place.arrays import stream
from almoner.lab.place.clock import Clock
from almoner.lab.place.faults import misstate, spoil
from almoner.lab.place.feeds import PlaceFeed, areas, feeds
from almoner.lab.place.files import SUFFIX, Shape, write
from almoner.lab.place.life import Life
from almoner.lab.place.office_feeds import office_feeds
from almoner.progress import Advance

Form = Literal["mixed", "parquet"]
MONTHS_AFTER_HISTORY = 3  # that come in files of their own, if nothing else is said


@dataclass(frozen=True)
class PlannedDelivery:
    """One file of one feed: the months from `first` up to and without `after`."""

    feed: PlaceFeed
    first: int
    after: int
    received_at: datetime
    complete_through: np.datetime64

    def file(self, clock: Clock, shape: Shape) -> str:
        months = [str(clock.starts[month])[:7] for month in (self.first, self.after - 1)]
        return f"{self.feed.name}_{'_'.join(dict.fromkeys(months))}{SUFFIX[shape]}"


def deliver(life: Life, folder: Path, form: Form, monthly: int, advance: Advance) -> int:
    """Write every file and `manifest.json` into `folder`, and return the number of rows in all files.

    The last `monthly` months come in files of their own, those before them in one file a feed. `advance`
    is called with the shares of the work done, which sum up to one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    plan = sorted(_plan(life, monthly), key=lambda delivery: delivery.received_at)
    writer = _Writer(life, folder, form)
    listed = []
    for delivery in plan:
        listed += writer.write(delivery)
        advance(1 / len(plan))
    listed += writer.write_corrections()
    listed.sort(key=lambda entry: entry["received_at"])
    manifest = json.dumps({"deliveries": listed}, indent=1) + "\n"
    (folder / "manifest.json").write_text(manifest, encoding="utf-8")
    return writer.rows


def _plan(life: Life, monthly: int) -> Iterator[PlannedDelivery]:
    clock = life.clock
    last = clock.months
    history = last - monthly
    yield _delivery(areas(life), 0, history, 0, clock)
    for position, feed in enumerate([*feeds(life), *office_feeds(life)], start=1):
        yield _delivery(feed, 0, history, position, clock)
        for month in range(history, last - feed.months_late):
            yield _delivery(feed, month, month + 1, position, clock)
        if feed.daily:
            yesterday = clock.today - np.timedelta64(1, "D")
            received = datetime.combine(clock.as_of - timedelta(days=1), time(23, 45))
            yield PlannedDelivery(feed, last, last + 1, received, yesterday)


def _delivery(feed: PlaceFeed, first: int, after: int, position: int, clock: Clock) -> PlannedDelivery:
    """Files of a period come on the fifth day after it, one department after the other."""
    end = clock.last_day(after - 1)
    received = datetime.combine(end.astype(object) + timedelta(days=5), time(8)) + timedelta(
        minutes=20 * position
    )
    return PlannedDelivery(feed, first, after, received, end)


class _Writer:
    def __init__(self, life: Life, folder: Path, form: Form) -> None:
        self.life, self.folder, self.form = life, folder, form
        self.rows = 0
        self.corrections: dict[str, list[pa.Table]] = {}
        self.feeds: dict[str, PlaceFeed] = {}

    def write(self, delivery: PlannedDelivery) -> list[dict[str, str]]:
        """The manifest's entry of the file; none when a feed has not begun in the period."""
        feed = delivery.feed
        monthly = delivery.first > 0
        shape: Shape = "parquet" if self.form == "parquet" else feed.monthly if monthly else feed.history
        tables = self._tables(delivery, monthly, shape)
        if feed.sparse:
            kept = [table for table in tables if len(table)]
            if not kept:
                return []
            tables = iter(kept)
        name = delivery.file(self.life.clock, shape)
        self.rows += write(tables, self.folder / name, shape)
        since = self.life.clock.starts[delivery.first]
        return [_entry(name, feed, delivery.received_at, delivery.complete_through, since)]

    def write_corrections(self) -> list[dict[str, str]]:
        """A file a feed with the rows that were wrong at first, as they should have been."""
        clock = self.life.clock
        received = datetime.combine(clock.as_of - timedelta(days=2), time(10))
        entries = []
        for name, tables in self.corrections.items():
            shape: Shape = "parquet" if self.form == "parquet" else self.feeds[name].monthly
            file = f"{name}_correction_{str(clock.as_of)[:7]}{SUFFIX[shape]}"
            self.rows += write(tables, self.folder / file, shape)
            entries.append(_entry(file, self.feeds[name], received, clock.end))
        return entries

    def _tables(self, delivery: PlannedDelivery, monthly: bool, shape: Shape) -> Iterator[pa.Table]:
        feed = delivery.feed
        chance = stream(self.life.seed, f"faults {feed.name} {delivery.first}")
        for table in feed.rows(delivery.first, delivery.after):
            stated = table
            if monthly and feed.faults.misstated:
                stated, originals = misstate(table, feed.faults.misstated, chance)
                self.corrections.setdefault(feed.name, []).append(originals)
                self.feeds[feed.name] = feed
            yield spoil(stated, feed.faults, monthly, shape != "parquet", chance)


def _entry(
    file: str,
    feed: PlaceFeed,
    received_at: datetime,
    complete_through: np.datetime64,
    complete_since: np.datetime64 | None = None,
) -> dict[str, str]:
    return {
        "file": file,
        "feed": feed.name,
        "received_at": received_at.isoformat(),
        "complete_through": str(complete_through),
    } | ({"complete_since": str(complete_since)} if complete_since is not None else {})
