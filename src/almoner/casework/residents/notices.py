"""Notices to households: made by a person, opened by a code and a second fact, answered without an account.

An unknown code, a wrong fact and a locked notice give the same answer after the same work (`code_tries`).
"""

from __future__ import annotations

import datetime as dt
import hmac
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from django.db.models import Q
from django.utils.translation import gettext as _

from almoner.casework.cases import authorisations
from almoner.casework.cases.changing import change_case, change_case_of
from almoner.casework.cases.guards import is_mine_or_i_lead
from almoner.casework.core.clocks import installed_clocks
from almoner.casework.core.event_kinds import EventKind
from almoner.casework.core.events import NoticeKind, NoticeMade, NoticeUsed
from almoner.casework.core.refusals import Refused
from almoner.casework.core.vault_rows import people
from almoner.casework.models import Notice, NoticeAnswer
from almoner.casework.models.cases import new_reference
from almoner.casework.residents.code_tries import code_try, keyed

if TYPE_CHECKING:
    from django.contrib.auth.models import User

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
            code_index=keyed(code),
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


def opened(code: str, fact: str, network: str) -> Notice | None:
    """The notice of this code, if the fact is right for a member of its household; else None.

    Whatever is wrong, the same is read, written and compared, so that the time taken tells nothing.
    """
    index = keyed("".join(code.lower().split()).replace("-", ""))
    with code_try(network, Q(code_index=index)) as attempt:
        standing = Notice.objects.select_related("case").filter(ended_at=None)
        found = standing.filter(code_index=index).first()
        stand_in = standing.order_by("pk").first()
        compared = found or stand_in
        fits = compared is not None and _fits(compared, fact)
        if found is None or not attempt.allowed or not fits:
            return None
        attempt.was_right()
    return _right(found, dt.datetime.now())


def _fits(notice: Notice, fact: str) -> bool:
    """Whether the fact is right. The numbers of all members are compared, so that the time taken reveals
    nothing."""
    given = "".join(fact.split()).upper().encode()
    numbers = [person.number for person in people(notice.case.household_id) if person.number]
    compared = [hmac.compare_digest(number[-LAST:].upper().encode(), given) for number in numbers]
    return any(compared)


def sign(notice: Notice, about: str, number: str, said: str, network: str) -> None:
    """Record a member's own answer to an authorisation, identified by the whole identity number.

    Raises Refused for a wrong number, which counts as a wrong try, and while the notice is locked.
    """
    with code_try(network, Q(pk=notice.pk)) as attempt:
        if not attempt.allowed:
            raise Refused(
                _(
                    "The code or number is not correct. Look at the letter again. After several wrong tries,"
                    " wait for an hour."
                )
            )
        try:
            authorisations.sign(notice, about, number, said)
        except authorisations.WrongNumber:
            raise
        except Refused:
            attempt.was_right()
            raise
        attempt.was_right()


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
