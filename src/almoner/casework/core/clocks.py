"""Due times, in the working time of the department that acts. A due time is computed once, then stored.

Time limits, the weekend and office hours are legal terms of the pack. They are taken as of the day on which
the clock starts. Whether a day is a working day depends on the weekend and the calendar of that day.

`hours` run around the clock. `days` and `working_days` do not count the first day, as in administrative law,
and end at the department's closing time: 5 working days from a Friday at 16:00 end on the next Friday.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from almoner.errors import AlmonerError
from almoner.policy.model.terms import Term

if TYPE_CHECKING:
    from almoner.policy.model.legal_terms import LegalTerms


@dataclass(frozen=True)
class WorkingDays:
    """The set of working days: all days outside the weekend, except `exceptions`.

    `exceptions` maps a date to True (a working day) or False (a day off).
    """

    terms: LegalTerms
    exceptions: Mapping[dt.date, bool] = field(default_factory=dict)

    def __contains__(self, day: dt.date) -> bool:
        known = self.exceptions.get(day)
        return day.weekday() not in self.terms.weekend(day) if known is None else known

    def after(self, day: dt.date, count: int) -> dt.date:
        """The `count`-th working day after `day`; `day` itself is not counted."""
        while count > 0:
            day += dt.timedelta(days=1)
            count -= day in self
        return day


def due_at(start: dt.datetime, amount: int, unit: str, days: WorkingDays, closes: dt.time) -> dt.datetime:
    """The end of a time limit that starts at `start`: `amount` in `unit` (hours, days or working_days).

    `closes` is the closing time on the last day. Raises AlmonerError for another unit.
    """
    if unit == "hours":
        return start + dt.timedelta(hours=amount)
    if unit == "days":
        return dt.datetime.combine(start.date() + dt.timedelta(days=amount), closes)
    if unit == "working_days":
        return dt.datetime.combine(days.after(start.date(), amount), closes)
    raise AlmonerError(f"A time allowed is given in hours, days or working_days, not in {unit!r}.")


def nominal_hours(terms: LegalTerms, within: Mapping[str, Any], day: dt.date) -> float:
    """The approximate length in hours of the time limit `within` (`amount`, `unit`) on `day`, to compare
    levels by urgency."""
    return terms.nominal_hours(Term(int(within["amount"]), within["unit"]), day)


class Clocks:
    """Computes due times from the installation's calendar, legal terms and department hours.

    `closes` maps department ids to closing times, for departments with hours of their own. Results are
    cached, because a cycle computes many.
    """

    def __init__(self, days: WorkingDays, closes: Mapping[str, dt.time]) -> None:
        self.terms = days.terms
        self._days = days
        self._closes = closes
        self._known: dict[tuple[dt.datetime, int, str, dt.time], dt.datetime] = {}

    def due(self, start: dt.datetime, within: Mapping[str, Any], department: str) -> dt.datetime:
        """The end of the time limit `within` (`amount`, `unit`) for a department's id; "" for none."""
        closes = self._closes.get(department) or self.terms.office_hours(start.date()).closes
        key = (start, int(within["amount"]), str(within["unit"]), closes)
        if key not in self._known:
            start, amount, unit, closes = key
            self._known[key] = due_at(start, amount, unit, self._days, closes)
        return self._known[key]

    def due_by_term(self, start: dt.datetime, term: str, department: str = "") -> dt.datetime:
        """The end of a legal term of the pack, such as `appeal`, with its value on the day of `start`."""
        allowed = self.terms.time(term, start.date())
        return self.due(start, {"amount": allowed.amount, "unit": allowed.unit}, department)


def installed_clocks() -> Clocks:
    """Clocks with the calendar, legal terms and hours stored in this installation."""
    from almoner.casework.core.legal_terms import installed_terms
    from almoner.casework.models import CalendarDay, Department

    days = WorkingDays(installed_terms(), dict(CalendarDay.objects.values_list("day", "working")))
    own = Department.objects.exclude(closes=None).values_list("id", "closes")
    return Clocks(days, {department: closes for department, closes in own if closes is not None})
