"""Notices to households: made by a person, opened by a code and a second fact, answered without an account.

Wrong attempts are counted by notice and by address. An unknown code, a wrong fact and a locked notice give
the same answer.
"""

from __future__ import annotations

import datetime as dt
import hmac
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import F
from django.utils.translation import gettext as _

from almoner.casework.cases.changing import change_case, change_case_of
from almoner.casework.cases.guards import is_mine_or_i_lead
from almoner.casework.core.clocks import installed_clocks
from almoner.casework.core.event_kinds import EventKind
from almoner.casework.core.events import NoticeKind, NoticeMade, NoticeUsed
from almoner.casework.core.refusals import Refused
from almoner.casework.core.vault_rows import opened_vault, people
from almoner.casework.models import Notice, NoticeAnswer, WrongTry
from almoner.casework.models.cases import new_reference

if TYPE_CHECKING:
    from django.contrib.auth.models import User

TRIES_A_NOTICE, LOCKED = 5, dt.timedelta(hours=1)
TRIES_AN_ADDRESS, REMEMBERED = 20, dt.timedelta(hours=1)
LAST = 4  # characters of an identity number: the second fact
ANSWERED: Mapping[NoticeAnswer, NoticeKind] = {
    NoticeAnswer.ACCEPTED: EventKind.HOUSEHOLD_ACCEPTED,
    NoticeAnswer.DECLINED: EventKind.HOUSEHOLD_DECLINED,
}


def make(by: User, reference: str, version: int, signal_ids: Sequence[int]) -> tuple[Notice, str]:
    """Make a notice and its code, which is not stored in clear. An older notice can no longer be opened."""
    code = new_reference()
    with change_case(by, reference, version, is_mine_or_i_lead) as (case, change):
        signals = list(case.signals.filter(pk__in=signal_ids).order_by("id").values_list("pk", flat=True))
        if not signals:
            raise Refused(_("Choose what the household is to be told."))
        case.notices.filter(ended_at=None).update(ended_at=change.at)
        notice = Notice.objects.create(
            case=case,
            code_index=_index(code),
            told=signals,
            made_at=change.at,
            made_by=by,
            answer_by=installed_clocks().due_by_term(change.at, "notice"),
        )
        event = NoticeMade(kind=EventKind.NOTICE, notice=notice.reference, told=len(signals))
        change.record(case, event)
    return notice, code


def readable(code: str) -> str:
    return f"{code[:5]}-{code[5:]}"


def opened(code: str, fact: str, address: str) -> Notice | None:
    """The notice of this code, if the fact is right for a member of its household; else None."""
    now = dt.datetime.now()
    origin = _index(f"address:{address}")
    if WrongTry.objects.filter(origin=origin, at__gt=now - REMEMBERED).count() >= TRIES_AN_ADDRESS:
        return None
    plain = "".join(code.lower().split()).replace("-", "")
    notice = Notice.objects.select_related("case").filter(code_index=_index(plain), ended_at=None).first()
    if notice is None or (notice.locked_until and notice.locked_until > now) or not _fits(notice, fact):
        _wrong(notice, origin, now)
        return None
    return _right(notice, now)


def _fits(notice: Notice, fact: str) -> bool:
    """Whether the fact is right. The numbers of all members are compared, so that the time taken reveals
    nothing."""
    given = "".join(fact.split()).upper().encode()
    numbers = [person.number for person in people(notice.case.household_id) if person.number]
    compared = [hmac.compare_digest(number[-LAST:].upper().encode(), given) for number in numbers]
    return any(compared)


def must_be_unlocked(notice: Notice) -> None:
    """Raise Refused while too many wrong attempts lock the notice."""
    if notice.locked_until and notice.locked_until > dt.datetime.now():
        raise Refused(
            _(
                "The code or number is not correct. Look at the letter again. After several wrong tries,"
                " wait for an hour."
            )
        )


def count_wrong(notice: Notice, address: str) -> None:
    """Count a wrong attempt by somebody who has opened the notice already."""
    _wrong(notice, _index(f"address:{address}"), dt.datetime.now())


def _wrong(notice: Notice | None, origin: bytes, now: dt.datetime) -> None:
    WrongTry.objects.filter(at__lte=now - REMEMBERED).delete()
    WrongTry.objects.create(origin=origin, at=now)
    if notice is None or (notice.locked_until and notice.locked_until > now):
        return
    Notice.objects.filter(pk=notice.pk).update(wrong=F("wrong") + 1)
    Notice.objects.filter(pk=notice.pk, wrong__gte=TRIES_A_NOTICE).update(wrong=0, locked_until=now + LOCKED)


def _right(notice: Notice, now: dt.datetime) -> Notice:
    with change_case_of(notice.case_id, touch=False) as (case, change):
        if notice.opened_at is None:
            notice.opened_at = now
        notice.wrong, notice.locked_until = 0, None
        notice.save(update_fields=["opened_at", "wrong", "locked_until"])
        change.record(case, NoticeUsed(kind=EventKind.NOTICE_OPENED, notice=notice.reference))
    return notice


def answer(notice: Notice, said: str) -> None:
    """Record the household's answer, which it may change later. A person decides what follows."""
    with change_case_of(notice.case_id) as (case, change):
        answered = NoticeAnswer(said)
        notice.answer, notice.answered_at = answered, change.at
        notice.save(update_fields=["answer", "answered_at"])
        change.record(case, NoticeUsed(kind=ANSWERED[answered], notice=notice.reference))


def _index(text: str) -> bytes:
    return opened_vault(str(settings.VAULT_KEY)).index(f"notice:{text}")
