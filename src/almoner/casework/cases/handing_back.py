"""Work goes back to the lists when whoever had it can work on it no longer.

A person who is switched off, gets another role, or works in other areas loses the cases and the planned
visits that they may not see any more. Nobody else is chosen: a case is unassigned again, and a visit is
nobody's, on its day as before. `hand_back` runs in the transaction that changes the rights. It also runs
daily, over everybody, for what changed in another way: a case that moved to another area, or rights that
were changed past these functions.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import User
from django.db import transaction
from django.dispatch import receiver
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from almoner.casework.accounts.access import cases_of, of_cases
from almoner.casework.accounts.staff import rights_changed
from almoner.casework.cases.changing import CaseChange, change_cases
from almoner.casework.core.account_events import WorkHandedBack
from almoner.casework.core.audit import NewEvent, append
from almoner.casework.core.batches import batched
from almoner.casework.core.event_kinds import EventKind
from almoner.casework.core.events import HandedBack
from almoner.casework.models import Case, Visit
from almoner.casework.models.cases import OPEN
from almoner.casework.models.work import AHEAD

if TYPE_CHECKING:
    from almoner.casework.accounts.access import Someone

_AT_ONCE = 500  # cases


@dataclass(frozen=True)
class Returned:
    """How many cases and planned visits came back to the lists."""

    cases: int = 0
    visits: int = 0

    def __bool__(self) -> bool:
        return bool(self.cases or self.visits)

    def __add__(self, other: Returned) -> Returned:
        return Returned(self.cases + other.cases, self.visits + other.visits)


@receiver(rights_changed, dispatch_uid="almoner.work_goes_back")
def _rights_changed(sender: object, user: User, by: User | None, **more: object) -> Returned:
    del sender, more
    return hand_back([user], by=by)


def hand_back(people: Iterable[User] | None = None, *, by: User | None = None) -> Returned:
    """Put back what these people, or all (None), have and may not see any more. `by` changed their rights."""
    total = Returned()
    with transaction.atomic():
        for user in _who_hold() if people is None else people:
            total += _hand_back(user, by)
    return total


def hand_out(cases: Collection[Case], to: int) -> None:
    """Note that cases that were just assigned to a person, and their visits that are nobody's, are taken up.
    The caller saves the cases."""
    for case in cases:
        case.handed_back_from = None
    ahead = Visit.objects.filter(AHEAD, case__in=cases, visitor=None)
    ahead.update(visitor=to, handed_back_from=None)


def _who_hold() -> list[User]:
    """Everybody who has an open case or a planned visit."""
    cases = Case.objects.filter(OPEN, assignee__isnull=False).order_by().values("assignee").distinct()
    visits = Visit.objects.filter(AHEAD, visitor__isnull=False).order_by().values("visitor").distinct()
    return list(User.objects.filter(pk__in=cases.union(visits)).order_by("pk"))


def _hand_back(user: User, by: User | None) -> Returned:
    total = Returned()
    mine, ahead = _lost(user)
    affected = sorted({*mine.values_list("pk", flat=True), *ahead.values_list("case", flat=True)})
    for some in batched(affected, _AT_ONCE):
        with change_cases(some, by=by) as change:
            total += _put_back(user, change, some)
    if total:
        event = WorkHandedBack(
            kind=EventKind.WORK_HANDED_BACK,
            user=user.pk,
            username=user.get_username(),
            cases=total.cases,
            visits=total.visits,
        )
        append([NewEvent(None, event, by.pk if by else None)], dt.datetime.now())
    return total


def _lost(user: User) -> tuple[Any, Any]:
    """Open cases and planned visits of the user that the user may not see any more."""
    mine = Case.objects.filter(OPEN, assignee=user)
    ahead = Visit.objects.filter(AHEAD, visitor=user)
    seen = cases_of(user).filter(OPEN, assignee=user)
    return (
        mine.exclude(pk__in=seen.values("pk")),
        ahead.exclude(pk__in=of_cases(user, ahead).values("pk")),
    )


def _put_back(user: User, change: CaseChange, keys: Collection[int]) -> Returned:
    """Look again under the locks, write, and record."""
    lost, ahead = _lost(user)
    without = set(lost.filter(pk__in=keys).values_list("pk", flat=True))
    visits = set(ahead.filter(case__in=keys).values_list("case", flat=True))
    cases = [change.cases[key] for key in sorted(without | visits)]
    for case in cases:
        if case.pk in without:
            case.assignee_id, case.handed_back_from = None, user
        case.version += 1
    Case.objects.bulk_update(cases, ["assignee", "handed_back_from", "version"])
    Visit.objects.filter(AHEAD, case__in=visits, visitor=user).update(visitor=None, handed_back_from=user)
    for case in cases:
        event = HandedBack(
            {
                "kind": EventKind.HANDED_BACK,
                "from": case.state,
                "to": case.state,
                "assignee": case.assignee_id,
                "holder": user.pk,
                "case": case.pk in without,
                "visit": case.pk in visits,
            }
        )
        change.record(case, event)
    return Returned(len(without), len(visits))


def waiting_of(user: User) -> Returned:
    """What came back from a person and still waits for somebody."""
    cases = Case.objects.filter(OPEN, handed_back_from=user).count()
    return Returned(cases, Visit.objects.filter(AHEAD, visitor=None, handed_back_from=user).count())


def waiting_for(reader: Someone) -> list[tuple[User, Returned]]:
    """The same by person, of the cases that the reader may see; sorted by name."""
    cases = cases_of(reader).filter(OPEN, handed_back_from__isnull=False)
    visits = of_cases(reader, Visit.objects.filter(AHEAD, visitor=None))
    found: dict[int, Returned] = {}
    for records, which in ((cases, Returned(cases=1)), (visits, Returned(visits=1))):
        for user in records.order_by().values_list("handed_back_from", flat=True):
            found[user] = found.get(user, Returned()) + which
    people = User.objects.in_bulk(found) if found else {}
    return sorted(
        ((people[pk], back) for pk, back in found.items() if pk in people),
        key=lambda pair: pair[0].get_full_name() or pair[0].get_username(),
    )


def in_words(back: Returned) -> str:
    """The numbers in words, as in "3 cases and 1 visit"."""
    cases = ngettext("%(count)s case", "%(count)s cases", back.cases) % {"count": back.cases}
    visits = ngettext("%(count)s visit", "%(count)s visits", back.visits) % {"count": back.visits}
    if back.cases and back.visits:
        return _("%(cases)s and %(visits)s") % {"cases": cases, "visits": visits}
    return cases if back.cases else visits
