"""Report that a household is recorded wrongly, and join two cases of one household."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from almoner.casework.accounts.access import case_for
from almoner.casework.core.refusals import Refused
from almoner.casework.presentation.case_forms import JoinForm, ReportForm
from almoner.casework.residents import corrections
from almoner.casework.views.cases import show


@require_POST
def report(request: HttpRequest, reference: str) -> HttpResponse:
    found, form = case_for(request.user, reference), ReportForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose what is wrong."))
        return show(request, found, status=400)
    try:
        corrections.report(
            request.user,  # type: ignore[arg-type]
            reference,
            form.cleaned_data["version"],
            form.values(),
        )
    except Refused as refusal:
        messages.error(request, str(refusal))
        return show(request, case_for(request.user, reference), status=409)
    messages.success(request, _("The department that keeps the register has been asked."))
    return redirect("case", reference=found.reference)


@require_POST
def join(request: HttpRequest, reference: str) -> HttpResponse:
    found, form = case_for(request.user, reference), JoinForm(request.POST)
    version, grievance = (
        (form.cleaned_data["version"], form.cleaned_data["grievance"]) if form.is_valid() else (0, "")
    )
    try:
        kept = corrections.join(request.user, reference, version, grievance)  # type: ignore[arg-type]
    except Refused as refusal:
        messages.error(request, str(refusal))
        return show(request, case_for(request.user, reference), status=409)
    return redirect("case", reference=kept.reference if found.pk != kept.pk else found.reference)
