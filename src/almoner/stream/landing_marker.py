"""What the marker beside a landed file says: its last complete day, its rows, its SHA-256."""

from __future__ import annotations

import datetime as dt
from typing import Any

from almoner.errors import DeliveryRefused
from almoner.registry.heads import Stated


def said_in(text: str, name: str) -> tuple[dt.date | None, Stated]:
    """The last complete day and what is stated of the file, from the text of a marker; empty: nothing.

    Raises DeliveryRefused, with the marker's `name`, when it says anything else.
    """
    day: dt.date | None = None
    said: dict[str, Any] = {}
    for line in text.replace("=", " ").replace(":", " ").split("\n"):
        match line.split():
            case []:
                pass
            case ["rows", count] if count.isdecimal():
                said["rows"] = int(count)
            case ["sha256", digest]:
                said["sha256"] = digest
            case [word]:
                day = _day(word, name)
            case _:
                raise _unclear(name)
    return day, Stated(**said)


def _day(text: str, name: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise _unclear(name) from None


def _unclear(name: str) -> DeliveryRefused:
    return DeliveryRefused(
        f"{name} must be empty or hold one day, YYYY-MM-DD; lines `rows 1200` and `sha256 ...` may follow."
    )
