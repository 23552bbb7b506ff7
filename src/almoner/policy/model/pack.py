"""A compiled pack: what every later stage reads. It is immutable and holds no file positions.

`almoner.policy.compile_pack` makes one from a folder. Words in a pack are given per language, as
`{"en": "...", "zh": "..."}`; use `say` to pick one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from almoner.policy.model.feeds import Feed
from almoner.policy.model.terms import Condition, Subject, Term, Words

if TYPE_CHECKING:
    from almoner.policy.model.legal_terms import LegalTerms
    from almoner.policy.model.support import Category, Participation, ProgrammeTerms
    from almoner.policy.model.watch import Watch


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of an indicator."""

    name: str
    label: Words
    unit: str | None
    meaning: Words = field(default_factory=dict)
    feeds: tuple[str, ...] = ()  # feeds that this column's value rests on, found by walking the SQL
    reads: frozenset[tuple[str, str]] = frozenset()  # (feed, property) pairs, conditions and joins included


@dataclass(frozen=True, kw_only=True)
class Indicator:
    """A SELECT that gives at most one row a subject. Its first column is `person_id` or `household_id`."""

    id: str
    subject: Subject
    sql: str
    label: Words
    columns: tuple[Column, ...]
    parameters: tuple[str, ...] = ()  # without :as_of, :known_at


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """A SELECT for case workers: at most one `value` a subject and `month`. No rule reads it.

    `purposes` are those that all its fields are shared for; a case shows it only for one of these purposes.
    """

    id: str
    subject: Subject
    sql: str
    label: Words
    unit: str | None
    meaning: Words = field(default_factory=dict)
    parameters: tuple[str, ...] = ()  # without :as_of, :known_at
    feeds: tuple[str, ...] = ()
    reads: frozenset[tuple[str, str]] = frozenset()  # (feed, property) pairs, conditions and joins included
    purposes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class NaiveRule:
    """A single threshold to compare signals with: `sql` gives the households or persons that it names.

    `need` is the need of a fictional place that it is to find. Nothing is decided by it.
    """

    id: str
    subject: Subject
    label: Words
    need: str
    sql: str
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True)
class ParameterValue:
    """A value of a parameter from the day `since` on."""

    since: dt.date
    value: float | int | str | bool | None  # None: ended
    reference: str


@dataclass(frozen=True)
class Parameter:
    """A dated value, by area. `areas[None]` is what holds where no more specific area has a value."""

    id: str
    label: Words
    unit: str | None
    areas: Mapping[str | None, tuple[ParameterValue, ...]]  # each sorted by `since`, oldest first

    def at(self, day: dt.date, area: str | None = None) -> ParameterValue | None:
        """The value in force on `day`; None where none is, or where it has ended."""
        found = [v for v in self.areas.get(area, ()) if v.since <= day]
        return found[-1] if found and found[-1].value is not None else None

    @property
    def by_area(self) -> bool:
        """Whether some area has values of its own."""
        return any(area is not None for area in self.areas)


@dataclass(frozen=True)
class Level:
    """A level of a signal: when it holds, and within what time it is confirmed."""

    id: str
    when: Condition | None  # None: the level that is left
    within: Term


@dataclass(frozen=True, kw_only=True)
class Signal:
    """A need: when it holds, how severe it is, who confirms it, within what time."""

    id: str
    label: Words
    subject: Subject
    theme: str
    purpose: str
    when: Condition
    levels: tuple[Level, ...]  # most urgent first; the first that holds is taken
    severity: Condition | None  # orders the queue within a level: larger is worse
    department: str  # confirms
    check: Words  # what to check at the visit
    why: Words  # why the rule is as it is
    expires_days: int
    needs: tuple[str, ...] = ()  # needs of a fictional place that it is to find; none: the theme is the need


@dataclass(frozen=True)
class AmountStep:
    """One line of an amount's arithmetic; later steps may use earlier ones by `id`."""

    id: str
    label: Words
    value: Condition


@dataclass(frozen=True)
class Exclusion:
    """A condition under which a programme is not given."""

    label: Words
    when: Condition


