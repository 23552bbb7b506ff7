"""Orders feeds by urgency: by the signals that rest on them, and by how often they come."""

from __future__ import annotations

import datetime as dt

from almoner.assessment.rules import signal_conditions
from almoner.policy.model.pack import Pack, Signal
from almoner.policy.model.terms import Term

URGENT = Term(3, "working_days")  # a check within that time cannot wait for a bulk feed
NOBODY_WAITS = float("inf")
_CADENCES = ("on_event", "daily", "weekly", "monthly", "yearly")
_OFTEN = ("on_event", "daily")


def urgent_feeds(pack: Pack, day: dt.date) -> frozenset[str]:
    """Ids of the feeds that come by event or by day and that a signal with a short term rests on, as of
    `day`. All others come in bulk."""
    hours, most = hours_by_feed(pack, day), pack.terms.nominal_hours(URGENT, day)
    return frozenset(f.id for f in pack.feeds.values() if f.cadence in _OFTEN and hours[f.id] <= most)


def in_order(pack: Pack, day: dt.date) -> list[str]:
    """Ids of all feeds, the most urgent first."""
    urgent, hours = urgent_feeds(pack, day), hours_by_feed(pack, day)
    return sorted(
        pack.feeds, key=lambda f: (f not in urgent, hours[f], _CADENCES.index(pack.feeds[f].cadence), f)
    )


def hours_by_feed(pack: Pack, day: dt.date) -> dict[str, float]:
    """By feed, the shortest time (in hours) that a signal resting on it allows for a check; infinite where
    no signal does.

    The register and shared feeds are under every signal, so they count as urgent for none.
    """
    hours = dict.fromkeys(pack.feeds, NOBODY_WAITS)
    for signal in pack.signals.values():
        allowed = min(pack.terms.nominal_hours(level.within, day) for level in signal.levels)
        for feed in feeds_of(pack, signal):
            hours[feed] = min(hours[feed], allowed)
    never_urgent = {f.id: NOBODY_WAITS for f in pack.feeds.values() if f.membership or f.shared}
    return hours | never_urgent


def feeds_of(pack: Pack, signal: Signal) -> set[str]:
    """The feeds that a signal's conditions rest on."""
    names = {c for condition in signal_conditions(signal) for c in condition.columns}
    return {feed for name in names for feed in pack.column(name)[1].feeds}
