"""The time zone of an installation, and what its local times mean when clocks are put forward or back.

Times are local times without a zone. Once a year an hour is repeated and another one is left out. So a local
time that was seen may be later than the present one, and two local times may lie an hour further apart than
they seem. Who compares a time that somebody else wrote with the present asks `latest`.
"""

from __future__ import annotations

import datetime as dt
import os
import time
import zoneinfo

from almoner.errors import HomeError

VARIABLE = "ALMONER_TIME_ZONE"
LONGEST_CHANGE = dt.timedelta(hours=3)  # by which a zone puts its clocks back; the largest known is 2 hours
_SECOND = dt.timedelta(seconds=1)


def use_zone(name: str) -> None:
    """Make `name` (a zone of the IANA database) the zone of this process and of those that it starts.

    Raises HomeError for a zone that does not exist, or that this machine does not know.
    """
    try:
        zone = zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise HomeError(
            f"{VARIABLE} is {name!r}, which is no time zone that this machine knows. Write one like"
            " Asia/Shanghai or Etc/UTC, or install the package tzdata."
        ) from None
    os.environ["TZ"] = name
    time.tzset()
    probes = [dt.datetime(2026, month, 1, 12, tzinfo=dt.UTC) for month in (1, 4, 7, 10)]
    if any(p.astimezone().utcoffset() != p.astimezone(zone).utcoffset() for p in probes):
        raise HomeError(
            f"This machine does not know the time zone {name}, which {VARIABLE} names: it would take it for"
            " UTC. Install the package tzdata."
        )


def use_zone_of_environment() -> None:
    """Use the zone that ALMONER_TIME_ZONE names; without it the machine's stays. Raises HomeError."""
    name = os.environ.get(VARIABLE, "").strip()
    if name:
        use_zone(name)


def elapsed(earlier: dt.datetime, later: dt.datetime) -> float:
    """The seconds that passed between two local times, also across a change of clocks; never below 0."""
    return max(0.0, (later.astimezone() - earlier.astimezone()).total_seconds())


def latest(at: dt.datetime, ahead: dt.timedelta) -> dt.datetime:
    """The latest local time that a clock may show which goes right but for `ahead`, or has shown before.

    `at` is a local time. Where clocks were put back within the last hours, this is the time that they showed
    just before; where they will be put forward within `ahead`, the time after it. A time that occurs twice
    counts as the second one.
    """
    instant = at.replace(fold=1).astimezone(dt.UTC) + ahead
    seen = _local(instant)
    before = instant - LONGEST_CHANGE
    if _offset(before) > _offset(instant):
        seen = max(seen, _put_back(before, instant))
    return max(seen, at.replace(tzinfo=None, fold=0) + ahead)


def _put_back(before: dt.datetime, after: dt.datetime) -> dt.datetime:
    """The local time that clocks showed when they were put back, between two instants."""
    offset = _offset(before)
    while after - before > _SECOND:
        middle = before + (after - before) / 2
        before, after = (middle, after) if _offset(middle) == offset else (before, middle)
    return after.replace(tzinfo=None, microsecond=0) + offset


def _local(instant: dt.datetime) -> dt.datetime:
    return instant.astimezone().replace(tzinfo=None, fold=0)


def _offset(instant: dt.datetime) -> dt.timedelta:
    return instant.astimezone().utcoffset() or dt.timedelta()
