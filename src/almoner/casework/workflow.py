"""What people may do with a case and with a referral, from which state, and under which guards.

The cycle never calls this module: every move has a named person (`by`), who is written into the audit trail.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from almoner.casework.access import case_for, member_or_404, referral_for
from almoner.casework.audit import NewEvent, append
from almoner.casework.clocks import installed_clocks
from almoner.casework.models import Case, CaseState, Outcome, Referral, ReferralState, RoleOf
from almoner.casework.standing import RUNNING, refresh

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.utils.functional import _StrPromise

    Refusal = _StrPromise | None

S = CaseState


class Refused(Exception):  # noqa: N818 - a refusal is an answer
    """The action cannot be done now; the text says why."""


class Stale(Refused):
    """Somebody else changed the record since the page was shown."""


@dataclass(frozen=True)
class Move:
    """One action on a case: from these states to that one (None: stays)."""

    sources: frozenset[CaseState]
    target: CaseState | None = None
    guards: tuple[Callable[[Case, User, Mapping[str, Any]], Refusal], ...] = ()
    ends: bool = field(default=False)


def is_mine_or_i_lead(case: Case, by: User, _data: Mapping[str, Any]) -> Refusal:
    if case.assignee_id == by.pk or _leads(by):
        return None
    return _("This case is not assigned to you. Take it first.")


def is_free_or_i_lead(case: Case, by: User, _data: Mapping[str, Any]) -> Refusal:
    if case.assignee_id in {None, by.pk} or _leads(by):
        return None
    return _("This case is assigned to somebody else. A team lead can hand it over.")


def has_structured_outcome(_case: Case, _by: User, data: Mapping[str, Any]) -> Refusal:
    return None if data.get("outcome") in Outcome.values else _("Choose a reason.")


def has_a_coming_date(_case: Case, _by: User, data: Mapping[str, Any]) -> Refusal:
    until = data.get("until")
    return None if until is not None and until > dt.date.today() else _("Choose a date after today.")


def has_no_running_referral(case: Case, _by: User, _data: Mapping[str, Any]) -> Refusal:
    running = case.referrals.filter(state__in=RUNNING).exists()
    return _("A department has not answered its referral yet.") if running else None


def _leads(by: User) -> bool:
    return by.membership.role == RoleOf.LEAD


OPEN = frozenset({S.DETECTED, S.VERIFYING, S.CONFIRMED, S.SUPPORTING, S.FOLLOW_UP})
MOVES: Mapping[str, Move] = {
    "take": Move(OPEN, guards=(is_free_or_i_lead,)),
    "start": Move(frozenset({S.DETECTED}), S.VERIFYING, (is_mine_or_i_lead,)),
    "confirm": Move(frozenset({S.VERIFYING}), S.CONFIRMED, (is_mine_or_i_lead,)),
    "dismiss": Move(
        frozenset({S.DETECTED, S.VERIFYING}), S.DISMISSED, (is_mine_or_i_lead, has_structured_outcome), True
    ),
    "send": Move(frozenset({S.CONFIRMED, S.SUPPORTING}), None, (is_mine_or_i_lead,)),
    "support": Move(frozenset({S.CONFIRMED}), S.SUPPORTING, (is_mine_or_i_lead,)),
    "follow-up": Move(frozenset({S.SUPPORTING}), S.FOLLOW_UP, (is_mine_or_i_lead, has_no_running_referral)),
    "close": Move(frozenset({S.FOLLOW_UP}), S.CLOSED, (is_mine_or_i_lead, has_no_running_referral), True),
    "hold": Move(OPEN, guards=(is_mine_or_i_lead, has_a_coming_date)),
    "release": Move(OPEN, guards=(is_mine_or_i_lead,)),
}
ANSWERS: Mapping[str, tuple[frozenset[ReferralState], ReferralState]] = {
    "accept": (frozenset({ReferralState.SENT}), ReferralState.ACCEPTED),
    "done": (frozenset({ReferralState.ACCEPTED}), ReferralState.DONE),
    "return": (frozenset({ReferralState.SENT, ReferralState.ACCEPTED}), ReferralState.RETURNED),
}


def possible(case: Case, by: User) -> list[str]:
    """Actions that the state allows and that need no more than what the case has now."""
    names = [name for name, move in MOVES.items() if case.state in move.sources]
    asks_for_data = {has_structured_outcome, has_a_coming_date}
    return [
        name for name in names
        if not any(guard(case, by, {}) for guard in MOVES[name].guards if guard not in asks_for_data)
    ]  # fmt: skip


def act(by: User, reference: str, name: str, version: int, data: Mapping[str, Any]) -> Case:
    """Do `name` on a case as it was at `version`. Raises Http404 for a stranger, Stale, or Refused with the
    reason."""
    with transaction.atomic():
        case = Case.objects.select_for_update().get(pk=case_for(by, reference).pk)
        _check(case, by, MOVES[name], version, data)
        before, now = case.state, dt.datetime.now()
        _change(case, by, name, data, now)
        refresh(case, case.signals.all(), case.referrals.all())
        case.version += 1
        case.save()
        told = {"from": before, "to": case.state, **_told(data), "assignee": case.assignee_id}
        append([NewEvent(case, name, told, by.pk)], now)
    return case


def _check(case: Case, by: User, move: Move, version: int, data: Mapping[str, Any]) -> None:
    if case.version != version:
        raise Stale(
            _("This case has changed since you opened it. Nothing was saved: read it again, then decide.")
        )
    if case.state not in move.sources:
        raise Refused(_("This cannot be done in the case's present state."))
    for guard in move.guards:
        refusal = guard(case, by, data)
        if refusal is not None:
            raise Refused(refusal)


def _change(case: Case, by: User, name: str, data: Mapping[str, Any], now: dt.datetime) -> None:
    move = MOVES[name]
    if move.target is not None:
        case.state = move.target
    if move.ends:
        case.ended_at, case.held_until, case.outcome = now, None, data.get("outcome", "")
    if name == "take":
        case.assignee = by
    if name in {"confirm", "send"}:
        _send(case, now)
    if name in {"hold", "release"}:
        case.held_until = data.get("until")


def _send(case: Case, now: dt.datetime) -> None:
    clocks = installed_clocks()
    for referral in case.referrals.filter(state=ReferralState.PROPOSED):
        referral.state, referral.sent_at = ReferralState.SENT, now
        referral.due_at = clocks.due(now, referral.within, referral.department)
        referral.version += 1
        referral.save()


def _told(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, dt.date) else value for key, value in data.items()}


def answer(by: User, reference: str, name: str, version: int, note: str) -> Referral:
    """A department's answer to its referral. Raises Http404 for a stranger, Stale, or Refused."""
    member_or_404(by, RoleOf.DEPARTMENT)
    with transaction.atomic():
        referral = Referral.objects.select_for_update().get(pk=referral_for(by, reference).pk)
        _check_answer(referral, name, version, note)
        now = dt.datetime.now()
        before = referral.state
        referral.state, referral.answered_at, referral.note = ANSWERS[name][1], now, note
        referral.version += 1
        referral.save()
        case = Case.objects.select_for_update().get(pk=referral.case_id)
        _follow(case, referral)
        told = {
            "key": referral.key,
            "programme": referral.programme,
            "from": before,
            "to": referral.state,
            "note": note,
        }
        append([NewEvent(case, f"referral_{name}", told, by.pk)], now)
    return referral


def _check_answer(referral: Referral, name: str, version: int, note: str) -> None:
    if referral.version != version:
        raise Stale(
            _("This referral has changed since you opened it. Nothing was saved: read it again, then decide.")
        )
    if referral.state not in ANSWERS[name][0]:
        raise Refused(_("This cannot be done in the referral's present state."))
    if name == "return" and not note:
        raise Refused(_("Say why it is returned."))


def _follow(case: Case, referral: Referral) -> None:
    """A department that has accepted is supporting."""
    if referral.state == ReferralState.ACCEPTED and case.state == S.CONFIRMED:
        case.state = S.SUPPORTING
    refresh(case, case.signals.all(), case.referrals.all())
    case.version += 1
    case.save()
