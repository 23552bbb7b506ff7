"""The watermarks of feeds as parameters of an indicator's SQL.

`:FEED_through` is the last day that the feed is complete for, never after `:as_of`; `:FEED_month` is the
first day of the last month that is complete by then. Both are unknown for a feed that was never delivered.
They are constants to the engine, so it skips the rows outside a window.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping

_THROUGH, _MONTH = "_through", "_month"


def names(feeds: Iterable[str]) -> dict[str, str]:
    """By parameter, such as `wages_through`, the feed that it is about."""
    return {f"{feed}{ending}": feed for feed in feeds for ending in (_THROUGH, _MONTH)}


def typed(sql: str, names: Iterable[str]) -> str:
    """The statement with each watermark cast to a date, for the engine takes a bare NULL for a number."""
    for name in names:
        sql = re.sub(rf"\${name}\b", f"CAST(${name} AS DATE)", sql)
    return sql


def values(complete_through: Mapping[str, dt.date | None], as_of: dt.date) -> dict[str, dt.date | None]:
    """The value of each parameter, from the watermark of each feed; None for a feed never delivered."""
    found: dict[str, dt.date | None] = {}
    for feed, watermark in complete_through.items():
        through = min(watermark, as_of) if watermark else None
        found[feed + _THROUGH] = through
        found[feed + _MONTH] = _last_month(through) if through else None
    return found


def _last_month(through: dt.date) -> dt.date:
    """The first day of the last month that has ended by `through`."""
    first_open = (through + dt.timedelta(days=1)).replace(day=1)
    return (first_open - dt.timedelta(days=1)).replace(day=1)
