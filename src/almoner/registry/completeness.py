"""The periods that each feed is complete for, by whom and since when that is known.

A delivery vouches for a span of days (`complete_period`). Spans that touch are a run. The watermark of a feed
is the end of its last run; days between two runs are a hole: nobody said that they are complete. Where a
contract says `completeBy`, each part, such as an area or a supplier, has spans of its own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median_low

import pyarrow as pa

from almoner.engines.base import Engine
from almoner.policy.model.feeds import Feed
from almoner.registry import periods
from almoner.registry.periods import EVER

TABLE = "registry.complete_period"
COLUMNS = (
    "feed VARCHAR, part VARCHAR, since DATE, through DATE, stated BOOLEAN, delivery_id INTEGER, "
    "known_from TIMESTAMP, known_to TIMESTAMP"
)
_DAY = dt.timedelta(days=1)
_USUAL_STEP = 1.5  # of the median step between deliveries of an older version; a longer one left a hole
_FOREVER = dt.datetime(9999, 12, 31)
_KNOWN = "known_from <= $at AND known_to > $at"


@dataclass(frozen=True, order=True)
class CompleteDays:
    """Days that a feed is complete for, both ends included."""

    since: dt.date
    through: dt.date

    def touches(self, later: CompleteDays) -> bool:
        """Whether no day lies between this span and one that does not begin before it."""
        return later.since <= self.through or later.since - self.through <= _DAY


Parts = Mapping[str | None, tuple[CompleteDays, ...]]  # runs by part, in order; None: the feed as a whole


def ensure(engine: Engine, feeds: Mapping[str, Feed]) -> None:
    """Create the table if it is missing. In facts of an older version it is filled from the deliveries."""
    sql = (
        "SELECT 1 FROM information_schema.tables"
        " WHERE table_schema = 'registry' AND table_name = 'complete_period'"
    )
    if engine.rows(sql):
        return
    engine.execute(f"CREATE TABLE {TABLE} ({COLUMNS})")
    _derive(engine, feeds)


def record(
    engine: Engine,
    feed: str,
    spans: Iterable[tuple[str | None, CompleteDays]],
    *,
    delivery_id: int,
    at: dt.datetime,
    stated: bool = True,
) -> None:
    """Record what a delivery vouches for, within the caller's transaction. `stated`: a department or a person
    said through which day, and it did not only follow from the rows."""
    rows = [
        (feed, part, span.since, span.through, stated, delivery_id, at) for part, span in dict.fromkeys(spans)
    ]
    _insert(engine, rows)


def watermarks(engine: Engine, known_at: dt.datetime | None = None) -> dict[str, dt.date]:
    """By feed, the last day that it is complete for, as known at `known_at` or now."""
    sql = f"SELECT feed, max(through) FROM {TABLE} WHERE {_KNOWN} GROUP BY feed"
    return dict(engine.rows(sql, {"at": known_at or _FOREVER}))


def runs(engine: Engine, known_at: dt.datetime | None = None, feed: str | None = None) -> dict[str, Parts]:
    """By feed and part, its runs in order. `feed`: only this one."""
    only = " AND feed = $feed" if feed else ""
    rows = engine.rows(
        f"SELECT feed, part, since, through FROM {TABLE} WHERE {_KNOWN}{only} ORDER BY ALL",
        {"at": known_at or _FOREVER} | ({"feed": feed} if feed else {}),
    )
    found: dict[str, dict[str | None, list[CompleteDays]]] = {}
    for name, part, since, through in rows:
        found.setdefault(name, {}).setdefault(part, []).append(CompleteDays(since, through))
    return {name: {p: joined(spans) for p, spans in parts.items()} for name, parts in found.items()}


def runs_since(engine: Engine, known_at: dt.datetime | None = None) -> dict[str, dt.date]:
    """By feed, the first day of the run that ends at its watermark; `EVER` for a feed without a beginning.

    Of several parts that reach the watermark, the run that began first counts: `parts_behind` has the others.
    """
    return {feed: last_run(parts).since for feed, parts in runs(engine, known_at).items()}


def parts_behind(engine: Engine, known_at: dt.datetime | None = None) -> dict[str, frozenset[str]]:
    """By feed, the parts that are not complete from the beginning to the end of the feed's last run."""
    behind: dict[str, frozenset[str]] = {}
    for feed, parts in runs(engine, known_at).items():
        whole = last_run(parts)
        late = {
            part
            for part, spans in parts.items()
            if part is not None and (spans[-1].through < whole.through or spans[-1].since > whole.since)
        }
        if late:
            behind[feed] = frozenset(late)
    return behind


