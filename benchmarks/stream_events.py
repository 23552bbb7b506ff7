"""Split a place's deliveries into files for the first load and the last rows as events, mixed by a seed."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from almoner.errors import AlmonerError
from almoner.intake.formats import date_format
from almoner.policy.model.feeds import Feed
from almoner.stream.events import Event

MANIFEST = "manifest.json"
SOURCE = "bench"


def split(folder: Path, feeds: Mapping[str, Feed], until: dt.date, wanted: int, seed: int) -> list[Event]:
    """Take the last deliveries, those that came after `until`, out of the manifest; gives `wanted` of
    their rows as events.

    Every feed sends in proportion to what it delivered, spread evenly over the time; the seed chooses the
    rows. All other rows stay in their files with the feed's watermark, so each event falls into a window that
    the rules read.
    """
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    late = [d for d in manifest["deliveries"] if d["received_at"][:10] > until.isoformat()]
    tables = {
        d["file"]: pq.read_table(folder / Path(d["file"]).name)
        for d in late
        if _may_send(feeds.get(d["feed"]))
    }
    rows = sum(table.num_rows for table in tables.values())
    if rows < wanted:
        raise AlmonerError(
            f"The place delivers {rows:,} rows at last, fewer than {wanted:,} events. Send for a shorter"
            " time, or enlarge the place."
        )
    chance, placed = random.Random(seed), []  # noqa: S311 - shuffles, keeps no secret
    for delivery in late:
        table = tables.get(delivery["file"])
        if table is None or not table.num_rows:
            continue
        order = list(range(table.num_rows))
        chance.shuffle(order)
        share = round(table.num_rows * wanted / rows)
        sent, kept = sorted(order[:share]), sorted(order[share:])
        for n, row in enumerate(table.take(pa.array(sent, pa.int64())).to_pylist()):
            data = _as_sent(row, feeds[delivery["feed"]])
            name = f"{delivery['file']}-{sent[n]}"
            placed.append(
                (
                    (n + chance.random()) / max(share, 1),
                    Event(source=SOURCE, id=name, feed=delivery["feed"], data=data),
                )
            )
        pq.write_table(table.take(pa.array(kept, pa.int64())), folder / Path(delivery["file"]).name)
    return [event for _, event in sorted(placed, key=lambda each: each[0])]


def _may_send(feed: Feed | None) -> bool:
    return feed is not None and not feed.membership and not feed.shared


def _as_sent(row: Mapping[str, Any], feed: Feed) -> str:
    monthly = {p.name for p in feed.properties if p.format and date_format(p.format).monthly}
    said = {k: str(v)[:7] if k in monthly and v is not None else v for k, v in row.items()}
    return json.dumps(said, default=str, ensure_ascii=True, separators=(",", ":"))
