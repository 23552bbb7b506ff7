"""How late a feed is, compared with its contract."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from almoner.casework.core import words
from almoner.casework.models import FeedState


@dataclass(frozen=True)
class Freshness:
    """A feed and its state: `tone` is over (late), none (never delivered) or calm."""

    feed: FeedState
    label: str
    days: int | None
    tone: str

    @property
    def is_late(self) -> bool:
        return self.tone == "over"


def freshness(feed: FeedState, today: dt.date) -> Freshness:
    """The state of a feed on `today`."""
    label = words.in_language(feed.label)
    if feed.complete_through is None:
        return Freshness(feed, label, None, "none")
    days = (today - feed.complete_through).days
    late = feed.late_after_days is not None and days > feed.late_after_days
    return Freshness(feed, label, max(days, 0), "over" if late else "calm")


def late_feeds(today: dt.date) -> list[Freshness]:
    """The feeds that are late, those with the oldest data first."""
    found = [
        freshness(feed, today)
        for feed in FeedState.objects.exclude(sharing_class="not-shared").defer("fields")
    ]
    return sorted((one for one in found if one.is_late), key=lambda one: -(one.days or 0))
