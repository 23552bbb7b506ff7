"""The only way to change a case: lock it, compare the version that the person saw, check the right, make the
change, set the clock, save, and append to the audit trail, all in one transaction.

A `Refused` (or `Http404`) raised inside the `with` undoes the whole change.

Locks are always taken in the same order, so that there is no deadlock: the lock that keeps the cycle out,
the cases by key, records of a case, the head of the trail. On SQLite the transaction itself is the lock,
because it begins IMMEDIATE, before anything is read. On PostgreSQL cases are locked by `FOR NO KEY UPDATE`,
which lets others write records that refer to a case, such as the access log.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from django.db import connection, transaction
from django.db.models import Model, QuerySet

from almoner.casework.accounts.access import case_for
from almoner.casework.cases.status import stand
from almoner.casework.core.audit import NewEvent, append
from almoner.casework.core.refusals import Refused, Stale
from almoner.casework.models import Case

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.utils.functional import _StrPromise

    from almoner.casework.core.events import TrailEvent

    Guard = Callable[[Case, User, Mapping[str, Any]], _StrPromise | None]

Record = TypeVar("Record", bound=Model)
CASES_LOCK = 0x63617365  # the key of PostgreSQL's advisory lock; any number that all processes share


class Versioned(Protocol):
    """A record with a version that increases with each change."""

    version: int


@dataclass(eq=False, kw_only=True)
class CaseChange:
    """Locked cases while they are changed: by a person, by a department's own `system`, or by neither.

    `cases` are by primary key; `at` is the time of the change, in local time. Events that were recorded and
    cases that were touched are written when the `with` ends.
    """

    cases: Mapping[int, Case]
    by: User | None
    system: str | None
    at: dt.datetime
    _events: list[NewEvent] = field(default_factory=list)
    _dirty: dict[int, Case] = field(default_factory=dict)

    def record(self, case: Case, event: TrailEvent) -> None:
        """Append an event of the case to the trail."""
        self._events.append(NewEvent(case, event, self.by.pk if self.by else None, self.system))

    def touch(self, case: Case | None) -> None:
        """Set the case's clock again, increase its version and save it. Does nothing for None."""
        if case is not None:
            self._dirty[case.pk] = case

    def goes_on_in(self, case: Case) -> Case | None:
        """The locked case that continues this one, because both were of one household."""
        return None if case.joined_to_id is None else self.cases[case.joined_to_id]

    def write(self) -> None:
        for case in self._dirty.values():
            stand(case)
            case.version += 1
            case.save()
        if self._events:
            append(self._events, self.at)


@contextmanager
def change_cases(
    cases: Iterable[int], *, by: User | None = None, system: str | None = None
) -> Iterator[CaseChange]:
    """Change several cases at once. The cases that continue them are locked too."""
    with transaction.atomic():
        _shut_out_the_cycle()
        change = CaseChange(cases=_locked(cases), by=by, system=system, at=dt.datetime.now())
        yield change
        change.write()


@contextmanager
def change_case_of(
    case: int, *, by: User | None = None, system: str | None = None, touch: bool = True
) -> Iterator[tuple[Case, CaseChange]]:
    """Change the case with this key, for a household, a department or the system. The caller checks the
    right.

    With `touch`, the clock is set and the version increased. Without it, the change is only recorded in the
    trail, and forms that others have open stay valid.
    """
    with change_cases([case], by=by, system=system) as change:
        locked = change.cases[case]
        yield locked, change
        change.touch(locked if touch else None)


@contextmanager
def change_case(
    by: User, reference: str, version: int | None, *guards: Guard, touch: bool = True
) -> Iterator[tuple[Case, CaseChange]]:
    """Change a case for a user who works cases, as it was at `version` (None: as it is).

    Raises Http404 for a user without access, Stale, and Refused with the sentence of the first failing
    guard.
    """
    with change_case_of(case_for(by, reference).pk, by=by, touch=touch) as (case, change):
        if version is not None:
            refuse_stale(case, version)
        refuse_unless(case, by, *guards)
        yield case, change


def refuse_stale(record: Versioned, seen: int) -> None:
    """Raise Stale unless the record still has the version that the person saw."""
    if record.version != seen:
        raise Stale


def refuse_unless(case: Case, by: User, *guards: Guard, data: Mapping[str, Any] | None = None) -> None:
    """Raise Refused with the sentence of the first failing guard."""
    for guard in guards:
        refusal = guard(case, by, data or {})
        if refusal is not None:
            raise Refused(refusal)


def lock(records: QuerySet[Record], **which: Any) -> Record | None:
    """Lock a record of a case that is already locked; None when there is no such record."""
    return records.select_for_update(no_key=True).filter(**which).first()


def shut_out_people() -> None:
    """Wait until nobody changes a case, and keep others from starting until the transaction ends.

    It is for callers that change cases by household, and so cannot lock them in the order of their keys.
    """
    if connection.vendor == "postgresql":
        _advise("pg_advisory_xact_lock")


def _shut_out_the_cycle() -> None:
    """People do not wait for each other here, only for callers of `shut_out_people`."""
    if connection.vendor == "postgresql":
        _advise("pg_advisory_xact_lock_shared")


def _advise(function: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [CASES_LOCK])


def _locked(cases: Iterable[int]) -> dict[int, Case]:
    """These cases and the ones that continue them, locked in the order of their keys."""
    asked = set(cases)
    joined = Case.objects.filter(pk__in=asked, joined_to__isnull=False).values_list("joined_to", flat=True)
    found = _lock_all(asked.union(filter(None, joined)))
    late = {case.joined_to_id for case in found.values() if case.joined_to_id} - found.keys()
    return found | _lock_all(late)  # cases that were joined meanwhile


def _lock_all(keys: Iterable[int]) -> dict[int, Case]:
    listed = list(keys)
    if not listed:
        return {}
    rows = Case.objects.select_for_update(no_key=True).filter(pk__in=listed).order_by("pk")
    return {case.pk: case for case in rows}
