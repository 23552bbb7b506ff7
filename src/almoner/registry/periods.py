"""Periods of a feed by its cadence: days, weeks from Monday, months, and years of the calendar.

A feed of single events (`on_event`) has one period without a beginning: such a feed has no holes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Literal

Cadence = Literal["daily", "weekly", "monthly", "yearly", "on_event"]

EVER = dt.date.min  # complete since ever
_DAY = dt.timedelta(days=1)
_TRUNCATED = {"daily": "day", "weekly": "week", "monthly": "month", "yearly": "year"}  # for date_trunc of SQL


def start(cadence: Cadence, day: dt.date) -> dt.date:
    """The first day of the period that `day` lies in."""
    match cadence:
        case "weekly":
            return day - dt.timedelta(days=min(day.weekday(), day.toordinal() - 1))
        case "monthly":
            return day.replace(day=1)
        case "yearly":
            return day.replace(month=1, day=1)
        case "on_event":
            return EVER
        case _:
            return day


def end(cadence: Cadence, day: dt.date) -> dt.date:
    """The last day of the period that `day` lies in; the last of all days for single events."""
    return dt.date.max if cadence == "on_event" else following(cadence, day) - _DAY


def following(cadence: Cadence, day: dt.date) -> dt.date:
    """The first day of the next period; the last of all days for single events."""
    first = start(cadence, day)
    match cadence:
        case "weekly":
            return first + dt.timedelta(days=7)
        case "monthly":
            return (first + dt.timedelta(days=32)).replace(day=1)
        case "yearly":
            return first.replace(year=first.year + 1)
        case "on_event":
            return dt.date.max
        case _:
            return day + _DAY


def previous(cadence: Cadence, day: dt.date) -> dt.date:
    """The first day of the period before; the first of all days for single events."""
    first = start(cadence, day)
    return first if first == EVER else start(cadence, first - _DAY)


def between(cadence: Cadence, since: dt.date, through: dt.date) -> Iterator[dt.date]:
    """The first days of the periods that lie whole within the two days; none for single events."""
    if cadence == "on_event":
        return
    first = since if start(cadence, since) == since else following(cadence, since)
    while end(cadence, first) <= through:
        yield first
        first = following(cadence, first)


def truncated(cadence: Cadence, column: str) -> str:
    """SQL for the first day of the period that a date or time lies in; of the month for single events."""
    return f"date_trunc('{_TRUNCATED.get(cadence, 'month')}', {column})::DATE"
