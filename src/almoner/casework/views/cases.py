"""The page of a case: its evidence, proposals, history, and the next action."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from almoner.casework.accounts.access import case_for, colleagues_for
from almoner.casework.cases import approval, authorisations, guards, workflow
from almoner.casework.cases.history import history, looks
from almoner.casework.cases.participation import HIDDEN
from almoner.casework.cases.status import RUNNING
from almoner.casework.core import words
from almoner.casework.core.audit import looked
from almoner.casework.core.timing import ClockView, clock, clock_of
from almoner.casework.core.vault_rows import people
from almoner.casework.figures.areas import Areas
from almoner.casework.models import (
    Case,
    DismissalReason,
    Ending,
    FalseAlarm,
    Grievance,
    GrievanceKind,
    Visit,
    VisitFinding,
)
from almoner.casework.models.residents import ENDINGS, OF_DEPARTMENTS
from almoner.casework.models.work import AHEAD
from almoner.casework.presentation.evidence import Presenter, Proposal
from almoner.casework.presentation.forms import ActForm
from almoner.casework.presentation.timelines_shown import over_months
from almoner.casework.residents import grievances
from almoner.casework.views.case_parts import more, part


@dataclass(frozen=True, kw_only=True)
class OpenGrievance:
    """A grievance as a worker sees it.

    `endings` are the answers that can be given here; none for a correction, which a department answers.
    """

    grievance: Grievance
    said: str
    clock: ClockView
    endings: Sequence[Ending]
    mine: bool
    sentence: str


MAIN = ("take", "agree", "start", "seen", "confirm", "send", "support", "follow-up", "close")


@require_GET
def case(request: HttpRequest, reference: str) -> HttpResponse:
    return show(request, case_for(request.user, reference))


@require_GET
def sheet(request: HttpRequest, reference: str) -> HttpResponse:
    """A sheet for a visit, to be printed."""
    found = case_for(request.user, reference)
    looked(request.user, found, "sheet")  # type: ignore[arg-type]
    present = Presenter()
    signals = found.signals.filter(cleared_on=None).order_by("urgency_hours", "due_at", "id")
    context = {
        "case": found,
        "area": Areas().name(found.area),
        "clock": clock(found, dt.datetime.now()),
        "people": people(found.household_id, dead=True),
        "reasons": [present.reason(signal) for signal in signals],
        "proposals": [
            p
            for p, _clock in _proposals(found, present, dt.datetime.now())
            if p.referral.participation != HIDDEN
        ],
        "visit": _visit_ahead(found),
        "findings": VisitFinding.choices,
        "false_alarms": FalseAlarm.choices,
        "to_sign": _to_sign(found),
    }
    return render(request, "casework/sheet.html", context)


def _to_sign(found: Case) -> list[tuple[str, list[authorisations.Word]]]:
    """The authorisation texts that adults still have to answer, each with those adults."""
    waiting = found.authorisations.filter(ended_at=None, settled_at=None).order_by("pk")
    listed = [
        (authorisations.text_of(one), [w for w in authorisations.words_of(one) if w.last is None])
        for one in waiting
    ]
    return [(text, missing) for text, missing in listed if missing]


@require_POST
def act(request: HttpRequest, reference: str, action: str) -> HttpResponse:
    """Carry out one action of a case. Answers 409 when it is refused, 400 for an invalid form."""
    found = case_for(request.user, reference)
    if action not in workflow.MOVES:
        raise Http404
    form = ActForm(request.POST)
    if not form.is_valid():
        messages.error(request, form.complaint())
        return show(request, found, status=400)
    try:
        workflow.act(
            request.user,  # type: ignore[arg-type]
            found.reference,
            action,
            form.cleaned_data["version"],
            form.values(),
        )
    except workflow.Refused as refusal:
        messages.error(request, str(refusal))
        return show(request, case_for(request.user, reference), status=409)
    return redirect("case", reference=found.reference)


def show(request: HttpRequest, found: Case, status: int = 200) -> HttpResponse:
    """Render a case's page, and record that its personal data was seen."""
    looked(request.user, found, "case")  # type: ignore[arg-type]
    return render(request, "casework/case.html", _page(request, found), status=status)


