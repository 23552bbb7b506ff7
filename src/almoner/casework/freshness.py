"""How late a feed is, by its own rhythm."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from almoner.casework import words
from almoner.casework.models import Cadence, FeedState

LATE_AFTER = {  # days from the last complete day to the time when the next delivery should have been there
    Cadence.DAILY: 2,
    Cadence.WEEKLY: 9,
    Cadence.MONTHLY: 41,
    Cadence.YEARLY: 400,
}


@dataclass(frozen=True)
class Freshness:
    """A feed and its state: `tone` is over (late), none (never delivered, or no rhythm to be late by) or calm."""

    feed: FeedState
    label: str
    days: int | None
    tone: str

    @property
    def is_late(self) -> bool:
        return self.tone == "over"


def freshness(feed: FeedState, today: dt.date) -> Freshness:
    label = words.in_language(feed.label)
    if feed.complete_through is None:
        return Freshness(feed, label, None, "none")
    days = (today - feed.complete_through).days
    allowed = LATE_AFTER.get(Cadence(feed.cadence))
    late = allowed is not None and days > allowed
    return Freshness(feed, label, max(days, 0), "over" if late else "calm")


def late_feeds(today: dt.date) -> list[Freshness]:
    """The latest first."""
    found = [freshness(feed, today) for feed in FeedState.objects.exclude(sharing_class="not-shared")]
    return sorted((one for one in found if one.is_late), key=lambda one: -(one.days or 0))
