"""The members of households that have a case, and what changes among them: deaths, and homes that emptied.

A planned visit to a household in which nobody is left is called off, and the history of the case says why.
The case itself stays open until a person ends it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from django.db import connection, transaction

from almoner.casework.cases.status import stand
from almoner.casework.core.audit import NewEvent, append
from almoner.casework.core.batches import batched
from almoner.casework.core.event_kinds import EventKind
from almoner.casework.core.events import HouseholdEmpty, MembersChanged
from almoner.casework.models import Case, HouseholdMember
from almoner.casework.models.among import IdSet
from almoner.casework.models.cases import OPEN
from almoner.casework.models.work import AHEAD
from almoner.casework.sync.results import Member

_AT_ONCE = 5_000  # households
_Members = Mapping[int, Member]  # by person


@dataclass
class _Changes:
    """Households whose members differ from what was stored, with what is to be recorded of them."""

    died: dict[int, list[dt.date]] = field(default_factory=dict)  # by household, the days of death
    alive: set[int] = field(default_factory=set)  # a death was taken back
    emptied: dict[int, list[int]] = field(default_factory=dict)  # by household, who lived there


def sync_members(rows: Iterable[Member], assessed: Collection[int] | None = ()) -> None:
    """Replace the members of each household in `rows`, and tell open cases who died or left.

    Households that were `assessed` (None: all) and have no row are empty now. Households whose members have
    not changed are not written.
    """
    delivered: dict[int, dict[int, Member]] = {}
    for row in rows:
        delivered.setdefault(row.household_id, {})[row.person_id] = row
    with transaction.atomic():
        for household in _without_rows(delivered, assessed):
            delivered[household] = {}
        for some in batched(delivered, _AT_ONCE):
            _sync({household: delivered[household] for household in some})


def _without_rows(delivered: Collection[int], assessed: Collection[int] | None) -> list[int]:
    stored = HouseholdMember.objects.all()
    if assessed is not None:
        missing = [household for household in assessed if household not in delivered]
        if not missing:
            return []
        stored = stored.filter(household_id__among=IdSet(missing))
    found = stored.values_list("household_id", flat=True).distinct()
    return sorted(household for household in found if household not in delivered)


def _sync(delivered: Mapping[int, _Members]) -> None:
    known: dict[int, dict[int, Member]] = {}
    stored = HouseholdMember.objects.filter(household_id__among=IdSet(delivered))
    for values in stored.values_list("household_id", "person_id", "as_of", "died_on"):
        member = Member(*values)
        known.setdefault(member.household_id, {})[member.person_id] = member
    changes = _Changes()
    changed = [household for household in delivered if known.get(household, {}) != delivered[household]]
    for household in changed:
        if household in known:
            _compare(household, known[household], delivered[household], changes)
    HouseholdMember.objects.filter(household_id__among=IdSet(changed)).delete()
    insert = (
        f"INSERT INTO {HouseholdMember._meta.db_table} (household_id, person_id, as_of, died_on)"
        " VALUES (%s, %s, %s, %s)"
    )
    with connection.cursor() as cursor:
        cursor.executemany(insert, [tuple(m) for h in changed for m in sorted(delivered[h].values())])
    _record(changes, dt.datetime.now())


def _compare(household: int, before: _Members, after: _Members, changes: _Changes) -> None:
    dead_before = {person for person, member in before.items() if member.died_on}
    days = {person: member.died_on for person, member in after.items() if member.died_on}
    died = [day for person, day in days.items() if person not in dead_before]
    if died:
        changes.died[household] = sorted(died)
    if dead_before & after.keys() - days.keys():
        changes.alive.add(household)
    if _living(before) and not _living(after):
        changes.emptied[household] = sorted(before)


def _living(members: _Members) -> list[int]:
    return [person for person, member in members.items() if member.died_on is None]


def _record(changes: _Changes, at: dt.datetime) -> None:
    households = changes.died.keys() | changes.alive | changes.emptied.keys()
    if not households:
        return
    open_cases = Case.objects.filter(OPEN, household_id__among=IdSet(households)).order_by("id")
    events: list[NewEvent] = []
    for case in open_cases:
        home = case.household_id
        events += [
            NewEvent(case, MembersChanged(kind=EventKind.MEMBER_DIED, day=day.isoformat()))
            for day in changes.died.get(home, ())
        ]
        if home in changes.alive:
            events.append(NewEvent(case, MembersChanged(kind=EventKind.MEMBER_ALIVE, day="")))
        if home in changes.emptied:
            called_off = case.visits.filter(AHEAD).update(called_off_at=at)
            event = HouseholdEmpty(
                kind=EventKind.HOUSEHOLD_EMPTY,
                visits=called_off,
                case=_goes_on(case, changes.emptied[home]),
            )
            events.append(NewEvent(case, event))
            stand(case)
            case.save()
    append(events, at)


def _goes_on(case: Case, persons: Collection[int]) -> str:
    """The reference of the open case of the household to which these persons belong now; empty for none."""
    homes = HouseholdMember.objects.filter(person_id__in=list(persons), died_on=None)
    others = Case.objects.filter(
        OPEN, household_id__among=IdSet(homes.values_list("household_id", flat=True))
    ).exclude(pk=case.pk)
    return others.order_by("-opened_at").values_list("reference", flat=True).first() or ""
