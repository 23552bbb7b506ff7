"""The lists and filters of the work queue, as query conditions. The figures of Today count the same lists."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Coalesce

from almoner.casework.accounts.access import cases_of
from almoner.casework.cases.status import over
from almoner.casework.cases.withdrawn import is_without_evidence
from almoner.casework.models import (
    Case,
    CaseSignal,
    CaseState,
    Check,
    Grievance,
    Referral,
    ReferralState,
)
from almoner.casework.models.cases import OPEN
from almoner.casework.models.residents import OF_DEPARTMENTS
from almoner.casework.models.work import WAITING

if TYPE_CHECKING:
    from almoner.casework.accounts.access import Someone
    from almoner.casework.figures.areas import Areas

LISTED, UNLISTED = "*", "-"  # on any watch list; on none
DECIDED = (CaseState.CONFIRMED, CaseState.SUPPORTING)
NEW = dt.timedelta(days=6)  # before today; today counts too
GIVEN = dt.timedelta(days=29)  # before today; today counts too


def condition(me: int, name: str, now: dt.datetime) -> Q:
    """The condition for the list `name`, for use on `listed(...)`, which adds `hand`.

    Cases in either of two sets are written as a union, because PostgreSQL tests two conditions joined by OR
    on every open case.
    """
    working = OPEN & (Q(held_until=None) | Q(held_until__lte=now.date()))
    conditions: dict[str, Callable[[], Q]] = {
        "open": lambda: working & Q(hand=me),
        "mine": lambda: working & Q(assignee_id=me),
        "team": lambda: working & Q(assignee__isnull=False),
        "unassigned": lambda: working & Q(assignee=None),
        "back": lambda: OPEN & Q(handed_back_from__isnull=False),
        "overdue": lambda: working & Q(due_at__lt=now),
        "second": lambda: OPEN & Q(pk__in=waiting().values("case_id")),
        "asked": lambda: Q(pk__in=asked().values("case_id")),
        "unanswered": lambda: OPEN & Q(silent_since__lt=now),
        "telling": lambda: OPEN & Q(untold=True),
        "returned": lambda: OPEN & Q(state__in=DECIDED, pk__in=returned().values("case_id")),
        "departments": lambda: (
            OPEN
            & Q(
                pk__in=over(now)
                .values("case_id")
                .union(over(now).filter(case__joined_to__isnull=False).values("case__joined_to"))
            )
        ),
        "withdrawn": is_without_evidence,
        "held": lambda: OPEN & Q(held_until__gt=now.date()),
        "new": lambda: Q(opened_at__gte=start(now, NEW)),
        "given": lambda: Q(pk__in=given(now).values("case_id")),
        "all": lambda: OPEN,
        "ended": lambda: Q(ended_at__isnull=False),
    }
    return conditions[name]()


def records(now: dt.datetime) -> dict[str, QuerySet[Check] | QuerySet[Grievance] | QuerySet[Referral]]:
    """For lists of cases that have some record: those records by list. There are fewer of them than cases."""
    return {"second": waiting().filter(case__ended_at=None), "asked": asked(), "given": given(now)}


def waiting() -> QuerySet[Check]:
    """The checks that wait for a second person."""
    return Check.objects.filter(WAITING)


def given(now: dt.datetime) -> QuerySet[Referral]:
    """The referrals that departments have delivered recently."""
    return Referral.objects.filter(given_since(start(now, GIVEN)))


def start(now: dt.datetime, back: dt.timedelta) -> dt.datetime:
    return dt.datetime.combine(now.date() - back, dt.time())


def given_since(moment: dt.datetime) -> Q:
    """A filter on referrals that departments have delivered since `moment`."""
    return Q(state=ReferralState.DONE, answered_at__gte=moment)


def asked() -> QuerySet[Grievance]:
    """Unanswered grievances for people who work cases, including those of ended cases."""
    return Grievance.objects.filter(answered_at=None).exclude(kind__in=OF_DEPARTMENTS)


def returned() -> QuerySet[Referral]:
    """Referrals that departments returned. They stay here until the case moves on to its follow-up."""
    return Referral.objects.filter(state=ReferralState.RETURNED)


def listed(user: Someone) -> QuerySet[Case]:
    """The user's cases, with `hand`: the assignee, or the user when there is none."""
    # Coalesce, because with a plain OR SQLite combines two indexes and sorts, which is four times slower than
    # one scan by due time.
    return cases_of(user).alias(hand=Coalesce("assignee_id", Value(int(str(user.pk)))))


def filtered(user: Someone, chosen: Mapping[str, str], areas: Areas, *, many: bool = False) -> QuerySet[Case]:
    """The cases of the chosen list that match the chosen filters.

    `many` is a hint to the database that most cases match. It then scans the cases in order for the first
    page, because the condition is on an expression (`same`) and not on the primary key.
    """
    key = "same" if many else "pk"
    name = chosen.get("list") or "open"
    cases = listed(user).filter(condition(int(str(user.pk)), name, dt.datetime.now())).alias(same=F("pk") + 0)
    for field in ("level", "state"):
        if chosen.get(field):
            cases = cases.filter(**{field: chosen[field]})
    if chosen.get("area"):
        cases = cases.filter(area__in=areas.below(chosen["area"]))
    if chosen.get("signal"):
        active = CaseSignal.objects.filter(signal=chosen["signal"], cleared_on=None)
        cases = cases.filter(**{f"{key}__in": active.values("case_id")})
    if chosen.get("programme"):
        cases = cases.filter(**{f"{key}__in": _of_programme(name, chosen["programme"]).values("case_id")})
    return _in_layers(cases, chosen, key)


def _of_programme(list_name: str, programme: str) -> QuerySet[Referral]:
    """Referrals of the programme: delivered ones in the list of delivered support, else all that are not
    withdrawn."""
    if list_name == "given":
        return Referral.objects.filter(given_since(start(dt.datetime.now(), GIVEN)), programme=programme)
    states = [state for state in ReferralState if state != ReferralState.WITHDRAWN]
    return Referral.objects.filter(programme=programme, state__in=states)


def _in_layers(cases: QuerySet[Case], chosen: Mapping[str, str], key: str) -> QuerySet[Case]:
    """Cases with an active signal of the chosen theme whose subject is, or is not, on the watch list."""
    active = CaseSignal.objects.filter(cleared_on=None)
    if chosen.get("theme"):
        cases = cases.filter(**{f"{key}__in": active.filter(theme=chosen["theme"]).values("case_id")})
    group = chosen.get("watch")
    if group in {LISTED, UNLISTED}:
        return cases.filter(**{"listed" if group == LISTED else "unlisted": True})
    if group:
        found = active.filter(watched__gt="", watched__contains=f",{group},")  # first a range of an index
        cases = cases.filter(**{f"{key}__in": found.values("case_id")})
    return cases
