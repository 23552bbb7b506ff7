"""Whether a delivery is whole enough to vouch for the days that it claims.

Too many rows held back, another number of rows than was stated, a part that was not read, or a period with
far fewer rows than usual: then it is taken in, vouches for nothing, and says why.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from almoner.engines.base import Engine, quote
from almoner.errors import DeliveryRefused
from almoner.policy.model.feeds import Feed
from almoner.registry import completeness, periods
from almoner.registry.completeness import CompleteDays
from almoner.registry.doubts import Doubt
from almoner.registry.heads import DeliveryHead
from almoner.registry.periods import Cadence
from almoner.registry.schema import fact_table

FEWEST_PERIODS = 3  # complete ones before; with fewer nobody knows what is usual
_COMPARED: dict[Cadence, int] = {"daily": 28, "weekly": 26, "monthly": 12, "yearly": 5}  # periods before
_SEASONS: dict[Cadence, tuple[int, ...]] = {"daily": (7, 14), "weekly": (52,), "monthly": (12,)}  # back


def refuse_other_file(name: str, stated: str | None, digest: str) -> None:
    """Raise DeliveryRefused for a file that has another SHA-256 than was stated."""
    wanted = (stated or "").strip().lower()
    if wanted and wanted != digest:
        raise DeliveryRefused(
            f"{name} is not the file that was sent: its SHA-256 begins with {digest[:12]}, the stated one"
            f" with {wanted[:12]}. Send it again."
        )


def refuse_days_to_come(name: str, through: dt.date | None, received: dt.date) -> None:
    """Raise DeliveryRefused for a file that is stated to be complete beyond the day of its receipt."""
    if through is not None and through > received:
        raise DeliveryRefused(
            f"{name} is stated to be complete through {through}, but it was received on {received}: nobody"
            " knows days to come. Correct the day and send it again."
        )


def of_delivery(engine: Engine, head: DeliveryHead, read: int, held_back: int) -> list[Doubt]:
    """Why the delivery as a whole is not believed; `read` and `held_back` count its rows."""
    found: list[Doubt] = []
    if head.unread:
        found.append(Doubt("unread"))
    if head.ordered:
        read, held_back = _since_last(engine, head.feed, read, held_back)
    if held_back > head.feed.held_back_share * read:
        found.append(Doubt("held_back", held_back, read))
    found += _counted(head, read)
    return found


def is_miscounted(head: DeliveryHead, read: int) -> bool:
    """Whether the file has another number of rows than it should have."""
    return any(_counted(head, read))


def _counted(head: DeliveryHead, read: int) -> Iterator[Doubt]:
    if head.rows_stated is not None and head.rows_stated != read:
        yield Doubt("row_count", read, head.rows_stated)
    elif head.totals is not None and (
        not head.totals.at_end or (_says_rows(head) and head.totals.rows is None)
    ):
        yield Doubt("trailer")
    elif head.totals is not None and head.totals.rows not in (None, read):
        yield Doubt("row_count", read, head.totals.rows or 0)
    elif not head.ordered:
        yield from _by_contract(head.feed, read)


def _says_rows(head: DeliveryHead) -> bool:
    return head.feed.trailer is not None and head.feed.trailer.rows is not None


def _by_contract(feed: Feed, read: int) -> Iterator[Doubt]:
    least, most = feed.row_count
    if least is not None and read < least:
        yield Doubt("row_count", read, least)
    if most is not None and read > most:
        yield Doubt("row_count", read, most)


def _since_last(engine: Engine, feed: Feed, read: int, held_back: int) -> tuple[int, int]:
    """Rows of a stream since its feed was last vouched for, with those of this slice. One bad row is a
    large share of a slice."""
    last = f"""
        SELECT coalesce(max(delivery_id), 0) FROM {completeness.TABLE} WHERE feed = $feed
        """
    before = engine.value(
        f"SELECT sum(rows_read)::BIGINT FROM registry.delivery WHERE feed = $feed AND delivery_id > ({last})",
        {"feed": feed.id},
    )
    still = engine.value(
        f"""
        SELECT count(*)
        FROM registry.quarantine
        WHERE feed = $feed AND state = 'open' AND delivery_id > ({last})
        """,
        {"feed": feed.id},
    )
    return read + (before or 0), held_back + (still or 0)


def of_days(engine: Engine, feed: Feed, part: str | None, days: CompleteDays) -> Iterator[Doubt]:
    """Periods that would become complete with far fewer rows than usual; the facts have the new rows."""
    if feed.volume_share <= 0 or feed.event_time is None or feed.membership or feed.shared:
        return
    cadence: Cadence = "monthly" if feed.cadence == "on_event" else feed.cadence
    known = completeness.runs(engine, feed=feed.id).get(feed.id, {}).get(part, ())
    if not known:
        return
    latest = days.through
    earliest = _back(cadence, latest, 2 * max(_COMPARED[cadence], 14))
    claimed = [
        period
        for period in periods.between(cadence, max(days.since, earliest), latest)
        if not completeness.covers(known, CompleteDays(period, periods.end(cadence, period)))
    ]
    if not claimed:
        return
    counts = _counts(engine, feed, part, cadence, _back(cadence, claimed[0], _reach(cadence)), latest)
    for period in claimed:
        usual = _usual(cadence, period, known, counts)
        rows = counts.get(period, 0)
        if usual is not None and usual >= feed.volume_rows and rows < feed.volume_share * usual:
            yield Doubt("volume", rows, round(usual), period)


def _usual(
    cadence: Cadence,
    period: dt.date,
    known: Sequence[CompleteDays],
    counts: Mapping[dt.date, int],
) -> float | None:
    """The usual rows of a period: the median of the complete ones before; fewer, where its season had."""
    first = min(counts, default=period)

    def complete(one: dt.date) -> bool:
        return one >= first and completeness.covers(known, CompleteDays(one, periods.end(cadence, one)))

    before = [_back(cadence, period, n) for n in range(1, _COMPARED[cadence] + 1)]
    rows = [counts.get(one, 0) for one in before if complete(one)]
    if len(rows) < FEWEST_PERIODS:
        return None
    seasons = [_back(cadence, period, n) for n in _SEASONS.get(cadence, ())]
    return min([median(rows), *(counts.get(one, 0) for one in seasons if complete(one))])


def _counts(
    engine: Engine, feed: Feed, part: str | None, cadence: Cadence, since: dt.date, through: dt.date
) -> dict[dt.date, int]:
    """The present facts by period."""
    if feed.event_time is None:
        return {}
    column = quote(feed.event_time.name)
    only = f" AND {quote(feed.complete_by)}::VARCHAR = $part" if feed.complete_by and part else ""
    rows = engine.rows(
        f"""
        SELECT {periods.truncated(cadence, column)}, count(*)
        FROM {fact_table(feed)}
        WHERE known_to = 'infinity'::TIMESTAMP AND {column} >= $since AND {column}::DATE <= $through{only}
        GROUP BY ALL
        """,
        {"since": since, "through": through} | ({"part": part} if only else {}),
    )
    return dict(rows)


def _reach(cadence: Cadence) -> int:
    return max(_COMPARED[cadence], *_SEASONS.get(cadence, (0,)))


def _back(cadence: Cadence, day: dt.date, count: int) -> dt.date:
    """The first day of the period that lies `count` periods before."""
    first = periods.start(cadence, day)
    for _ in range(count):
        first = periods.previous(cadence, first)
    return first
