"""Tells whether two events with one name are the same event: by their content.

The name is made of department, feed, source and id, so no department can take that of another's event.

A sender may count from 1 again after a restart. Taking its new events for repetitions would lose them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from almoner.errors import AlmonerError
from almoner.registry.vault import Vault
from almoner.stream.events import Event

# No number of a person can begin like these: control characters are refused.
INDEX_PREFIX = "event name\x1f"
OLDER_PREFIX = "event\x1f"  # of names that were made of source and id only
CONTENT_PREFIX = "event content\x1f"
INDEX_BYTES = 16
LARGEST_WHOLE = 2.0**53  # up to here a float is exactly one whole number


class EventsDiffer(AlmonerError):  # noqa: N818 - a state, no fault of ours
    """Events have the name of an earlier event, but other content; nothing of the call was stored.

    `places` are their places in the call.
    """

    def __init__(self, places: Sequence[int]) -> None:
        super().__init__("An event has the feed, source and id of an earlier one, but other content.")
        self.places = tuple(places)


@dataclass
class Sorted:
    """The places of events in a call: those that are `fresh`, and those that `differ` from an earlier one of
    their name. All others are repetitions."""

    fresh: list[int] = field(default_factory=list)
    differ: list[int] = field(default_factory=list)


def names_of(vault: Vault, events: Sequence[Event]) -> list[bytes]:
    """The blind index of each event's department, feed, source and id.

    Each is preceded by its length in characters, so that no other four give the same text.
    """
    parts = ((e.department, e.feed, e.source, e.id) for e in events)
    texts = ("".join(f"{len(part)}:{part}" for part in each) for each in parts)
    return [vault.index(f"{INDEX_PREFIX}{text}", INDEX_BYTES) for text in texts]


def older_names_of(vault: Vault, events: Sequence[Event]) -> list[bytes]:
    """The names as older versions made them: the blind index of source and id."""
    return [vault.index(f"{OLDER_PREFIX}{e.source}\x1f{e.id}", INDEX_BYTES) for e in events]


def digests_of(vault: Vault, events: Sequence[Event]) -> list[bytes]:
    """The blind index of each event's content: feed, row or withdrawal, and how far it completes the feed.

    The order of keys, spaces and the spelling of a number (1, 1.0, 1e0) are no content.
    """
    return [vault.index(f"{CONTENT_PREFIX}{_content(e)}", INDEX_BYTES) for e in events]


def sort(names: Sequence[bytes], digests: Sequence[bytes], known: Mapping[bytes, bytes | None]) -> Sorted:
    """Sort the events of a call by what is `known`: name and digest of earlier events, the digest None where
    it was not kept yet."""
    seen, found = dict(known), Sorted()
    for place, (name, digest) in enumerate(zip(names, digests, strict=True)):
        if name not in seen:
            seen[name] = digest
            found.fresh.append(place)
        elif (earlier := seen[name]) is not None and earlier != digest:
            found.differ.append(place)
    return found


def _content(event: Event) -> str:
    through = event.complete_through.isoformat() if event.complete_through else ""
    return f"{event.feed}\x1f{int(event.withdrawn)}\x1f{through}\x1f{_canonical(event.data)}"


def _canonical(data: str | None) -> str:
    if data is None:
        return ""
    try:
        return _ENCODER.encode(_DECODER.decode(data))
    except (ValueError, RecursionError):
        return data


def _number(text: str) -> float | int:
    number = float(text)
    return int(number) if number.is_integer() and abs(number) <= LARGEST_WHOLE else number


_DECODER = json.JSONDecoder(parse_float=_number)  # `json.loads` with a hook makes one for each text
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
