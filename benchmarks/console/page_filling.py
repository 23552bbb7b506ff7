"""Fill the made-up cases of `python -m benchmarks console` with work, from assignments to notices.

A few statements write all of it, because the benchmark does not measure what people do one by one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Exists, F, OuterRef

from almoner import casework
from almoner.casework.cases.participation import ONE
from almoner.casework.cases.status import NOTIFIED_FIRST, around
from almoner.casework.core import chains, vault_rows
from almoner.casework.core.vault_rows import opened_vault
from almoner.casework.models import (
    AccessLog,
    Area,
    AreaOutline,
    Authorisation,
    Case,
    CaseSignal,
    Check,
    Grievance,
    HouseholdMember,
    Notice,
    Referral,
    Visit,
    WalkIn,
)
from almoner.casework.models.cases import OPEN
from almoner.errors import AlmonerError
from almoner.registry.vault import SealedIdentity

MINE = 40  # cases of each measured user
CAME_BEFORE = 4  # earlier requests of each household with a request
DAY, SECOND = dt.timedelta(days=1), dt.timedelta(seconds=1)
AT_ONCE = 5_000
NUMBER = "71000019900101001X"  # a number that is issued to nobody


def refuse_filled() -> None:
    """Raise AlmonerError where the database has cases, so that made-up ones never mix with real ones."""
    if Case.objects.exists():
        raise AlmonerError(
            "This database holds cases. Name an empty one, or none, for the benchmark fills it with made-up"
            " ones."
        )


def live(users: Mapping[str, User], first_past: int, now: dt.datetime) -> None:
    """Give new cases a history: they are assigned, decided, referred, visited and ended.

    Households from `first_past` on have ended cases.
    """
    fresh = Case.objects.filter(decided_at=None, state="detected", assignee=None)
    past = fresh.filter(household_id__gte=first_past)
    decided = F("opened_at") + 9 * DAY
    for rest, (state, outcome) in enumerate(
        (("closed", ""), ("closed", ""), ("dismissed", "false_alarm"), ("dismissed", "moved"))
    ):
        some = past.annotate(rest=F("household_id") % 4).filter(rest=rest)
        some.update(
            state=state,
            outcome=outcome,
            decided_at=decided,
            ended_at=F("opened_at") + 30 * DAY,
            due_at=dt.datetime(9999, 12, 31),
        )
    working = fresh.filter(OPEN).annotate(rest=F("household_id") % 20)
    working.filter(rest=1).update(held_until=now.date() + 5 * DAY)
    working.filter(rest__in=[2, 3]).update(state="verifying", assignee=users["colleague"])
    working.filter(rest__in=[4, 5]).update(
        state="supporting", assignee=users["colleague"], decided_at=decided
    )
    working.filter(rest=6).update(state="follow_up", assignee=users["colleague"], decided_at=decided)
    _sent(now)
    _cleared(now)
    for name in ("everywhere", "township"):
        _mine(users[name], now)
    _residents(now)
    _asked(users, now)
    _at_the_desk(users["colleague"], now)
    _around()


def _sent(now: dt.datetime) -> None:
    """Create referrals to departments: waiting, overdue, returned or delivered."""
    sent = Referral.objects.filter(state="proposed", case__state__in=["supporting", "follow_up", "closed"])
    sent.filter(case__state="supporting").update(
        state="sent", sent_at=now - 9 * DAY, due_at=now + 9 * DAY, check_due_at=None
    )
    waiting = Referral.objects.filter(state="sent", due_at=now + 9 * DAY).annotate(rest=F("id") % 50)
    waiting.filter(rest=7).update(state="returned", answered_at=now - DAY)
    waiting.filter(rest__in=[8, 18, 28, 38, 48]).update(due_at=now - 3 * DAY)
    for back in range(30):
        done = sent.filter(case__state="follow_up").annotate(rest=F("id") % 30).filter(rest=back)
        done.update(
            state="done",
            sent_at=now - 40 * DAY,
            due_at=now - 9 * DAY,
            answered_at=now - back * DAY,
            check_due_at=None,
        )
    sent.filter(case__state="closed").update(
        state="done", sent_at=now - 99 * DAY, answered_at=now - 60 * DAY, check_due_at=None
    )


def _cleared(now: dt.datetime) -> None:
    """Clear the findings of one case in a hundred."""
    gone = Case.objects.filter(OPEN).annotate(rest=F("household_id") % 100).filter(rest=50)
    CaseSignal.objects.filter(cleared_on=None, case__in=gone).update(cleared_on=now.date() - DAY)
    gone.update(listed=False, unlisted=False)


def _mine(user: User, now: dt.datetime) -> None:
    """Assign cases to the user, with planned visits."""
    area = user.membership.areas[0].strip("*")
    own = list(
        Case.objects.filter(OPEN, area__begins=area, state="detected", assignee=None, held_until=None)[:MINE]
    )
    Case.objects.filter(pk__in=[case.pk for case in own]).update(assignee=user)
    Visit.objects.bulk_create(
        Visit(case=case, planned_for=now.date() + n % 9 * DAY, visitor=user, planned_at=now)
        for n, case in enumerate(own)
    )


def _residents(now: dt.datetime) -> None:
    """Create one person in each household, with the household's number."""
    vault, known = opened_vault(str(settings.VAULT_KEY)), HouseholdMember.objects.values("household_id")
    new = list(
        Case.objects.exclude(household_id__in=known)
        .order_by()
        .values_list("household_id", flat=True)
        .distinct()
    )
    for some in _some(new):
        sealed = [
            vault.seal_all(some, field, [text] * len(some))
            for field, text in (("number", NUMBER), ("name", "Bench Resident"))
        ]
        rows = (
            SealedIdentity(person_id=key, number_index=vault.index(f"bench {key}"), number=number, name=name)
            for key, number, name in zip(some, *sealed, strict=True)
        )
        vault_rows.DjangoIdentityStore().write(list(rows))
        casework.sync_members([(household, household, now.date()) for household in some])


