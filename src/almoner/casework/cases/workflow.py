"""What people may do with a case and with a referral, from which state, and under which guards.

The cycle never calls this module: every move has a named person (`by`), who is written into the audit trail.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from almoner.casework.accounts.access import Right, case_for, may_or_404, referral_for, referral_to
from almoner.casework.cases import approval, participation, timelines
from almoner.casework.cases.guards import (
    ASK_FOR_DATA,
    Data,
    has_a_coming_date,
    has_a_day,
    has_a_finding,
    has_a_note,
    has_no_running_referral,
    has_structured_outcome,
    i_am_the_second,
    is_as_asked,
    is_free_or_i_lead,
    is_mine_or_i_lead,
    is_my_visit_or_case,
    nothing_waits,
    something_waits,
    visit_is_ahead,
    works_there,
)
from almoner.casework.cases.outgoing import tell
from almoner.casework.cases.status import RUNNING, stand
from almoner.casework.core.audit import NewEvent, append
from almoner.casework.core.clocks import installed_clocks
from almoner.casework.core.refusals import Refused as Refused
from almoner.casework.core.refusals import Stale as Stale
from almoner.casework.models import Case, CaseState, Checked, Referral, ReferralState, Visit
from almoner.casework.models.work import AHEAD

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from almoner.casework.cases.guards import Refusal

S = CaseState


@dataclass
class Act:
    """One move while it is made. `kind` and `told` become its event; `also` are events that follow it."""

    case: Case
    by: User
    kind: str
    data: Data
    now: dt.datetime
    told: dict[str, Any] = field(default_factory=dict)
    also: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


@dataclass(frozen=True)
class Move:
    """One action on a case: from these states to that one (None: stays), and what else it does."""

    sources: frozenset[CaseState]
    target: CaseState | None = None
    guards: tuple[Callable[[Case, User, Data], Refusal], ...] = ()
    does: Callable[[Act], None] | None = None


def _take(act: Act) -> None:
    act.case.assignee = act.by


def _assign(act: Act) -> None:
    act.case.assignee_id = act.data["assignee"]


def _hold(act: Act) -> None:
    act.case.held_until = act.data.get("until")


def _send(act: Act) -> None:
    """What needs no approval goes out; money is asked for and waits for a second person. What the family's
    part in it is missing for stays."""
    found = act.case.referrals.filter(state=ReferralState.PROPOSED).order_by("id")
    proposed = [referral for referral in found if participation.missing(referral) is None]
    if not proposed and act.kind == "send":
        raise Refused(_("Nothing can be sent yet: what is missing stands under each proposal."))
    money = approval.needing_approval(proposed, act.now.date())
    free = [referral for referral in proposed if referral not in money]
    _send_out(free, act.now)
    if money:
        about = approval.asked_amounts(money)
        approval.ask(act.case, Checked.SEND, act.by, about, act.now)
        if free or act.kind != "send":
            act.also.append(("ask_send", {"asked": about}))
        else:
            act.kind, act.told = "ask_send", {"asked": about}


def _send_out(referrals: Iterable[Referral], now: dt.datetime) -> None:
    clocks, sent = installed_clocks(), list(referrals)
    for referral in sent:
        referral.state, referral.sent_at = ReferralState.SENT, now
        referral.due_at = clocks.due(now, referral.within, referral.department)
        referral.version += 1
        referral.save(update_fields=["state", "sent_at", "due_at", "version"])
    tell(sent, "sent", now)


def _take_back(act: Act) -> None:
    """A department is asked for nothing more."""
    referral = _named(act, RUNNING)
    referral.state, referral.version = ReferralState.TAKEN_BACK, referral.version + 1
    referral.save(update_fields=["state", "version"])
    tell([referral], "taken_back", act.now)
    act.kind, act.told = "referral_taken_back", {"key": referral.key, "programme": referral.programme}


def _propose_again(act: Act) -> None:
    """What came back is proposed anew, and is sent like everything else: with a second person where it is
    money."""
    referral = _named(act, CAME_BACK)
    withdrawn = referral.evidence_cleared_on is not None
    referral.state = ReferralState.WITHDRAWN if withdrawn else ReferralState.PROPOSED
    referral.sent_at = referral.due_at = referral.answered_at = None
    referral.note, referral.version = "", referral.version + 1
    referral.save(update_fields=["state", "sent_at", "due_at", "answered_at", "note", "version"])
    act.kind, act.told = "referral_again", {"key": referral.key, "programme": referral.programme}


def _named(act: Act, states: Collection[str]) -> Referral:
    """The referral of the case that the move is about."""
    of = Referral.objects.select_for_update().filter(case=act.case, state__in=states)
    referral = of.filter(reference=act.data.get("referral", "")).first()
    if referral is None:
        raise Refused(_("This cannot be done in the referral's present state."))
    return referral


def _end(act: Act) -> None:
    """Dismiss or close; of a level that cannot wait only when a second person agrees."""
    outcome = act.data.get("outcome", "")
    if approval.ends_by_two(act.case, act.now.date()):
        approval.ask(act.case, act.kind, act.by, {"outcome": outcome}, act.now)
        act.kind = f"ask_{act.kind}"
    else:
        _ended(act, act.kind, outcome)


def _ended(act: Act, what: str, outcome: str) -> None:
    act.case.state = S.DISMISSED if what == Checked.DISMISS else S.CLOSED
    act.case.ended_at, act.case.held_until, act.case.outcome = act.now, None, outcome
    act.case.visits.filter(AHEAD).update(called_off_at=act.now)
    timelines.forget(act.case)


def _agree(act: Act) -> None:
    check = approval.waiting(act.case)
    assert check is not None  # noqa: S101 - a guard has looked
    if check.what == Checked.SEND:
        _send_out(approval.asked_referrals(act.case, check), act.now)
        act.told = {"asked": check.about}
    else:
        _ended(act, check.what, check.about["outcome"])
        act.told = check.about
    approval.decide(check, act.by, True, act.data.get("note", ""), act.now)
    act.kind = f"agree_{check.what}"


def _disagree(act: Act) -> None:
    check = approval.waiting(act.case)
    assert check is not None  # noqa: S101 - a guard has looked
    approval.decide(check, act.by, False, act.data["note"], act.now)
    act.kind = f"disagree_{check.what}"


def _plan(act: Act) -> None:
    """A new visit, or another day and visitor for the one that is ahead."""
    visit = act.case.visits.filter(AHEAD).first() or Visit(case=act.case)
    visit.planned_for, visit.visitor, visit.planned_at = act.data["day"], act.by, act.now
    visit.save()


def _seen(act: Act) -> None:
    visit = act.case.visits.get(AHEAD)
    visit.made_on, visit.found, visit.note = act.data["day"], act.data["found"], act.data.get("note", "")
    visit.reason = act.data["reason"] if visit.found == "false_alarm" else ""
    visit.save()


OPEN = frozenset({S.DETECTED, S.VERIFYING, S.CONFIRMED, S.SUPPORTING, S.FOLLOW_UP})
UNDECIDED = frozenset({S.DETECTED, S.VERIFYING})
DECIDED = frozenset({S.CONFIRMED, S.SUPPORTING})
OURS = (is_mine_or_i_lead, nothing_waits)
CAME_BACK = (ReferralState.RETURNED, ReferralState.TAKEN_BACK)
MOVES: Mapping[str, Move] = {
    "take": Move(OPEN, None, (is_free_or_i_lead,), _take),
    "assign": Move(OPEN, None, (is_mine_or_i_lead, works_there), _assign),
    "start": Move(frozenset({S.DETECTED}), S.VERIFYING, (is_mine_or_i_lead,)),
    "confirm": Move(frozenset({S.VERIFYING}), S.CONFIRMED, OURS, _send),
    "dismiss": Move(UNDECIDED, None, (*OURS, has_structured_outcome), _end),
    "send": Move(DECIDED, None, OURS, _send),
    "take-back": Move(OPEN, None, (*OURS, has_a_note), _take_back),
    "again": Move(DECIDED, None, OURS, _propose_again),
    "support": Move(frozenset({S.CONFIRMED}), S.SUPPORTING, OURS),
    "follow-up": Move(frozenset({S.SUPPORTING}), S.FOLLOW_UP, (*OURS, has_no_running_referral)),
    "close": Move(frozenset({S.FOLLOW_UP}), None, (*OURS, has_no_running_referral), _end),
    "hold": Move(OPEN, None, (is_mine_or_i_lead, has_a_coming_date), _hold),
    "release": Move(OPEN, None, (is_mine_or_i_lead,), _hold),
    "plan": Move(OPEN, None, (is_mine_or_i_lead, has_a_day), _plan),
    "seen": Move(OPEN, None, (visit_is_ahead, is_my_visit_or_case, has_a_finding), _seen),
    "note": Move(OPEN, None, (has_a_note,)),
    "agree": Move(OPEN, None, (something_waits, i_am_the_second, is_as_asked), _agree),
    "disagree": Move(OPEN, None, (something_waits, has_a_note), _disagree),
}
ANSWERS: Mapping[str, tuple[frozenset[ReferralState], ReferralState]] = {
    "accept": (frozenset({ReferralState.SENT}), ReferralState.ACCEPTED),
    "done": (frozenset({ReferralState.ACCEPTED}), ReferralState.DONE),
    "return": (frozenset({ReferralState.SENT, ReferralState.ACCEPTED}), ReferralState.RETURNED),
}


def possible(case: Case, by: User) -> list[str]:
    """Actions that the state allows and that need no more than what the case has now."""
    moves = {name: move for name, move in MOVES.items() if case.state in move.sources}
    asked = {guard for move in moves.values() for guard in move.guards} - ASK_FOR_DATA
    refused = {guard for guard in asked if guard(case, by, {})}
    return [name for name, move in moves.items() if not refused.intersection(move.guards)]


def act(by: User, reference: str, name: str, version: int, data: Data) -> Case:
    """Do `name` on a case as it was at `version`. Raises Http404 for a stranger, Stale, or Refused with the
    reason."""
    with transaction.atomic():
        case = Case.objects.select_for_update().get(pk=case_for(by, reference).pk)
        _check(case, by, MOVES[name], version, data)
        before, doing = case.state, Act(case, by, name, data, dt.datetime.now())
        _change(doing, MOVES[name])
        _stand(case)
        told = {"from": before, "to": case.state, **_told(data), **doing.told, "assignee": case.assignee_id}
        events = [NewEvent(case, doing.kind, told, by.pk)]
        events += [NewEvent(case, kind, more, by.pk) for kind, more in doing.also]
        append(events, doing.now)
    return case


def _check(case: Case, by: User, move: Move, version: int, data: Data) -> None:
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


def _change(doing: Act, move: Move) -> None:
    if move.target is not None:
        doing.case.state = move.target
    if move.does is not None:
        move.does(doing)
    if doing.case.decided_at is None and doing.case.state not in UNDECIDED:
        doing.case.decided_at = doing.now


def _stand(case: Case) -> None:
    """Clock and urgency after a move."""
    stand(case)
    case.version += 1
    case.save()


def _told(data: Data) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, dt.date) else value for key, value in data.items()}


def answer(by: User, reference: str, name: str, version: int, note: str) -> Referral:
    """A department's answer to its referral. Raises Http404 for a stranger, Stale, or Refused."""
    may_or_404(by, Right.REFERRALS)
    return _answer(referral_for(by, reference), name, version, note, actor_id=by.pk)


def answer_of_system(department: str, reference: str, name: str, version: int, note: str) -> Referral:
    """The same by the department's own system."""
    return _answer(referral_to(department, reference), name, version, note, system=department)


def _answer(found: Referral, name: str, version: int, note: str, **who: Any) -> Referral:
    with transaction.atomic():
        case = Case.objects.select_for_update().get(
            pk=found.case_id
        )  # before the referral, as every move does
        referral = Referral.objects.select_for_update().get(pk=found.pk)
        _check_answer(referral, name, version, note)
        now = dt.datetime.now()
        before = referral.state
        referral.state, referral.answered_at, referral.note = ANSWERS[name][1], now, note
        referral.version += 1
        referral.save(update_fields=["state", "answered_at", "note", "version"])
        _follow(case, referral)
        told = {
            "key": referral.key,
            "programme": referral.programme,
            "from": before,
            "to": referral.state,
            "note": note,
        }
        append([NewEvent(case, f"referral_{name}", told, **who)], now)
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
    _stand(case)
    if case.joined_to_id is not None:
        _stand(Case.objects.select_for_update().get(pk=case.joined_to_id))
