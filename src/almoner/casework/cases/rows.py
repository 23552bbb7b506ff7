"""Rows of the tables that a cycle fills, in thousands. Model objects would take longer to make than all
other work.

`CHANGES` names the columns that evidence may change in an existing row; other columns stay as written.
`stored` holds their values as they were read. Rows are constructed by position, in the order of the fields,
because keywords would slow this down.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal
from operator import attrgetter
from typing import Any, ClassVar, Generic, TypeVar

from django.db import connection
from django.db.models import Model, QuerySet

from almoner.casework.models import Case, CaseSignal, CaseState, Referral, ReferralState
from almoner.casework.models.cases import ENDED, NO_CLOCK, new_reference

READ_AT_ONCE = 5_000


@dataclass(slots=True, eq=False)
class CaseRow:
    """A row of `Case`; `id` is None until it is stored."""

    CHANGES: ClassVar = (
        "level",
        "urgency_hours",
        "severity",
        "due_at",
        "listed",
        "unlisted",
        "untold",
        "silent_since",
        "version",
    )

    household_id: int
    area: str
    opened_at: dt.datetime
    opened_as_of: dt.date
    due_at: dt.datetime = NO_CLOCK
    reference: str = field(default_factory=new_reference)
    state: str = CaseState.DETECTED.value
    level: str = ""
    urgency_hours: float | None = None
    severity: float = 0.0
    outcome: str = ""
    listed: bool = False
    unlisted: bool = False
    untold: bool = False
    silent_since: dt.datetime | None = None
    version: int = 1
    id: int | None = None
    stored: tuple[Any, ...] = ()

    @property
    def is_open(self) -> bool:
        return self.state not in ENDED


@dataclass(slots=True, eq=False)
class SignalRow:
    """A row of `CaseSignal`. `answers` is JSON text; None when it was not read."""

    CHANGES: ClassVar = (
        "person_id",
        "department",
        "level",
        "urgency_hours",
        "severity",
        "raised_on",
        "due_at",
        "cleared_on",
        "theme",
        "watched",
        "form",
        "answers",
        "pack_hash",
    )

    case: CaseRow
    key: str
    raised_on: dt.date
    due_at: dt.datetime
    signal: str = ""
    person_id: int | None = None
    department: str = ""
    level: str = ""
    urgency_hours: float = 0.0
    severity: float | None = None
    cleared_on: dt.date | None = None
    theme: str = ""
    watched: str = ""
    pack_hash: str = ""
    id: int | None = None
    form: str = ""
    answers: str | None = None
    stored: tuple[Any, ...] = ()


@dataclass(slots=True, eq=False)
class ReferralRow:
    """A row of `Referral`. `answers` is JSON text; None when it was not read."""

    CHANGES: ClassVar = (
        "case",
        "department",
        "person_id",
        "state",
        "amount",
        "unit",
        "participation",
        "checker",
        "check_due_at",
        "evidence_cleared_on",
        "form",
        "answers",
        "pack_hash",
    )

    case: CaseRow
    key: str
    proposed_on: dt.date
    reference: str = field(default_factory=new_reference)
    programme: str = ""
    department: str = ""
    person_id: int | None = None
    state: str = ReferralState.PROPOSED.value
    amount: Decimal | None = None
    unit: str = ""
    due_at: dt.datetime | None = None
    note: str = ""
    participation: str = ""
    checker: str = ""
    check_due_at: dt.datetime | None = None
    evidence_cleared_on: dt.date | None = None
    pack_hash: str = ""
    version: int = 1
    id: int | None = None
    form: str = ""
    answers: str | None = None
    stored: tuple[Any, ...] = ()

    @property
    def pk(self) -> int | None:
        return self.id


R = TypeVar("R", CaseRow, SignalRow, ReferralRow)


class Table(Generic[R]):
    """Reads and writes rows of one model's table."""

    def __init__(self, model: type[Model], row: type[R]) -> None:
        self._name = model._meta.db_table
        self._names = [f.name for f in fields(row) if f.name != "stored"]
        self._changes: tuple[str, ...] = row.CHANGES
        self._changing = _values(self._changes)

    def read(self, found: QuerySet[Any, Any]) -> Iterator[tuple[Any, ...]]:
        """The rows' values in the order of the fields, without `answers`; `case` is the case's id."""
        columns = [_column(name) for name in self._names if name != "answers"]
        return found.values_list(*columns).iterator(READ_AT_ONCE)

    def keep(self, row: R) -> R:
        """Remember the stored values of a row that was just read, and return it."""
        row.stored = self._changing(row)
        return row

    def insert(self, rows: Iterable[R]) -> None:
        """Insert new rows."""
        names = [name for name in self._names if name != "id"]
        columns, places = ", ".join(map(_column, names)), ", ".join(["%s"] * len(names))
        self._write(f"INSERT INTO {self._name} ({columns}) VALUES ({places})", names, rows)

    def update(self, rows: Iterable[R]) -> None:
        """Write only the columns that have changed.

        SQLite rewrites the index entries of every column in an UPDATE, even of unchanged ones, and the
        tables have some two dozen indexes.
        """
        written: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
        for row in rows:
            now: tuple[Any, ...] = self._changing(row)
            changed: list[int] = [
                n for n, (value, stored) in enumerate(zip(now, row.stored, strict=True)) if value != stored
            ]
            columns = tuple(_column(self._changes[n]) for n in changed)
            written.setdefault(columns, []).append((*(now[n] for n in changed), row.id))
        with connection.cursor() as cursor:
            for columns, values in written.items():
                if columns:
                    places = ", ".join(f"{column} = %s" for column in columns)
                    cursor.executemany(f"UPDATE {self._name} SET {places} WHERE id = %s", values)

    def _write(self, sql: str, names: list[str], rows: Iterable[R]) -> None:
        if written := list(map(_values(names), rows)):
            with connection.cursor() as cursor:
                cursor.executemany(sql, written)


def _values(names: Sequence[str]) -> attrgetter[Any]:
    return attrgetter(*("case.id" if name == "case" else name for name in names))


def _column(name: str) -> str:
    return "case_id" if name == "case" else name


CASES = Table(Case, CaseRow)
SIGNALS = Table(CaseSignal, SignalRow)
REFERRALS = Table(Referral, ReferralRow)
