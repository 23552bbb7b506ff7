"""Rows and withdrawals of a slice, in as few runs as their order allows.

Each run costs about as much as a small file. Events of different persons may change places where the
person is part of the feed's key: no row of one is ever named by the other. So a slice needs as many runs
as one person's events change from rows to withdrawals and back, and not as many as all of them do.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby

from almoner.policy.model.pack import Feed, Property, Role
from almoner.registry.numbers import check_numbers
from almoner.stream.inbox import WaitingEvent


def in_runs(feed: Feed, events: Sequence[WaitingEvent]) -> Iterator[list[WaitingEvent]]:
    """Runs of rows and of withdrawals; taken in one after the other they do what the events do in their
    order."""
    if len({e.withdrawn for e in events}) < 2:
        yield list(events)
        return
    of = feed.with_role(Role.RESIDENT_ID)
    if of is None or of not in feed.key:
        yield from (list(run) for _, run in groupby(events, key=lambda e: e.withdrawn))
        return
    turns: dict[
        str, int
    ] = {}  # by person, the run of the last event: rows in even ones, withdrawals in odd ones
    runs: dict[int, list[WaitingEvent]] = {}
    for event, who in zip(events, _persons(events, of), strict=True):
        last = turns.get(who, 0)
        turns[who] = last if last % 2 == event.withdrawn else last + 1
        runs.setdefault(turns[who], []).append(event)
    yield from (runs[turn] for turn in sorted(runs))


def _persons(events: Sequence[WaitingEvent], of: Property) -> list[str]:
    """Each event's number as the intake would read it, without all that spellings of one number may differ
    by."""
    numbers = [_number(event, of.name) for event in events]
    canonical = {v.number: v.canonical for v in check_numbers(of.identifier, sorted(set(numbers)))}
    return [_plain(canonical.get(number, number)) for number in numbers]


def _number(event: WaitingEvent, name: str) -> str:
    try:
        return str(json.loads(event.data or "{}").get(name)).strip()
    except (ValueError, AttributeError):
        return ""


def _plain(number: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKC", number).casefold() if c.isalnum())
