"""Pages where a department confirms lists on the spot, a few lines at a time."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from almoner.casework.accounts.access import Right, case_for, lines_of, may_or_404
from almoner.casework.core.audit import looked_at
from almoner.casework.core.paging import Key, Listing, Order
from almoner.casework.core.refusals import Refused
from almoner.casework.core.timing import clock_of
from almoner.casework.core.vault_rows import people_of
from almoner.casework.figures.areas import Areas
from almoner.casework.presentation.case_forms import AgainForm, LineForm
from almoner.casework.presentation.evidence import Presenter
from almoner.casework.residents import community_verification
from almoner.casework.views.cases import show

PAGE = 10
ORDER = Order.by(Key("check_due_at", dt.datetime))


@require_GET
def lists(request: HttpRequest) -> HttpResponse:
    return _page(request)


@require_POST
def say(request: HttpRequest, reference: str) -> HttpResponse:
    may_or_404(request.user, Right.REFERRALS)
    if not lines_of(request.user).filter(reference=reference).exists():
        raise Http404
    form = LineForm(request.POST)
    data: dict[str, Any] = (
        form.cleaned_data if form.is_valid() else {"version": 0, "confirmed": "no", "note": ""}
    )
    try:
        confirmed, note = data["confirmed"] == "yes", data["note"]
        community_verification.say(
            request.user,  # type: ignore[arg-type]
            reference,
            data["version"],
            confirmed,
            note,
        )
    except Refused as refusal:
        messages.error(request, str(refusal))
        return _page(request, status=409)
    return redirect("lists")


@require_POST
def again(request: HttpRequest, reference: str, about: str) -> HttpResponse:
    """Ask for another check on the spot, once the case's worker has cleared up what was wrong."""
    found, form = case_for(request.user, reference), AgainForm(request.POST)
    data: dict[str, Any] = form.cleaned_data if form.is_valid() else {"version": 0, "note": ""}
    try:
        community_verification.ask_again(
            request.user,  # type: ignore[arg-type]
            found.reference,
            data["version"],
            about,
            data["note"],
        )
    except Refused as refusal:
        messages.error(request, str(refusal))
        return show(request, case_for(request.user, reference), status=409)
    return redirect("case", reference=found.reference)


def _page(request: HttpRequest, status: int = 200) -> HttpResponse:
    may_or_404(request.user, Right.REFERRALS)
    waiting = lines_of(request.user)
    page = Listing(asked=waiting, shown=waiting.select_related("case"), order=ORDER, size=PAGE).page(request)
    now, present, areas = dt.datetime.now(), Presenter(), Areas()
    living = people_of([line.case.household_id for line in page])
    looked_at(
        request.user,  # type: ignore[arg-type]
        {line.case_id: line.case for line in page}.values(),
        "list",
    )
    rows = [
        (
            present.proposal(line),
            clock_of(line.check_due_at, now),
            areas.name(line.case.area),
            [p for p in living.get(line.case.household_id, []) if line.person_id in {None, p.person_id}],
        )
        for line in page
    ]
    return render(request, "casework/lists.html", {"page": page, "rows": rows}, status=status)
