"""What is missing of feeds: periods that never came, and parts that are behind."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

Behind = Mapping[str, frozenset[str]]  # by feed, its parts that are not complete like the others


@dataclass(frozen=True)
class Gap:
    """Days of a feed that nobody said are complete, both ends included, between days that are.

    `part`: the area or supplier that they are missing from; None: the whole feed. `households`: for how many
    a signal that reads the feed is unknown.
    """

    feed: str
    part: str | None
    since: dt.date
    through: dt.date
    households: int
