"""How far feeds are complete, as parameters of an indicator's SQL.

`:FEED_through` is the last day that the feed is complete for, never after `:as_of`; `:FEED_month` is the
first day of the last month that is complete by then. `:FEED_since` is the first day of the unbroken run of
complete periods that ends there: a period that never came is a hole, and the run begins behind it.
`:FEED_unbroken` says whether there is no hole at all since the feed's first delivery; it is for registers,
whose entries last. All are unknown for a feed that was never delivered. They are constants to the engine, so
it skips the rows outside a window.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_THROUGH, _MONTH, _SINCE, _UNBROKEN = "_through", "_month", "_since", "_unbroken"
_ENDS = (_THROUGH, _MONTH)
_BEGINS = (_SINCE, _UNBROKEN)


@dataclass(frozen=True)
class Run:
    """The unbroken run of complete periods that ends at a feed's watermark.

    `since` and `through` are its first and last day; both None: never delivered. `unbroken`: no period is
    missing before it.
    """

    since: dt.date | None = None
    through: dt.date | None = None
    unbroken: bool = True


def names(feeds: Iterable[str]) -> dict[str, str]:
    """By parameter, such as `wages_through`, the feed that it is about."""
    return {f"{feed}{ending}": feed for feed in feeds for ending in (*_ENDS, *_BEGINS)}


def unlimited(parameters: Iterable[str], feeds: Iterable[str]) -> dict[str, str]:
    """Feeds of which `parameters` read the end of a run and not its beginning, with the parameter read."""
    read = frozenset(parameters)
    found: dict[str, str] = {}
    for feed in feeds:
        ends = [feed + ending for ending in _ENDS if feed + ending in read]
        if ends and not any(feed + ending in read for ending in _BEGINS):
            found[feed] = ends[0]
    return found


def typed(sql: str, names: Iterable[str]) -> str:
    """The statement with each parameter cast to its type, for the engine takes a bare NULL for a number."""
    for name in names:
        kind = "BOOLEAN" if name.endswith(_UNBROKEN) else "DATE"
        sql = re.sub(rf"\${name}\b", f"CAST(${name} AS {kind})", sql)
    return sql


def values(runs: Mapping[str, Run], as_of: dt.date) -> dict[str, dt.date | bool | None]:
    """The value of each parameter, from the run of each feed; None for a feed never delivered."""
    found: dict[str, dt.date | bool | None] = {}
    for feed, run in runs.items():
        through = min(run.through, as_of) if run.through else None
        found[feed + _THROUGH] = through
        found[feed + _MONTH] = _last_month(through) if through else None
        found[feed + _SINCE] = run.since if through else None
        found[feed + _UNBROKEN] = run.unbroken if through else None
    return found


def _last_month(through: dt.date) -> dt.date:
    """The first day of the last month that has ended by `through`."""
    first_open = (through + dt.timedelta(days=1)).replace(day=1)
    return (first_open - dt.timedelta(days=1)).replace(day=1)
