"""What casework shows of each feed: what it is complete for, and what waits for a person."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from itertools import groupby
from typing import Any

from almoner.engines import Engine
from almoner.registry import overview, withdrawals
from almoner.registry.overview import FeedOverview
from almoner.registry.periods import EVER
from almoner.registry.vouching import WaitingClaim

Found = dict[str, dict[str, list[dict[str, Any]]]]  # by feed: complete, waiting, lists_waiting


def of_feeds(engine: Engine) -> Found:
    """By feed, what `FeedState` of casework keeps, with dates as ISO texts."""
    parts: dict[str, list[FeedOverview]] = defaultdict(list)
    for one in overview.of_feeds(engine):
        parts[one.feed].append(one)
    lists = sorted(withdrawals.waiting(engine), key=lambda w: (w.feed, w.delivery_id))
    by_feed: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for (feed, delivery), rows in groupby(lists, key=lambda w: (w.feed, w.delivery_id)):
        all_of_it = list(rows)
        by_feed[feed].append(
            {"delivery": delivery, "file": all_of_it[0].file, "rows": sum(w.rows for w in all_of_it)}
        )
    return {
        feed: {
            "complete": [_complete(one) for one in found if one.through],
            "waiting": _waiting(claim for one in found for claim in one.waiting),
            "lists_waiting": by_feed[feed],
        }
        for feed, found in parts.items()
    }


def _complete(one: FeedOverview) -> dict[str, Any]:
    return {
        "part": one.part,
        "since": None if one.since == EVER else _day(one.since),
        "through": _day(one.through),
        "delivery": one.delivery_id,
        "file": one.file,
        "never_came": [[_day(hole.since), _day(hole.through)] for hole in one.holes],
    }


def _waiting(claims: Iterable[WaitingClaim]) -> list[dict[str, Any]]:
    """One entry a delivery, whatever the number of its parts."""
    by_delivery: dict[int, list[WaitingClaim]] = defaultdict(list)
    for claim in claims:
        by_delivery[claim.delivery_id].append(claim)
    found = []
    for delivery, of_it in sorted(by_delivery.items()):
        since = min(claim.days.since for claim in of_it)
        reasons = dict.fromkeys(doubt for claim in of_it for doubt in claim.doubts)
        found.append(
            {
                "delivery": delivery,
                "file": of_it[0].file,
                "parts": sorted({claim.part for claim in of_it if claim.part is not None}),
                "since": None if since == EVER else _day(since),
                "through": _day(max(claim.days.through for claim in of_it)),
                "reasons": [
                    {
                        "rule": doubt.rule,
                        "found": doubt.found,
                        "expected": doubt.expected,
                        "period": _day(doubt.period),
                    }
                    for doubt in reasons
                ],
            }
        )
    return found


def _day(day: dt.date | None) -> str | None:
    return day.isoformat() if day else None
