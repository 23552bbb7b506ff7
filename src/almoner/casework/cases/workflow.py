"""The moves on cases and referrals: from which state each is allowed, and under which guards.

The cycle never calls this module: every move has a named person (`by`), who is recorded in the audit trail.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from almoner.casework.accounts.access import Right, may_or_404, referral_for, referral_to
from almoner.casework.cases import approval, participation, timelines
from almoner.casework.cases.changing import change_case, change_case_of, lock, refuse_stale, refuse_unless
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
from almoner.casework.cases.handing_back import hand_out
from almoner.casework.cases.moves import Act, Move, only
from almoner.casework.cases.outgoing import queue_messages
from almoner.casework.cases.status import RUNNING
from almoner.casework.core.clocks import installed_clocks
from almoner.casework.core.event_kinds import EventKind
from almoner.casework.core.events import (
    AnswerKind,
    Held,
    MoveEvent,
    MoveKind,
    OutcomeKind,
    ReferralAnswered,
    VisitMade,
    VisitPlanned,
)
from almoner.casework.core.refusals import Refused as Refused
from almoner.casework.core.refusals import Stale as Stale
from almoner.casework.models import Case, CaseState, Checked, Referral, ReferralState, Visit
from almoner.casework.models.work import AHEAD

if TYPE_CHECKING:
    from django.contrib.auth.models import User


S = CaseState


def _take(act: Act) -> list[MoveEvent]:
    act.case.assignee = act.by
    hand_out([act.case], act.by.pk)
    return act.moved(EventKind.TAKE)


def _assign(act: Act) -> list[MoveEvent]:
    act.case.assignee_id = act.data["assignee"]
    hand_out([act.case], act.data["assignee"])
    return act.moved(EventKind.ASSIGN)


def _hold(act: Act) -> list[MoveEvent]:
    act.case.held_until = act.data["until"]
    return [Held({"kind": EventKind.HOLD, **act.step, "until": act.data["until"].isoformat()})]


def _release(act: Act) -> list[MoveEvent]:
    act.case.held_until = None
    return act.moved(EventKind.RELEASE)


def _confirm(act: Act) -> list[MoveEvent]:
    _sent, asked = _send_proposals(act)
    return act.moved(EventKind.CONFIRM) + (act.asked_for(EventKind.ASK_SEND, asked) if asked else [])


def _send(act: Act) -> list[MoveEvent]:
    sent, asked = _send_proposals(act)
    if not sent and not asked:
        raise Refused(_("Nothing can be sent yet: each proposal says what is missing."))
    events = act.moved(EventKind.SEND) if sent else []
    return events + (act.asked_for(EventKind.ASK_SEND, asked) if asked else [])


def _send_proposals(act: Act) -> tuple[list[Referral], dict[str, str]]:
    """Send proposals that need no approval, and ask for approval of money.

    Proposals that still need the family's participation stay. Returns the sent referrals, and the amounts
    asked for.
    """
    found = act.case.referrals.filter(state=ReferralState.PROPOSED).order_by("id")
    proposed = [referral for referral in found if participation.missing(referral) is None]
    money = approval.needing_approval(proposed, act.now.date())
    free = [referral for referral in proposed if referral not in money]
    _send_out(free, act.now)
    asked = approval.asked_amounts(money)
    if asked:
        approval.ask(act.case, Checked.SEND, act.by, asked, act.now)
    return free, asked


def _send_out(referrals: Iterable[Referral], now: dt.datetime) -> None:
    clocks, sent = installed_clocks(), list(referrals)
    for referral in sent:
        referral.state, referral.sent_at = ReferralState.SENT, now
        referral.due_at = clocks.due(now, referral.within, referral.department)
        referral.version += 1
        referral.save(update_fields=["state", "sent_at", "due_at", "version"])
    queue_messages(sent, "sent", now)


def _take_back(act: Act) -> list[MoveEvent]:
    """Withdraw a referral from its department."""
    referral = _named(act, RUNNING)
    referral.state, referral.version = ReferralState.TAKEN_BACK, referral.version + 1
    referral.save(update_fields=["state", "version"])
    queue_messages([referral], "taken_back", act.now)
    return act.with_referral(EventKind.REFERRAL_TAKEN_BACK, referral)


def _propose_again(act: Act) -> list[MoveEvent]:
    """What came back is proposed anew, and is sent like everything else: with a second person where it is
    money."""
    referral = _named(act, CAME_BACK)
    withdrawn = referral.evidence_cleared_on is not None
    referral.state = ReferralState.WITHDRAWN if withdrawn else ReferralState.PROPOSED
    referral.sent_at = referral.due_at = referral.answered_at = None
    referral.note, referral.version = "", referral.version + 1
    referral.save(update_fields=["state", "sent_at", "due_at", "answered_at", "note", "version"])
    return act.with_referral(EventKind.REFERRAL_AGAIN, referral)


def _named(act: Act, states: Collection[str]) -> Referral:
    """The referral of the case that the move is about."""
    referral = lock(act.case.referrals.all(), reference=act.data.get("referral", ""), state__in=states)
    if referral is None:
        raise Refused(_("This cannot be done in the referral's present state."))
    return referral


def _dismiss(act: Act) -> list[MoveEvent]:
    """Of a level that cannot wait only when a second person agrees."""
    outcome = act.data["outcome"]
    if approval.ends_by_two(act.case, act.now.date()):
        approval.ask(act.case, Checked.DISMISS, act.by, {"outcome": outcome}, act.now)
        return act.decided(EventKind.ASK_DISMISS, outcome)
    _ended(act, Checked.DISMISS, outcome)
    return act.decided(EventKind.DISMISS, outcome)


def _close(act: Act) -> list[MoveEvent]:
    """Of a level that cannot wait only when a second person agrees."""
    if approval.ends_by_two(act.case, act.now.date()):
        approval.ask(act.case, Checked.CLOSE, act.by, {"outcome": ""}, act.now)
        return act.moved(EventKind.ASK_CLOSE)
    _ended(act, Checked.CLOSE, "")
    return act.moved(EventKind.CLOSE)


def _ended(act: Act, what: str, outcome: str) -> None:
    act.case.state = S.DISMISSED if what == Checked.DISMISS else S.CLOSED
    act.case.ended_at, act.case.held_until, act.case.outcome = act.now, None, outcome
    act.case.visits.filter(AHEAD).update(called_off_at=act.now)
    timelines.forget(act.case)


def _agree(act: Act) -> list[MoveEvent]:
    check = approval.waiting(act.case)
    assert check is not None  # noqa: S101 - a guard has looked
    approval.decide(check, act.by, True, act.data.get("note", ""), act.now)
    if check.what == Checked.SEND:
        _send_out(approval.asked_referrals(act.case, check), act.now)
        return act.asked_for(EventKind.AGREE_SEND, check.about)
    _ended(act, check.what, check.about["outcome"])
    return act.decided(AGREED[Checked(check.what)], check.about["outcome"])


def _disagree(act: Act) -> list[MoveEvent]:
    check = approval.waiting(act.case)
    assert check is not None  # noqa: S101 - a guard has looked
    approval.decide(check, act.by, False, act.data["note"], act.now)
    return act.moved(DISAGREED[Checked(check.what)])


def _plan(act: Act) -> list[MoveEvent]:
    """A new visit, or another day and visitor for the one that is ahead."""
    visit = act.case.visits.filter(AHEAD).first() or Visit(case=act.case)
    visit.planned_for, visit.visitor, visit.planned_at = act.data["day"], act.by, act.now
    visit.handed_back_from = None
    visit.save()
    return [VisitPlanned({"kind": EventKind.PLAN, **act.step, "day": act.data["day"].isoformat()})]


def _seen(act: Act) -> list[MoveEvent]:
    visit = act.case.visits.get(AHEAD)
    visit.made_on, visit.found, visit.note = act.data["day"], act.data["found"], act.data.get("note", "")
    visit.reason = act.data["reason"] if visit.found == "false_alarm" else ""
    if visit.visitor_id is None:
        visit.visitor = act.by
    visit.save()
    day, found, reason = visit.made_on.isoformat(), visit.found, visit.reason
    return [VisitMade({"kind": EventKind.SEEN, **act.step, "day": day, "found": found, "reason": reason})]


AGREED: Mapping[Checked, OutcomeKind] = {
    Checked.DISMISS: EventKind.AGREE_DISMISS,
    Checked.CLOSE: EventKind.AGREE_CLOSE,
}
DISAGREED: Mapping[Checked, MoveKind] = {
    Checked.SEND: EventKind.DISAGREE_SEND,
    Checked.DISMISS: EventKind.DISAGREE_DISMISS,
    Checked.CLOSE: EventKind.DISAGREE_CLOSE,
}
OPEN = frozenset({S.DETECTED, S.VERIFYING, S.CONFIRMED, S.SUPPORTING, S.FOLLOW_UP})
UNDECIDED = frozenset({S.DETECTED, S.VERIFYING})
DECIDED = frozenset({S.CONFIRMED, S.SUPPORTING})
OURS = (is_mine_or_i_lead, nothing_waits)
CAME_BACK = (ReferralState.RETURNED, ReferralState.TAKEN_BACK)
MOVES: Mapping[str, Move] = {
    "take": Move(_take, OPEN, guards=(is_free_or_i_lead,)),
    "assign": Move(_assign, OPEN, guards=(is_mine_or_i_lead, works_there)),
    "start": Move(only(EventKind.START), frozenset({S.DETECTED}), S.VERIFYING, (is_mine_or_i_lead,)),
    "confirm": Move(_confirm, frozenset({S.VERIFYING}), S.CONFIRMED, OURS),
    "dismiss": Move(_dismiss, UNDECIDED, guards=(*OURS, has_structured_outcome)),
    "send": Move(_send, DECIDED, guards=OURS),
    "take-back": Move(_take_back, OPEN, guards=(*OURS, has_a_note)),
    "again": Move(_propose_again, DECIDED, guards=OURS),
    "support": Move(only(EventKind.SUPPORT), frozenset({S.CONFIRMED}), S.SUPPORTING, OURS),
    "follow-up": Move(
        only(EventKind.FOLLOW_UP),
        frozenset({S.SUPPORTING}),
        S.FOLLOW_UP,
        (*OURS, has_no_running_referral),
    ),
    "close": Move(_close, frozenset({S.FOLLOW_UP}), guards=(*OURS, has_no_running_referral)),
    "hold": Move(_hold, OPEN, guards=(is_mine_or_i_lead, has_a_coming_date)),
    "release": Move(_release, OPEN, guards=(is_mine_or_i_lead,)),
    "plan": Move(_plan, OPEN, guards=(is_mine_or_i_lead, has_a_day)),
    "seen": Move(_seen, OPEN, guards=(visit_is_ahead, is_my_visit_or_case, has_a_finding)),
    "note": Move(only(EventKind.NOTE), OPEN, guards=(has_a_note,)),
    "agree": Move(_agree, OPEN, guards=(something_waits, i_am_the_second, is_as_asked)),
    "disagree": Move(_disagree, OPEN, guards=(something_waits, has_a_note)),
}


@dataclass(frozen=True)
class AnswerMove:
    """A department's answer: from these states to that one, and the kind of its event."""

    sources: frozenset[ReferralState]
    target: ReferralState
    kind: AnswerKind