def _some(found: Sequence[int]) -> Iterable[list[int]]:
    return ([*found[start : start + AT_ONCE]] for start in range(0, len(found), AT_ONCE))


def _asked(users: Mapping[str, User], now: dt.datetime) -> None:
    """Create pending checks, authorisations and notices, and as many recorded views as cases."""
    found = (
        Case.objects.filter(OPEN, state="verifying", checks=None)
        .annotate(rest=F("household_id") % 40)
        .filter(rest=2)[:AT_ONCE]
    )
    Check.objects.bulk_create(
        Check(
            case=case, what="dismiss", about={}, asked_by=users["colleague"], asked_at=now, due_at=now + DAY
        )
        for case in found
    )
    notified = (
        Case.objects.filter(OPEN, state="verifying", notices=None)
        .annotate(rest=F("household_id") % 40)
        .filter(rest=3)[:AT_ONCE]
    )
    Notice.objects.bulk_create(
        Notice(
            case=case,
            code_index=f"{case.pk:032}".encode(),
            made_at=now - 30 * DAY,
            made_by=users["colleague"],
            answer_by=now - 9 * DAY,
            told=[signal.pk for signal in case.signals.all()],
        )
        for case in notified.prefetch_related("signals")
    )
    asks = Case.objects.filter(OPEN, grievances=None).annotate(rest=F("household_id") % 50).filter(rest=11)
    Grievance.objects.bulk_create(
        Grievance(
            case=case,
            kind=("appeal", "person")[n % 2],
            person_id=case.household_id,
            asked_at=now - 9 * DAY,
            due_at=now + n % 9 * DAY,
        )
        for n, case in enumerate(asks)
    )
    doubts = (
        Referral.objects.filter(state="sent", case__grievances=None)
        .annotate(rest=F("case__household_id") % 200)
        .filter(rest=24)
    )
    fact: dict[str, Any] = {
        "sentence": {"en": "What was read.", "zh": "读取值。"},
        "feed": {"en": "Feed", "zh": "数据"},
        "values": [],
        "person": None,
    }
    Grievance.objects.bulk_create(
        Grievance(
            case_id=case,
            kind="correction",
            department=department,
            fact=fact,
            person_id=household,
            asked_at=now,
            due_at=now + 9 * DAY,
        )
        for case, household, department in doubts.values_list("case_id", "case__household_id", "department")
    )
    asked = Referral.objects.filter(state="proposed", participation=ONE, authorisations=None).select_related(
        "case"
    )[:AT_ONCE]
    Authorisation.objects.bulk_create(
        Authorisation(
            case=one.case,
            referral=one,
            asked=[one.case.household_id],
            text={"en": "I agree.", "zh": "同意。"},
            made_at=now - 20 * DAY,
            made_by=users["colleague"],
            due_at=now - 3 * DAY,
        )
        for one in asked
    )
    looked = Case.objects.filter(accesslog__isnull=True).order_by("pk").values_list("pk", "household_id")
    chains.add(
        [
            AccessLog(
                user=users["colleague"],
                case_id=case,
                household_id=household,
                page="case",
                at=now - n % 300 * DAY,
            )
            for n, (case, household) in enumerate(looked.iterator(AT_ONCE))
        ]
    )


