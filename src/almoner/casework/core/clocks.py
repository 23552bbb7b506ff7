"""When something is due, in the working time of the department that acts. Computed once, then stored.

`hours` run round the clock. `days` and `working_days` leave out the day on which the clock starts, as
administrative law counts, and end at the department's closing time: 5 working days from a Friday at 16:00
end on the next Friday.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from almoner.errors import AlmonerError

CLOSES = dt.time(17)
HOURS_A_UNIT = {"hours": 1.0, "days": 24.0, "working_days": 24.0 * 7 / 5}


@dataclass(frozen=True)
class WorkingDays:
    """Weekdays, except as `exceptions` says: True a working day, False a day off."""

    exceptions: Mapping[dt.date, bool] = field(default_factory=dict)

    def __contains__(self, day: dt.date) -> bool:
        return self.exceptions.get(day, day.weekday() < 5)

    def after(self, day: dt.date, count: int) -> dt.date:
        """The `count`-th working day after `day`; `day` itself is not counted."""
        while count > 0:
            day += dt.timedelta(days=1)
            count -= day in self
        return day


def due_at(
    start: dt.datetime, amount: int, unit: str, days: WorkingDays, closes: dt.time = CLOSES
) -> dt.datetime:
    """When `amount` of `unit` (hours, days, working_days) that start at `start` have passed."""
    if unit == "hours":
        return start + dt.timedelta(hours=amount)
    if unit == "days":
        return dt.datetime.combine(start.date() + dt.timedelta(days=amount), closes)
    if unit == "working_days":
        return dt.datetime.combine(days.after(start.date(), amount), closes)
    raise AlmonerError(f"A time allowed is given in hours, days or working_days, not in {unit!r}.")


def nominal_hours(within: Mapping[str, Any]) -> float:
    """How long a time allowed is, roughly: what orders levels of different packs by urgency."""
    return float(within["amount"]) * HOURS_A_UNIT[within["unit"]]


class Clocks:
    """Due times by the installation's calendar table and its departments' hours, remembered for bulk work."""

    def __init__(self, days: WorkingDays, closes: Mapping[str, dt.time]) -> None:
        self._days = days
        self._closes = closes
        self._known: dict[tuple[dt.datetime, int, str, dt.time], dt.datetime] = {}

    def due(self, start: dt.datetime, within: Mapping[str, Any], department: str) -> dt.datetime:
        key = (start, int(within["amount"]), str(within["unit"]), self._closes.get(department, CLOSES))
        if key not in self._known:
            start, amount, unit, closes = key
            self._known[key] = due_at(start, amount, unit, self._days, closes)
        return self._known[key]


def installed_clocks() -> Clocks:
    """The clocks of this installation's tables."""
    from almoner.casework.models import CalendarDay, Department

    days = WorkingDays(dict(CalendarDay.objects.values_list("day", "working")))
    closes: Iterable[tuple[str, dt.time]] = Department.objects.values_list("id", "closes")
    return Clocks(days, dict(closes))
