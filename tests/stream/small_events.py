"""Events about two people, and their active findings."""

from __future__ import annotations

import datetime as dt

from almoner.stream.events import Event
from county import number
from stream.taking import Clock, Stream, event, working

WHO, OTHER = (number(n, dt.date(1990, 1, 1)) for n in (1, 2))


def person(n: str, who: str, home: str) -> Event:
    return event(
        "people",
        n,
        resident_no=who,
        name="N",
        household_no=home,
        birth_date="1990-01-01",
        area_code="5201",
        updated_on="2026-01-01",
    )


def wage(n: str, who: str, amount: float, month: str = "2026-11-01") -> Event:
    return event("wages", n, resident_no=who, month=month, wage=amount)


def standing(stream: Stream) -> list[str]:
    return [key for (key,) in stream.engine.rows("SELECT key FROM assessment.standing ORDER BY key")]


def scopes(stream: Stream) -> list[str]:
    return [scope for (scope,) in stream.engine.rows("SELECT scope FROM assessment.cycle ORDER BY cycle_id")]


def settled(stream: Stream, clock: Clock) -> None:
    """Two households are known, and everybody was assessed once."""
    stream.put(person("1", WHO, "A"), person("2", OTHER, "B"), wage("3", WHO, 9000), wage("4", OTHER, 9000))
    with working(stream, clock) as worker:
        worker.drain()
