"""A department's own referrals, and nothing else of the case."""

from __future__ import annotations

import datetime as dt

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from almoner.casework import workflow
from almoner.casework.access import member_or_404, referral_for, referrals_of
from almoner.casework.audit import looked
from almoner.casework.evidence import Presenter
from almoner.casework.forms import ActForm
from almoner.casework.models import Referral, RoleOf
from almoner.casework.standing import RUNNING
from almoner.casework.timing import clock
from almoner.casework.vault_rows import people

PAGE = 25


@require_GET
def inbox(request: HttpRequest) -> HttpResponse:
    member_or_404(request.user, RoleOf.DEPARTMENT)
    waiting = referrals_of(request.user).filter(state__in=RUNNING).order_by("due_at", "id")
    page = Paginator(waiting, PAGE).get_page(request.GET.get("page"))
    now, present = dt.datetime.now(), Presenter()
    rows = [(present.proposal(referral), clock(referral, now)) for referral in page]
    return render(request, "casework/inbox.html", {"page": page, "rows": rows})


@require_GET
def referral(request: HttpRequest, reference: str) -> HttpResponse:
    return _show(request, referral_for(request.user, reference))


@require_POST
def answer(request: HttpRequest, reference: str, action: str) -> HttpResponse:
    found = referral_for(request.user, reference)
    form = ActForm(request.POST)
    if action not in workflow.ANSWERS or not form.is_valid():
        raise Http404
    told = form.cleaned_data
    try:
        workflow.answer(request.user, found.reference, action, told["version"], told["note"])  # type: ignore[arg-type]
    except workflow.Refused as refusal:
        messages.error(request, str(refusal))
        return _show(request, referral_for(request.user, reference), status=409)
    return redirect("referral", reference=found.reference)


def _show(request: HttpRequest, found: Referral, status: int = 200) -> HttpResponse:
    looked(request.user, found.case, "referral")  # type: ignore[arg-type]
    context = {
        "proposal": Presenter().proposal(found),
        "clock": clock(found, dt.datetime.now()) if found.state in RUNNING else None,
        "people": [p for p in people(found.case.household_id) if found.person_id in {None, p.person_id}],
        "can": [name for name, (sources, _target) in workflow.ANSWERS.items() if found.state in sources],
    }
    return render(request, "casework/referral.html", context, status=status)