def last_run(parts: Parts) -> CompleteDays:
    """The run that ends at the watermark."""
    through = max(spans[-1].through for spans in parts.values())
    return CompleteDays(
        min(spans[-1].since for spans in parts.values() if spans[-1].through == through),
        through,
    )


def holes(spans: tuple[CompleteDays, ...]) -> tuple[CompleteDays, ...]:
    """The days between runs."""
    return tuple(CompleteDays(a.through + _DAY, b.since - _DAY) for a, b in pairwise(spans))


def joined(spans: Iterable[CompleteDays]) -> tuple[CompleteDays, ...]:
    """Runs of spans: those that touch or overlap become one."""
    found: list[CompleteDays] = []
    for span in sorted(spans):
        if found and found[-1].touches(span):
            found[-1] = CompleteDays(found[-1].since, max(found[-1].through, span.through))
        else:
            found.append(span)
    return tuple(found)


def covers(spans: Iterable[CompleteDays], wanted: CompleteDays) -> bool:
    """Whether one of the runs has all days of `wanted`."""
    return any(s.since <= wanted.since and wanted.through <= s.through for s in spans)


def set_watermark(
    engine: Engine, feed: str, received_at: dt.datetime, through: dt.date, since: dt.date = EVER
) -> None:
    """Record a delivery without rows that completes `feed` between two days; for scenarios of a pack."""
    engine.execute(
        """
        INSERT INTO registry.delivery (delivery_id, feed, received_at, complete_through)
        VALUES (1, $feed, $at, $through)
        """,
        {"feed": feed, "at": received_at, "through": through},
    )
    record(engine, feed, [(None, CompleteDays(since, through))], delivery_id=1, at=received_at)


def _derive(engine: Engine, feeds: Mapping[str, Feed]) -> None:
    """Fill the table from the deliveries of an older version, which had one high-water mark a feed.

    The first delivery of a feed vouches for all days before. A later one vouches from where the feed was
    complete, if it goes on by no more than a period or than such deliveries usually do (`_USUAL_STEP`), else
    for the last period that it reaches.
    """
    sql = """
        SELECT feed, delivery_id, received_at, complete_through
        FROM registry.delivery
        WHERE complete_through IS NOT NULL
        ORDER BY feed, received_at, delivery_id
        """
    progress: dict[str, list[tuple[dt.date, int, dt.datetime]]] = {}
    for feed, delivery_id, at, through in engine.rows(sql):
        day = min(through, at.date())
        if feed not in progress or day > progress[feed][-1][0]:
            progress.setdefault(feed, []).append((day, delivery_id, at))
    rows = [
        (feed, None, since, day, True, delivery_id, at)
        for feed, deliveries in progress.items()
        for since, (day, delivery_id, at) in zip(
            _begun([day for day, _, _ in deliveries], feeds.get(feed)), deliveries, strict=True
        )
    ]
    _insert(engine, rows)


def _begun(days: Sequence[dt.date], feed: Feed | None) -> Iterator[dt.date]:
    """From which day each delivery of an older version vouches, by the days that they reach."""
    yield EVER
    steps = [(b - a).days for a, b in pairwise(days)]
    usual = median_low(steps) * _USUAL_STEP if steps else 0
    for before, day in pairwise(days):
        begun = periods.start(feed.cadence, day) if feed else EVER
        near = begun <= before + _DAY or (day - before).days <= usual
        yield min(begun, before + _DAY) if near else begun


_SCHEMA = pa.schema(
    [
        ("feed", pa.string()),
        ("part", pa.string()),
        ("since", pa.date32()),
        ("through", pa.date32()),
        ("stated", pa.bool_()),
        ("delivery_id", pa.int32()),
        ("known_from", pa.timestamp("us")),
    ]
)


def _insert(engine: Engine, rows: Iterable[tuple[object, ...]]) -> None:
    listed = list(rows)
    if not listed:
        return
    columns = [pa.array(values, f.type) for values, f in zip(zip(*listed, strict=True), _SCHEMA, strict=True)]
    with engine.register("periods_vouched", pa.table(columns, schema=_SCHEMA)):
        engine.execute(f"INSERT INTO {TABLE} SELECT *, 'infinity'::TIMESTAMP FROM periods_vouched")
