"""What each feed is complete for: since when, through which day, by which delivery, and what waits."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from almoner.engines.base import Engine
from almoner.registry import completeness, remarks, trail, vouching
from almoner.registry.completeness import CompleteDays
from almoner.registry.trail import TrailStep
from almoner.registry.vouching import WaitingClaim


@dataclass(frozen=True, kw_only=True)
class FeedOverview:
    """One feed, or one part of it where its contract says `completeBy`.

    `since` to `through` is the unbroken run of complete days that ends last, by the delivery that reached it.
    """

    feed: str
    part: str | None = None
    since: dt.date | None = None
    through: dt.date | None = None
    delivery_id: int | None = None
    file: str | None = None
    received_at: dt.datetime | None = None
    holes: tuple[CompleteDays, ...] = ()
    waiting: tuple[WaitingClaim, ...] = ()
    trail: tuple[TrailStep, ...] = ()
    remarks: tuple[str, ...] = ()  # on people in its last delivery


def of_feeds(engine: Engine) -> list[FeedOverview]:
    """All feeds that ever had a delivery, in order, with their parts."""
    runs, waits, steps = completeness.runs(engine), vouching.waiting(engine), trail.steps(engine)
    odd = remarks.of_feeds(engine)
    reached = {(feed, part): found for feed, part, *found in engine.rows(_REACHED)}
    names = [feed for (feed,) in engine.rows("SELECT DISTINCT feed FROM registry.delivery ORDER BY feed")]
    found: list[FeedOverview] = []
    for feed in names:
        parts = runs.get(feed, {})
        missing = {claim.part for claim in waits if claim.feed == feed} - parts.keys()
        for part in sorted({*parts, *missing} or {None}, key=str):
            days = parts.get(part, ())
            delivery_id, file, received_at = reached.get((feed, part), (None, None, None))
            found.append(
                FeedOverview(
                    feed=feed,
                    part=part,
                    since=days[-1].since if days else None,
                    through=days[-1].through if days else None,
                    delivery_id=delivery_id,
                    file=file,
                    received_at=received_at,
                    holes=completeness.holes(days),
                    waiting=tuple(c for c in waits if (c.feed, c.part) == (feed, part)),
                    trail=tuple(step for step in steps if step.feed == feed),
                    remarks=odd.get(feed, ()),
                )
            )
    return found


def freshness(engine: Engine) -> list[tuple[str, dt.date | None, dt.datetime | None, int, int]]:
    """By feed: the last complete day, the latest delivery, and the rows read and quarantined."""
    rows = engine.rows(
        """
        SELECT feed, max(received_at), sum(rows_read)::BIGINT, sum(rows_quarantined)::BIGINT
        FROM registry.delivery
        GROUP BY feed
        ORDER BY feed
        """
    )
    through = completeness.watermarks(engine)
    return [(feed, through.get(feed), at, read, held) for feed, at, read, held in rows]


_REACHED = f"""
    SELECT c.feed, c.part, c.delivery_id, d.file, d.received_at
    FROM {completeness.TABLE} c
    LEFT JOIN registry.delivery d USING (delivery_id)
    WHERE c.known_to = 'infinity'::TIMESTAMP
    QUALIFY row_number() OVER (PARTITION BY c.feed, c.part ORDER BY c.through DESC, c.delivery_id) = 1
    """
