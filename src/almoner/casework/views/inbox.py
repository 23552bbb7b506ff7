"""The pages where a department sees and answers its referrals, and nothing else of the cases."""

from __future__ import annotations

import datetime as dt

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from almoner.casework.accounts.access import (
    Right,
    grievances_of,
    lines_of,
    may_or_404,
    referral_for,
    referrals_of,
    walk_ins_of,
)
from almoner.casework.cases import workflow
from almoner.casework.cases.status import RUNNING
from almoner.casework.core import words
from almoner.casework.core.audit import looked
from almoner.casework.core.filters import report_filters
from almoner.casework.core.paging import Key, Listing, Order
from almoner.casework.core.timing import clock, clock_of
from almoner.casework.models import Referral, WalkIn
from almoner.casework.presentation import minimal_data
from almoner.casework.presentation.evidence import Presenter
from almoner.casework.presentation.forms import ActForm, WaitingForm

PAGE = 25
WAITING = Order.by(Key("due_at", dt.datetime))
ANSWERED = Order.by(Key("answered_at", dt.datetime, descending=True))


@require_GET
def inbox(request: HttpRequest) -> HttpResponse:
    may_or_404(request.user, Right.REFERRALS)
    filters = report_filters(request, WaitingForm(request.GET))
    answered = filters.chosen.get("list") == "answered"
    mine = referrals_of(request.user)
    asked = mine.exclude(state__in=RUNNING) if answered else mine.filter(state__in=RUNNING)
    if filters.shows_nothing:
        asked = asked.none()
    order = ANSWERED if answered else WAITING
    page = Listing(asked=asked, shown=mine, order=order, size=PAGE).page(
        request, {"list": "answered"} if answered else None
    )
    now, present = dt.datetime.now(), Presenter()
    shows = minimal_data.lineages(page)
    rows = [
        (present.proposal(one, minimal_data.body_for(one, shows)), None if answered else clock(one, now))
        for one in page
    ]
    facts = grievances_of(request.user).filter(answered_at=None).order_by("due_at", "id")[:PAGE]
    corrections = [(fact, words.in_language(fact.fact["feed"]), clock_of(fact.due_at, now)) for fact in facts]
    context = {
        "page": page,
        "rows": rows,
        "facts": [] if answered else corrections,
        "unknown": [] if answered else [(one, clock_of(one.due_at, now)) for one in _unknown(request)],
        "lines": lines_of(request.user).count(),
        "answered": answered,
    }
    return render(request, "casework/inbox.html", context)


def _unknown(request: HttpRequest) -> list[WalkIn]:
    """Applications of people who are missing from the department's register."""
    return list(walk_ins_of(request.user).filter(answered_at=None).order_by("due_at", "pk")[:PAGE])


@require_GET
def referral(request: HttpRequest, reference: str) -> HttpResponse:
    return _show(request, referral_for(request.user, reference))


@require_POST
def answer(request: HttpRequest, reference: str, action: str) -> HttpResponse:
    found = referral_for(request.user, reference)
    form = ActForm(request.POST)
    if action not in workflow.ANSWERS:
        raise Http404
    if not form.is_valid():
        messages.error(request, form.complaint())
        return _show(request, found, status=400)
    data = form.cleaned_data
    try:
        workflow.answer(
            request.user,  # type: ignore[arg-type]
            found.reference,
            action,
            data["version"],
            data["note"],
        )
    except workflow.Refused as refusal:
        messages.error(request, str(refusal))
        return _show(request, referral_for(request.user, reference), status=409)
    return redirect("referral", reference=found.reference)


def _show(request: HttpRequest, found: Referral, status: int = 200) -> HttpResponse:
    looked(request.user, found.case, "referral")  # type: ignore[arg-type]
    context = {
        "proposal": Presenter().proposal(found, minimal_data.body_for(found)),
        "clock": clock(found, dt.datetime.now()) if found.state in RUNNING else None,
        "people": minimal_data.people_for(found),
        "can": [name for name, made in workflow.ANSWERS.items() if found.state in made.sources],
    }
    return render(request, "casework/referral.html", context, status=status)