def _around() -> None:
    """Set the columns of a case that `status.refresh` computes, because bulk writes bypass it."""
    proposed = Referral.objects.filter(
        case=OuterRef("pk"), state="proposed", participation__in=NOTIFIED_FIRST
    )
    notice = Notice.objects.filter(case=OuterRef("pk"), ended_at=None)
    Case.objects.update(untold=Exists(proposed) & ~Exists(notice))
    for some in _some(list(Case.objects.filter(OPEN).values_list("pk", flat=True))):
        silent = [Case(pk=pk, silent_since=it.silent_since) for pk, it in around(some).items()]
        Case.objects.bulk_update(silent, ["silent_since"], batch_size=500)


def _at_the_desk(taker: User, now: dt.datetime) -> None:
    """Create requests at the desk within three months, for one household in ten; one in ten is not answered.

    Each of these households also has earlier, answered requests. A user who sees all areas took them.
    """
    vault = opened_vault(str(settings.VAULT_KEY))
    came = (
        Case.objects.filter(OPEN)
        .annotate(rest=F("household_id") % 10)
        .filter(rest=3)
        .values_list("household_id", flat=True)
    )
    known = {bytes(index) for index in WalkIn.objects.values_list("number_index", flat=True)}
    rows: list[WalkIn] = []
    for n, household in enumerate(came):
        index = vault.index(f"bench {household}")
        if index in known:
            continue
        rows += _requests(taker, index, n, now)
    WalkIn.objects.bulk_create(rows, batch_size=AT_ONCE)


def _requests(taker: User, index: bytes, n: int, now: dt.datetime) -> Iterator[WalkIn]:
    """A household's last request, and earlier ones. No two are answered at the same moment."""
    if n % 10 == 0:
        taken = now - n % 20 * DAY
        yield WalkIn(number_index=index, known=True, taken_at=taken, taken_by=taker, due_at=taken + 15 * DAY)
    for before in range(n % 10 == 0, CAME_BEFORE + 1):
        answered = now - (90 * before + n % 90) * DAY - n * SECOND
        yield WalkIn(
            number_index=index,
            known=True,
            taken_at=answered - 9 * DAY,
            taken_by=taker,
            due_at=answered + 6 * DAY,
            answered_at=answered,
            answered_by=taker,
            ending="nothing",
            note="The rules give nothing.",
        )


def draw_map() -> None:
    """A square for each area under the whole."""
    tops = Area.objects.filter(parent__in=Area.objects.filter(parent="").values("code"))
    AreaOutline.objects.bulk_create(
        AreaOutline(
            code=area.pk,
            path=f"M{x},{y}h90v90h-90Z",
            west=x,
            north=y,
            east=x + 90,
            south=y + 90,
            x=x + 45,
            y=y + 45,
        )
        for place, area in enumerate(tops)
        for x, y in [(place % 5 * 100.0, place // 5 * 100.0)]
    )


def settle() -> None:
    """Analyse the database, as PostgreSQL does by itself minutes after a load, and close the connection.

    The next one is a server's, without the large cache for filling.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
    connection.close()
