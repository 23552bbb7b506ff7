"""Which feeds cannot wait: read off the pack, by the signals that rest on them and by how often they come."""

from __future__ import annotations

from almoner.assessment.rules import signal_conditions
from almoner.policy.model.pack import Pack, Signal
from almoner.policy.model.terms import Term

URGENT_HOURS = 72.0
NOBODY_WAITS = float("inf")
_CADENCES = ("on_event", "daily", "weekly", "monthly", "yearly")
_OFTEN = ("on_event", "daily")
_HOURS = {"hours": 1.0, "days": 24.0, "working_days": 24.0}


def urgent_feeds(pack: Pack) -> frozenset[str]:
    """Feeds that come by event or by day and that a signal with a short term rests on. All others come in
    bulk."""
    hours = hours_by_feed(pack)
    return frozenset(f.id for f in pack.feeds.values() if f.cadence in _OFTEN and hours[f.id] <= URGENT_HOURS)


def in_order(pack: Pack) -> list[str]:
    """All feeds, those first that can wait least."""
    urgent, hours = urgent_feeds(pack), hours_by_feed(pack)
    return sorted(
        pack.feeds, key=lambda f: (f not in urgent, hours[f], _CADENCES.index(pack.feeds[f].cadence), f)
    )


def hours_by_feed(pack: Pack) -> dict[str, float]:
    """By feed, the shortest time (in hours) that a signal resting on it allows for a check; infinite where
    no signal does.

    The register and shared feeds are under every signal and hurry for none.
    """
    found = dict.fromkeys(pack.feeds, NOBODY_WAITS)
    for signal in pack.signals.values():
        allowed = _shortest(signal)
        for feed in feeds_of(pack, signal):
            found[feed] = min(found[feed], allowed)
    apart = {f.id: NOBODY_WAITS for f in pack.feeds.values() if f.membership or f.shared}
    return found | apart


def feeds_of(pack: Pack, signal: Signal) -> set[str]:
    """The feeds that a signal's conditions rest on."""
    names = {c for condition in signal_conditions(signal) for c in condition.columns}
    return {feed for name in names for feed in pack.column(name)[1].feeds}


def _shortest(signal: Signal) -> float:
    return min(_nominal(level.within) for level in signal.levels)


def _nominal(term: Term) -> float:
    return term.amount * _HOURS[term.unit]