def _page(request: HttpRequest, found: Case) -> dict[str, Any]:
    now = dt.datetime.now()
    present = Presenter()
    can = workflow.possible(found, request.user)  # type: ignore[arg-type]
    members = people(found.household_id, dead=True)
    signals = found.signals.order_by("urgency_hours", "due_at", "id")
    reasons = [(present.reason(signal), signal.cleared_on) for signal in signals]
    return {
        "case": found,
        "level": present.level(found.level),
        "clock": clock(found, now),
        "held": found.is_held(now.date()),
        "area": Areas().name(found.area),
        "people": members,
        "reasons": sorted(reasons, key=lambda pair: pair[1] is not None),
        "months": over_months(found, members, present),
        "proposals": [part(proposal, clock, found) for proposal, clock in _proposals(found, present, now)],
        "history": history(found),
        "looks": looks(found),
        "can": can,
        "main": _main_action(found, request, can),
        "outcomes": DismissalReason.choices,
        "check": approval.waiting(found),
        "today": now.date(),
        **more(found, request, members),
        **_visits(found),
        **_household(found, request, now),
        **_colleagues(found, request, can),
    }


def _visits(found: Case) -> dict[str, Any]:
    made = list(found.visits.exclude(made_on=None).select_related("visitor").order_by("-made_on", "-id"))
    last = made[0].found if made else ""
    return {
        "visit": _visit_ahead(found),
        "visits_made": made,
        "last_outcome": last if last in DismissalReason.values else "",
        "findings": VisitFinding.choices,
        "false_alarms": FalseAlarm.choices,
    }


def _household(found: Case, request: HttpRequest, now: dt.datetime) -> dict[str, Any]:
    """Notices, answers and grievances of the household."""
    raised = found.grievances.select_related("answered_by", "asked_by", "other").order_by(
        "-answered_at", "due_at"
    )
    return {
        "notice": found.notices.filter(ended_at=None).first(),
        "may_notify": guards.is_mine_or_i_lead(found, request.user, {}) is None,  # type: ignore[arg-type]
        "grievances": [
            OpenGrievance(
                grievance=grievance,
                said=grievances.said(grievance),
                clock=clock_of(grievance.due_at, now),
                endings=(
                    []
                    if grievance.answered_at or grievance.kind in OF_DEPARTMENTS
                    else ENDINGS[GrievanceKind(grievance.kind)]
                ),
                mine=grievances.may_answer(request.user, grievance),  # type: ignore[arg-type]
                sentence=words.in_language(grievance.fact.get("sentence")),
            )
            for grievance in raised
        ],
    }


def _visit_ahead(found: Case) -> Visit | None:
    return found.visits.filter(AHEAD).select_related("visitor").first()


def _colleagues(found: Case, request: HttpRequest, can: list[str]) -> dict[str, Any]:
    """The people to whom the user can assign the case."""
    if "assign" not in can:
        return {"colleagues": []}
    others = {found.assignee_id, request.user.pk}
    return {"colleagues": [m.user for m in colleagues_for([found.area]) if m.user_id not in others]}


def _proposals(found: Case, present: Presenter, now: dt.datetime) -> list[tuple[Proposal, ClockView | None]]:
    referrals = found.referrals.order_by("id")
    return [(present.proposal(r), clock(r, now) if r.state in RUNNING else None) for r in referrals]


def _main_action(found: Case, request: HttpRequest, can: list[str]) -> str | None:
    """The action that the page offers first: taking the case, then what waits, then what the state
    requires."""
    offered = [name for name in MAIN if name in can]
    if found.assignee_id == request.user.pk:
        offered = [name for name in offered if name != "take"]
    elif "agree" in offered:
        return "agree"
    proposed = any(referral.state == "proposed" for referral in found.referrals.all())
    if not proposed:
        offered = [name for name in offered if name != "send"]
    return offered[0] if offered else None
