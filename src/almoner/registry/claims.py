"""Which days a delivery claims to complete: what it states, and the periods that its rows fill.

A single row of another period, mistyped or late, fills no period: its rows must be at least `_BULK` of the
usual number. Days after the receipt are never claimed.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from almoner.engines.base import Engine, quote
from almoner.intake.formats import date_format
from almoner.policy.model.feeds import Feed
from almoner.registry import completeness, periods
from almoner.registry.completeness import CompleteDays
from almoner.registry.heads import DeliveryHead
from almoner.registry.periods import EVER

_BULK = (
    0.35  # of the rows that the period of a delivery's median row has: below two of six, above one of three
)
_FEW = 5  # rows expected on days before a file's first row; with fewer, silence there says nothing
_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Filled:
    """The rows of one delivery in one period: how many, and the last day that one of them has."""

    rows: int
    last: dt.date


Rows = Mapping[dt.date, Filled]  # by the first day of the period


@dataclass(frozen=True)
class Claim:
    """The spans that a delivery would complete, by part, where it adds a day to what is complete.

    `through`: the last day that it states, or that follows from its rows; None where neither does.
    """

    through: dt.date | None = None
    stated: bool = False
    spans: tuple[tuple[str | None, CompleteDays], ...] = field(default=())

    @property
    def adds(self) -> bool:
        return bool(self.spans)


def claim(engine: Engine, head: DeliveryHead, matched: str | None) -> Claim:
    """What a delivery of which the good rows are in `matched` claims; None: it has no rows."""
    feed, stated = head.feed, head.complete_through
    if stated is None and not head.moves_watermark:
        return Claim()
    by_part = _rows(engine, feed, matched, head.received_at.date()) if matched and not head.withdraws else {}
    known = completeness.runs(engine, feed=feed.id).get(feed.id, {})
    parts = list(by_part) or ([None] if feed.complete_by is None or stated else [])
    spans: list[tuple[str | None, CompleteDays]] = []
    through: dt.date | None = stated
    for part in parts:
        found = _spans(head, by_part.get(part, {}), known.get(part, ()), _was_stated(engine, feed, part))
        if stated is None and found:
            through = max(through or found[-1].through, found[-1].through)
        spans += [(part, span) for span in found if not completeness.covers(known.get(part, ()), span)]
    return Claim(through, stated is not None, tuple(spans))


def _rows(engine: Engine, feed: Feed, matched: str, latest: dt.date) -> dict[str | None, Rows]:
    """The rows by part and period, without those of days after `latest`."""
    time = feed.event_time
    if time is None:
        found = int(engine.value(f"SELECT count(*) FROM {matched}"))
        return {None: {periods.start(feed.cadence, latest): Filled(found, latest)}} if found else {}
    column, cadence = quote(time.name), "monthly" if feed.cadence == "on_event" else feed.cadence
    part = f"{quote(feed.complete_by)}::VARCHAR" if feed.complete_by else "NULL::VARCHAR"
    rows = engine.rows(
        f"""
        SELECT {part}, {periods.truncated(cadence, column)}, count(*), max({column})::DATE
        FROM {matched}
        WHERE {column}::DATE <= $latest
        GROUP BY ALL
        """,
        {"latest": latest},
    )
    monthly = time.format is not None and date_format(time.format).monthly
    found_rows: dict[str | None, dict[dt.date, Filled]] = defaultdict(dict)
    for name, period, count, last in rows:
        day = periods.end("monthly", last) if monthly else last
        found_rows[name][period] = Filled(count, min(day, latest))
    return dict(found_rows)


def _spans(
    head: DeliveryHead, rows: Rows, runs: Sequence[CompleteDays], previous_stated: bool
) -> list[CompleteDays]:
    """The days of one part that the delivery claims, in order."""
    feed = head.feed
    bulk = bulk_of(rows)
    through = head.complete_through or (rows[bulk[-1]].last if bulk else None)
    if through is None:
        return []
    through = min(through, head.received_at.date())
    if head.complete_since is not None:
        since = periods.start(feed.cadence, head.complete_since)
    elif feed.cadence == "on_event" or feed.membership or feed.shared:
        since = EVER
    elif not runs:
        since = _first_of_all(feed, rows, bulk)
    elif head.ordered and through > runs[-1].through:  # a stream says that all before has been sent
        since = runs[-1].through + _DAY
    else:
        return _later(feed, rows, through, runs[-1].through, previous_stated)
    return [CompleteDays(min(since, through), through)]


def bulk_of(rows: Rows) -> list[dt.date]:
    """The periods, in order, that have a usual number of the rows."""
    if not rows:
        return []
    counts = sorted(filled.rows for filled in rows.values())
    half, seen, usual = sum(counts) / 2, 0, counts[-1]
    for count in counts:
        seen += count
        if seen >= half:
            usual = count
            break
    return sorted(period for period, filled in rows.items() if filled.rows >= _BULK * usual)


def _first_of_all(feed: Feed, rows: Rows, bulk: Sequence[dt.date]) -> dt.date:
    """From when a feed's first delivery is complete.

    From its first period of usual volume where each period has rows; else it says nothing of when the records
    began, and they are taken as whole.
    """
    if not bulk:
        return EVER
    regular = feed.event_time is not None and feed.event_time.key
    dense = max(filled.rows for filled in rows.values()) >= feed.volume_rows
    return bulk[0] if regular or dense else EVER


def _later(
    feed: Feed, rows: Rows, through: dt.date, reached: dt.date, previous_stated: bool
) -> list[CompleteDays]:
    """What a later delivery completes: earlier periods that it fills, and those after `reached`, which is the
    watermark before it."""
    bulk = bulk_of(rows)
    earlier = [p for p in bulk if periods.end(feed.cadence, p) <= reached]
    spans = list(completeness.joined(CompleteDays(p, periods.end(feed.cadence, p)) for p in earlier))
    later = bulk[len(earlier) :]
    if later or through > reached or not bulk:
        begun = later[0] if later else periods.start(feed.cadence, through)
        if begun > reached + _DAY and _goes_on(feed, rows, begun, through, reached, previous_stated):
            begun = reached + _DAY
        spans.append(CompleteDays(begun, max(begun, through)))
    return spans


def _goes_on(
    feed: Feed, rows: Rows, begun: dt.date, through: dt.date, reached: dt.date, previous_stated: bool
) -> bool:
    """Whether days between the watermark and a file's first row say nothing.

    The delivery before may have ended with the last day that had a row, and a feed by the day may have none
    on some days.
    """
    if not previous_stated and begun <= periods.following(feed.cadence, reached):
        return True
    return feed.cadence == "daily" and _expected(rows, reached + _DAY, begun, through) < _FEW


def _expected(rows: Rows, following: dt.date, begun: dt.date, through: dt.date) -> float:
    """How many rows the days before the first row would have if they were as the days after it."""
    total = sum(filled.rows for filled in rows.values())
    return total * (begun - following).days / max(1, (through - begun).days + 1)


def _was_stated(engine: Engine, feed: Feed, part: str | None) -> bool:
    """Whether the last day of the latest span was stated, and did not follow from rows."""
    sql = f"""
        SELECT stated
        FROM {completeness.TABLE}
        WHERE feed = $feed AND part IS NOT DISTINCT FROM $part AND known_to = 'infinity'::TIMESTAMP
        ORDER BY through DESC, stated DESC
        LIMIT 1
        """
    return engine.value(sql, {"feed": feed.id, "part": part}) is not False
