"""Splits a slice into runs of rows and of withdrawals, as few as the order of its events allows.

Each run costs about as much as a small file. Where the person is part of the feed's key, events of different
persons concern different rows, so their order may change. A slice then needs only as many runs as the events
of one person alternate between rows and withdrawals.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby

from almoner.intake.spelling import respell
from almoner.policy.model.feeds import Feed, Property, Role
from almoner.registry.numbers import check_numbers
from almoner.stream.inbox import WaitingEvent


def in_runs(feed: Feed, events: Sequence[WaitingEvent]) -> Iterator[list[WaitingEvent]]:
    """Gives runs of rows and of withdrawals that have the effect of the events in their order."""
    if len({e.withdrawn for e in events}) < 2:
        yield list(events)
        return
    number_property = feed.with_role(Role.RESIDENT_ID)
    if number_property is None or number_property not in feed.key:
        yield from (list(run) for _, run in groupby(events, key=lambda e: e.withdrawn))
        return
    # by person, the run of the last event: rows are in even runs, withdrawals in odd ones
    run_of: dict[str, int] = {}
    runs: dict[int, list[WaitingEvent]] = {}
    for event, person in zip(events, _persons(events, number_property), strict=True):
        last = run_of.get(person, 0)
        run_of[person] = last if last % 2 == event.withdrawn else last + 1
        runs.setdefault(run_of[person], []).append(event)
    yield from (runs[number] for number in sorted(runs))


def _persons(events: Sequence[WaitingEvent], number_property: Property) -> list[str]:
    """The number of each event as the intake would read it, in one spelling."""
    numbers = [_number(event, number_property.name) for event in events]
    canonical = {
        v.number: v.canonical for v in check_numbers(number_property.identifier, sorted(set(numbers)))
    }
    return [_plain(canonical.get(number, number)) for number in numbers]


def _number(event: WaitingEvent, name: str) -> str:
    try:
        number = json.loads(event.data or "{}", parse_float=str).get(name)
        return respell(str(number), capitals=True)
    except (ValueError, AttributeError):
        return ""


def _plain(number: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKC", number).casefold() if c.isalnum())
