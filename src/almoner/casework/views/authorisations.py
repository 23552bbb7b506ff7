"""Ask the adults of a household for an authorisation, and record each answer."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from almoner.casework.accounts.access import case_for
from almoner.casework.cases import authorisations
from almoner.casework.core.refusals import Refused
from almoner.casework.core.vault_rows import people
from almoner.casework.presentation.case_forms import AuthoriseForm, ConsentForm
from almoner.casework.views.cases import show


@require_POST
def ask(request: HttpRequest, reference: str) -> HttpResponse:
    found = case_for(request.user, reference)
    form = AuthoriseForm(request.POST, members=[person.person_id for person in people(found.household_id)])
    if not form.is_valid():
        messages.error(request, _("Choose the adults of the household."))
        return show(request, found, status=400)
    data = form.cleaned_data
    try:
        authorisations.ask(
            request.user,  # type: ignore[arg-type]
            reference,
            data["version"],
            data["about"],
            data["adult"],
        )
    except Refused as refusal:
        messages.error(request, str(refusal))
        return show(request, case_for(request.user, reference), status=409)
    return redirect("case", reference=found.reference)


@require_POST
def record(request: HttpRequest, reference: str, about: str) -> HttpResponse:
    found, form = case_for(request.user, reference), ConsentForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose what the person said, and how the person was identified."))
        return show(request, found, status=400)
    data = form.cleaned_data
    try:
        authorisations.record(
            request.user,  # type: ignore[arg-type]
            reference,
            data["version"],
            about,
            data["person"],
            data["said"],
            data["how"],
        )
    except Refused as refusal:
        messages.error(request, str(refusal))
        return show(request, case_for(request.user, reference), status=409)
    return redirect("case", reference=found.reference)
