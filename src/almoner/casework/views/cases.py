"""One household's case: why it is here, what is proposed, what was done, and the next move."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from almoner.casework import workflow
from almoner.casework.access import case_for
from almoner.casework.areas import Areas
from almoner.casework.audit import looked
from almoner.casework.evidence import Presenter, Proposal
from almoner.casework.forms import ActForm
from almoner.casework.history import history
from almoner.casework.models import Case, Outcome
from almoner.casework.timing import Clock, clock
from almoner.casework.vault_rows import people

MAIN = ("take", "start", "confirm", "send", "support", "follow-up", "close")


@require_GET
def case(request: HttpRequest, reference: str) -> HttpResponse:
    found = case_for(request.user, reference)
    looked(request.user, found, "case")  # type: ignore[arg-type]
    return render(request, "casework/case.html", _page(request, found))


@require_POST
def act(request: HttpRequest, reference: str, action: str) -> HttpResponse:
    found = case_for(request.user, reference)
    form = ActForm(request.POST)
    if action not in workflow.MOVES or not form.is_valid():
        raise Http404
    data = {
        name: value
        for name, value in form.cleaned_data.items()
        if name != "version" and value not in {None, ""}
    }
    try:
        workflow.act(request.user, found.reference, action, form.cleaned_data["version"], data)  # type: ignore[arg-type]
    except workflow.Refused as refusal:
        messages.error(request, str(refusal))
        again = case_for(request.user, reference)
        looked(request.user, again, "case")  # type: ignore[arg-type]
        return render(request, "casework/case.html", _page(request, again), status=409)
    return redirect("case", reference=found.reference)


def _page(request: HttpRequest, found: Case) -> dict[str, Any]:
    now = dt.datetime.now()
    present = Presenter()
    can = workflow.possible(found, request.user)  # type: ignore[arg-type]
    signals = found.signals.order_by("urgency_hours", "due_at", "id")
    reasons = [(present.reason(signal), signal.cleared_on) for signal in signals]
    return {
        "case": found,
        "clock": clock(found, now),
        "held": found.is_held(now.date()),
        "area": Areas().name(found.area),
        "people": people(found.household_id),
        "reasons": sorted(reasons, key=lambda pair: pair[1] is not None),
        "proposals": _proposals(found, present, now),
        "history": history(found),
        "can": can,
        "main": _main_action(found, request, can),
        "outcomes": Outcome.choices,
    }


def _proposals(found: Case, present: Presenter, now: dt.datetime) -> list[tuple[Proposal, Clock | None]]:
    referrals = found.referrals.order_by("id")
    return [
        (present.proposal(r), clock(r, now) if r.due_at and not r.answered_at else None) for r in referrals
    ]


def _main_action(found: Case, request: HttpRequest, can: list[str]) -> str | None:
    """The one thing to do next: first somebody takes the case, then the state decides."""
    offered = [name for name in MAIN if name in can]
    if found.assignee_id == request.user.pk:
        offered = [name for name in offered if name != "take"]
    proposed = any(referral.state == "proposed" for referral in found.referrals.all())
    if not proposed:
        offered = [name for name in offered if name != "send"]
    return offered[0] if offered else None
