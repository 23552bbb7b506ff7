"""The legal terms of a pack: times, thresholds of four-eyes approval, levels, and working time.

`terms.yaml` gives each of them as dated values with a reference. Values are kept as plain data, so that
they can be stored as JSON where only the casework database is at hand.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, get_args

from almoner.policy.model.terms import Term, Words

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Colour = Literal["red", "orange", "yellow", "green", "teal", "blue", "purple", "grey"]
WEEKDAYS: tuple[str, ...] = get_args(Weekday)
HOURS_A_DAY = 24.0


@dataclass(frozen=True)
class TermValue:
    """What holds from the day `since` on. `value` is plain data, in the form that terms.yaml has."""

    since: dt.date
    value: Any
    reference: str


@dataclass(frozen=True)
class LegalTerm:
    """One entry of terms.yaml."""

    id: str
    label: Words
    values: tuple[TermValue, ...]  # sorted by `since`, oldest first; at least one

    def on(self, day: dt.date) -> TermValue:
        """The value in force on `day`; before the first day the first value holds, for a clock needs one."""
        return next((v for v in reversed(self.values) if v.since <= day), self.values[0])


@dataclass(frozen=True)
class LevelName:
    """A level of signals as people see it."""

    id: str
    label: Words
    colour: Colour


@dataclass(frozen=True)
class OfficeHours:
    """When an office opens and closes, local time."""

    opens: dt.time
    closes: dt.time


@dataclass(frozen=True)
class LegalTerms(Mapping[str, LegalTerm]):
    """All terms of a pack, by id. Every question names the day on which it is asked."""

    by_id: Mapping[str, LegalTerm]

    def __getitem__(self, name: str) -> LegalTerm:
        return self.by_id[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_id)

    def __len__(self) -> int:
        return len(self.by_id)

    def time(self, name: str, day: dt.date) -> Term:
        """How long is allowed, by the term `name`."""
        value = self[name].on(day).value
        return Term(value["amount"], value["unit"])

    def approval_amount(self, day: dt.date) -> Decimal:
        """The amount of money, in the pack's currency, from which a second person must approve."""
        return Decimal(str(self["approval_amount"].on(day).value))

    def approval_levels(self, day: dt.date) -> frozenset[str]:
        """Levels of which a case ends only when a second person approves."""
        return frozenset(self["approval_levels"].on(day).value)

    def levels(self, day: dt.date) -> tuple[LevelName, ...]:
        """The levels that signals can have, the most urgent first."""
        return level_names(self["levels"].on(day).value)

    def every_level(self) -> dict[str, LevelName]:
        """By id, each level of any day as it was named last: those of the last value first, in its order."""
        found: dict[str, LevelName] = {}
        for dated in reversed(self["levels"].values):
            found |= {level.id: level for level in level_names(dated.value) if level.id not in found}
        return found

    def weekend(self, day: dt.date) -> frozenset[int]:
        """The days of the week that are not worked, from 0 (Monday) to 6."""
        return frozenset(map(WEEKDAYS.index, self["weekend"].on(day).value))

    def office_hours(self, day: dt.date) -> OfficeHours:
        """The hours of a department that names none of its own."""
        value = self["office_hours"].on(day).value
        return OfficeHours(dt.time.fromisoformat(value["opens"]), dt.time.fromisoformat(value["closes"]))

    def nominal_hours(self, within: Term, day: dt.date) -> float:
        """How many hours a time stands for where times in different units are compared, as of `day`."""
        if within.unit == "working_days":
            return within.amount * float(self["working_day"].on(day).value)
        return float(within.amount) if within.unit == "hours" else within.amount * HOURS_A_DAY


def level_names(value: Any) -> tuple[LevelName, ...]:
    """The plain data of one value of `levels`."""
    return tuple(LevelName(level["level"], level["label"], level["colour"]) for level in value)


def in_brief(value: Any) -> str:
    """A term's value on one line, as a reviewer reads it: `10 working_days`, `saturday, sunday`."""
    if isinstance(value, Mapping):
        opens = value.get("opens")
        return f"{opens} to {value['closes']}" if opens else f"{value['amount']} {value['unit']}"
    if isinstance(value, list | tuple):
        return ", ".join(f"{v['level']} ({v['colour']})" if isinstance(v, Mapping) else str(v) for v in value)
    return str(value)
