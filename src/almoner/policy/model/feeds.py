"""A feed as its contract describes it: what a department delivers, and under which terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from almoner.policy.model.identifiers import Identifier
from almoner.policy.model.terms import Words

PropertyType = Literal["string", "integer", "number", "date", "timestamp", "boolean"]
Absent = Literal["keep", "empty"]
Negative = Literal["refused", "counts", "reverses"]

CLOCK_SKEW_SECONDS = 300  # where the contract says nothing; as in Kerberos (RFC 4120, section 7.5.2)


class Role(StrEnum):
    """What a property is to the registry. Properties with an identity role never reach the facts."""

    RESIDENT_ID = "resident_id"  # becomes person_id
    HOUSEHOLD = "household"  # becomes household_id
    NAME = "name"  # vault only
    PHONE = "phone"  # vault only
    ADDRESS = "address"  # vault only
    BIRTH_DATE = "birth_date"
    AREA = "area"
    PARENT_AREA = "parent_area"
    EVENT_TIME = "event_time"
    AUDIT_ONLY = "audit_only"  # kept for fairness audits; no signal or programme may read it


VAULT_ROLES = frozenset({Role.NAME, Role.PHONE, Role.ADDRESS})
CODE_ROLES = frozenset({Role.RESIDENT_ID, Role.HOUSEHOLD, Role.AREA, Role.PARENT_AREA})
SPELLINGS = ("code", "text")
PLACEHOLDERS = (  # what programs write where there is nothing, and people a zero or a dash
    *("0", "-", "null", "none", "nil", "nan", "n/a", "undefined"),
)
IDENTITY_ROLES = VAULT_ROLES | {Role.RESIDENT_ID, Role.HOUSEHOLD}


@dataclass(frozen=True, kw_only=True)
class Property:
    """One column of a feed, from its contract."""

    name: str
    type: PropertyType
    role: Role | None = None
    required: bool = False
    key: bool = False
    unit: str | None = None
    unit_words: tuple[str, ...] = ()  # that headers may add to its label in brackets
    label: Words = field(default_factory=dict)
    minimum: float | None = None
    maximum: float | None = None
    max_length: int | None = None
    pattern: str | None = None
    valid_values: tuple[str, ...] = ()
    format: str | None = None  # of dates in text files, in the letters of ODCS: yyyy-MM-dd
    identifier: Identifier | None = None  # how its numbers are checked
    spelling: str | None = None  # one of SPELLINGS; None: a code by its role, or as part of the key
    length: int | None = None  # of every code, in signs
    padding: str | None = None  # the sign that shorter codes are filled up with from the left
    placeholders: tuple[str, ...] = PLACEHOLDERS  # what stands for a code that is missing
    purposes: tuple[str, ...] | None = None  # narrower than the feed's, where the agreement says so
    value_labels: Mapping[str, Words] = field(default_factory=dict)  # of its valid values, for people
    negative: Negative = "refused"  # what a negative amount does; `minimum` and `maximum` are of its size
    at_desk: str | None = None  # the value where a person came to the desk: requests are taken into this feed
    heads: tuple[str, ...] = ()  # of a register: values of a household's head
    gone: tuple[str, ...] = ()  # of a register: values of those who live there no longer
    collective: tuple[str, ...] = ()  # of a register: values of people registered together who are no family

    @property
    def is_code(self) -> bool:
        """Whether it is compared as a whole: blanks and signs that nobody sees are no part of it."""
        if self.type != "string" or self.valid_values or self.spelling == "text":
            return False
        return self.key or self.role in CODE_ROLES or self.spelling == "code"

    @property
    def fact_column(self) -> str | None:
        """The column's name in the facts; None for what only the vault holds."""
        if self.role is Role.RESIDENT_ID:
            return "person_id"
        if self.role is Role.HOUSEHOLD:
            return "household_id"
        return None if self.role in VAULT_ROLES else self.name


@dataclass(frozen=True, kw_only=True)
class FullList:
    """A feed of which every file is a whole list: of the periods of its rows, or of all.

    `by` are columns of parts, such as employers, of which each file has all rows. A file takes back at most
    `most_share` of the rows of a period or part by itself, or `most_rows` if these are no more than half.
    """

    by_period: bool = False
    by: tuple[str, ...] = ()
    most_share: float = 0.05
    most_rows: int = 20


@dataclass(frozen=True, kw_only=True)
class Trailer:
    """The last row of a feed's tables, which is no record but a total.

    Its first cell that is not empty begins with one of the `words`. The number of rows stands behind the
    word, or in the column `rows`.
    """

    words: tuple[str, ...]
    rows: str | None = None


@dataclass(frozen=True, kw_only=True)
class Feed:
    """One contract: what a department delivers, under which terms."""

    id: str
    label: Words
    owner: str
    sharing_class: Literal["unconditional", "conditional", "not-shared"]
    purposes: tuple[str, ...]
    legal_basis: str
    properties: tuple[Property, ...]
    version: str
    cadence: Literal["daily", "weekly", "monthly", "yearly", "on_event"]
    shared: bool = False  # a small table without persons that every scope sees whole (areas, calendars)
    membership: bool = False  # the population register: who lives with whom
    deaths: bool = False  # who is named here has died: no member, not visited, not paid
    most_members: int | None = None  # of a register: a household with more is no family
    late_after_days: int | None = None  # after its last complete day; None: never late
    full_list: FullList | None = None  # None: deliveries bring changes only
    clock_skew_seconds: int = CLOCK_SKEW_SECONDS  # by which a sender's clock may be ahead of ours
    reversal_of: tuple[str, ...] = ()  # columns in which a reversal agrees with its original
    encoding: str | None = None  # of its text files; None: it is detected
    complete_by: str | None = None  # the column by whose values a delivery is complete: an area, a supplier
    held_back_share: float = 0.02  # of the rows; a delivery with more in quarantine vouches for nothing
    volume_share: float = 0.6  # of a period's usual rows; with fewer a delivery does not vouch for it; 0: any
    volume_rows: int = 50  # usual rows of a period; with fewer nothing is said about its volume
    row_count: tuple[int | None, int | None] = (None, None)  # the least and most rows of a delivery
    trailer: Trailer | None = None  # None: every row is a record
    absent: Absent = "keep"  # what columns do that a correction leaves out

    def property_named(self, name: str) -> Property | None:
        """The property with this name; None when there is none."""
        return next((p for p in self.properties if p.name == name), None)

    def with_role(self, role: Role) -> Property | None:
        """The first property with this role; None when there is none."""
        return next((p for p in self.properties if p.role is role), None)

    def marked(
        self, which: Literal["heads", "gone", "collective"]
    ) -> tuple[Property, tuple[str, ...]] | None:
        """The first property that marks values so, with these values; None when none does."""
        found = ((p, getattr(p, which)) for p in self.properties)
        return next(((p, values) for p, values in found if values), None)

    @property
    def periodic(self) -> bool:
        """Whether it comes for periods, one after the other, so that one can be missing."""
        return self.cadence != "on_event"

    @property
    def key(self) -> tuple[Property, ...]:
        """The properties that identify a row."""
        return tuple(p for p in self.properties if p.key)

    @property
    def reversible(self) -> tuple[Property, ...]:
        """The amounts that a negative row takes back."""
        return tuple(p for p in self.properties if p.negative == "reverses")

    @property
    def event_time(self) -> Property | None:
        """The property that says when a row was true; None when there is none."""
        return self.with_role(Role.EVENT_TIME)