@dataclass(frozen=True, kw_only=True)
class Programme:
    """A support: who is eligible, how much, who delivers, by when, how the family takes part."""

    id: str
    label: Words
    subject: Subject
    kind: Literal["cash", "service"]
    purposes: tuple[str, ...]
    signals: tuple[str, ...]  # an open one of these makes the programme be considered
    eligible: Condition
    exclusions: tuple[Exclusion, ...]
    steps: tuple[AmountStep, ...]  # the last one is the amount
    unit: str
    department: str
    within: Term
    participation: Participation
    reference: str
    terms: ProgrammeTerms


CONSOLE = "console"


@dataclass(frozen=True, kw_only=True)
class PackDepartment:
    """Who acts. `inbox` is CONSOLE or the address of its own system; `identity` what it needs of a
    resident to deliver."""

    id: str
    label: Words
    inbox: str = CONSOLE
    opens: dt.time | None = None  # None, as `closes`: the office hours of the pack's terms
    closes: dt.time | None = None
    identity: tuple[str, ...] = ("number", "name")  # fields of the vault


@dataclass(frozen=True, kw_only=True)
class ScenarioCase:
    """One household with its records, and the results that the pack must give."""

    name: str
    file: str
    line: int
    as_of: dt.date
    complete_through: Mapping[
        str, dt.date | None
    ]  # by feed; not named: complete to `as_of`; None: never delivered
    complete_since: Mapping[str, dt.date] = field(
        default_factory=dict
    )  # by feed, the first day after a missing period; not named: no period is missing
    records: Mapping[str, tuple[Mapping[str, object], ...]]  # by feed, in the contract's columns
    signals: Mapping[
        str, str | bool | None
    ]  # level, or True/False, or None for unknown; by signal or signal@person
    programmes: Mapping[str, float | bool | None]  # amount, or False: none
    categories: Mapping[str, str | bool | None] = field(default_factory=dict)  # what is proposed or held
    corrections: Mapping[str, tuple[Mapping[str, object], ...]] = field(
        default_factory=dict
    )  # came later, same keys


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A real panel that the pack is evaluated on: a data set that a package ships, mapped to feeds."""

    package: str
    dataset: str
    columns: Mapping[str, Mapping[str, str]]  # feed -> property -> SQL expression over the data set's columns
    period: str  # SQL expression: the year of a row
    poor: str  # SQL expression over the rows of one year
    person: str
    order_by: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Pack:
    """A pack that has passed `almoner pack check`."""

    id: str
    version: str
    label: Words
    languages: tuple[str, ...]
    currency: str
    purposes: Mapping[str, Words]
    departments: Mapping[str, PackDepartment]
    feeds: Mapping[str, Feed]
    indicators: Mapping[str, Indicator]
    parameters: Mapping[str, Parameter]
    signals: Mapping[str, Signal]
    programmes: Mapping[str, Programme]
    scenarios: tuple[ScenarioCase, ...]
    holidays: Mapping[dt.date, bool]  # True: a working day although a weekend; False: a holiday
    hash: str  # SHA-256 over the files, after `extends`
    terms: LegalTerms
    panel: Panel | None = None
    units: Mapping[str, Words] = field(
        default_factory=dict
    )  # words for the letters of units: CNY, month, ...
    categories: Mapping[str, Category] = field(default_factory=dict)
    watch: Watch | None = None
    timelines: Mapping[str, Timeline] = field(default_factory=dict)
    naive_rules: Mapping[str, NaiveRule] = field(default_factory=dict)

    @property
    def membership_feed(self) -> Feed:
        """The population register, which says who lives with whom."""
        return next(f for f in self.feeds.values() if f.membership)

    @cached_property
    def columns(self) -> Mapping[str, tuple[Indicator, Column]]:
        """By bare name, the indicator and column behind it."""
        return {
            column.name: (indicator, column)
            for indicator in self.indicators.values()
            for column in indicator.columns
        }

    def column(self, name: str) -> tuple[Indicator, Column]:
        """The indicator and column behind a bare name. KeyError when no indicator has it."""
        return self.columns[name]
