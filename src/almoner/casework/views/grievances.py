"""Answer grievances: workers answer appeals and requests for a talk, departments answer corrections."""

from __future__ import annotations

import datetime as dt

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from almoner.casework.accounts.access import Right, grievance_for, may_or_404
from almoner.casework.cases.workflow import Refused
from almoner.casework.core import words
from almoner.casework.core.audit import looked
from almoner.casework.core.timing import clock_of
from almoner.casework.models import Grievance, GrievanceKind, Label
from almoner.casework.models.residents import ENDINGS
from almoner.casework.presentation.forms import EndingForm
from almoner.casework.residents import grievances
from almoner.casework.views.cases import show


@require_POST
def answer(request: HttpRequest, reference: str) -> HttpResponse:
    may_or_404(request.user, Right.CASES)
    found = grievance_for(request.user, reference)
    if not _answered(request, found):
        return show(request, found.case, status=409)
    return redirect("case", reference=found.case.reference)


@require_http_methods(["GET", "POST"])
def fact(request: HttpRequest, reference: str) -> HttpResponse:
    """A correction as the supplying department sees it: the fact, the person, and what the household says.

    Nothing else of the case is shown.
    """
    may_or_404(request.user, Right.REFERRALS)
    found = grievance_for(request.user, reference)
    refused = request.method == "POST" and not _answered(request, found)
    if request.method == "POST" and not refused:
        return redirect("fact", reference=found.reference)
    looked(request.user, found.case, "fact")  # type: ignore[arg-type]
    units = dict(Label.objects.filter(kind="unit").values_list("key", "words"))
    context = {
        "grievance": found,
        "said": grievances.said(found),
        "values": [
            (words.in_language(v["label"]), words.quantity(v["value"], v["unit"], units))
            for v in found.fact["values"]
        ],
        "feed": words.in_language(found.fact["feed"]),
        "people": grievances.subjects(found),
        "clock": clock_of(found.due_at, dt.datetime.now()),
        "endings": ENDINGS[GrievanceKind(found.kind)],
        "ours": found.asked_by_id is not None,
    }
    return render(request, "casework/fact.html", context, status=409 if refused else 200)


def _answered(request: HttpRequest, found: Grievance) -> bool:
    form = EndingForm(request.POST)
    data = form.cleaned_data if form.is_valid() else {}
    try:
        grievances.answer(
            request.user,  # type: ignore[arg-type]
            found.reference,
            data.get("ending", ""),
            data.get("note", ""),
        )
    except Refused as refusal:
        messages.error(request, str(refusal))
        return False
    return True