ANSWERS: Mapping[str, AnswerMove] = {
    "accept": AnswerMove(frozenset({ReferralState.SENT}), ReferralState.ACCEPTED, EventKind.REFERRAL_ACCEPT),
    "done": AnswerMove(frozenset({ReferralState.ACCEPTED}), ReferralState.DONE, EventKind.REFERRAL_DONE),
    "return": AnswerMove(
        frozenset({ReferralState.SENT, ReferralState.ACCEPTED}),
        ReferralState.RETURNED,
        EventKind.REFERRAL_RETURN,
    ),
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
    move = MOVES[name]
    with change_case(by, reference, version) as (case, change):
        if case.state not in move.sources:
            raise Refused(_("This cannot be done in the case's present state."))
        refuse_unless(case, by, *move.guards, data=data)
        made = Act(case=case, by=by, name=name, data=data, before=case.state, now=change.at)
        for event in _made(made, move):
            change.record(case, event)
    return case


def _made(act: Act, move: Move) -> list[MoveEvent]:
    if move.target is not None:
        act.case.state = move.target
    events = move.does(act)
    if act.case.decided_at is None and act.case.state not in UNDECIDED:
        act.case.decided_at = act.now
    return events


def answer(by: User, reference: str, name: str, version: int, note: str) -> Referral:
    """A department's answer to its referral. Raises Http404 for a stranger, Stale, or Refused."""
    may_or_404(by, Right.REFERRALS)
    return _answer(referral_for(by, reference), name, version, note, by=by)


def answer_of_system(department: str, reference: str, name: str, version: int, note: str) -> Referral:
    """The same by the department's own system."""
    return _answer(referral_to(department, reference), name, version, note, system=department)


def _answer(
    found: Referral, name: str, version: int, note: str, *, by: User | None = None, system: str | None = None
) -> Referral:
    with change_case_of(found.case_id, by=by, system=system) as (case, change):
        referral = lock(case.referrals.all(), pk=found.pk)
        if referral is None:
            raise Stale
        _check_answer(referral, name, version, note)
        before, done = referral.state, ANSWERS[name]
        referral.state, referral.answered_at, referral.note = done.target, change.at, note
        referral.version += 1
        referral.save(update_fields=["state", "answered_at", "note", "version"])
        if referral.state == ReferralState.ACCEPTED and case.state == S.CONFIRMED:
            case.state = S.SUPPORTING  # a department that has accepted is supporting
        change.touch(change.goes_on_in(case))
        event: ReferralAnswered = {
            "kind": done.kind,
            "key": referral.key,
            "programme": referral.programme,
            "from": before,
            "to": referral.state,
            "note": note,
        }
        change.record(case, event)
    return referral


def _check_answer(referral: Referral, name: str, version: int, note: str) -> None:
    refuse_stale(referral, version)
    if referral.state not in ANSWERS[name].sources:
        raise Refused(_("This cannot be done in the referral's present state."))
    if name == "return" and not note:
        raise Refused(_("Say why it is returned."))
