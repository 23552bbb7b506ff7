"""Making a notice: the letter is shown once, with the code, to be printed and handed over."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from almoner.casework import concerns, notices, words, workflow
from almoner.casework.access import case_for
from almoner.casework.audit import looked
from almoner.casework.evidence import Presenter
from almoner.casework.forms import NoticeForm
from almoner.casework.vault_rows import people
from almoner.casework.views.cases import show
from almoner.casework.views.household import offers


@require_POST
def make(request: HttpRequest, reference: str) -> HttpResponse:
    found = case_for(request.user, reference)
    form = NoticeForm(request.POST, signals=list(found.signals.values_list("pk", flat=True)))
    version, told = (form.cleaned_data["version"], form.cleaned_data["told"]) if form.is_valid() else (0, [])
    try:
        notice, code = notices.make(request.user, found.reference, version, told)  # type: ignore[arg-type]
    except workflow.Refused as refusal:
        messages.error(request, str(refusal))
        return show(request, case_for(request.user, reference), status=409)
    looked(request.user, found, "letter")  # type: ignore[arg-type]
    context = {
        "case": found,
        "notice": notice,
        "code": notices.readable(code),
        "people": people(found.household_id),
        "told": [
            (words.in_language(signal.body["label"]), [words.in_language(fact.sentence) for fact in facts])
            for signal, facts in concerns.told_facts(notice)
        ],
        "offers": offers(found, Presenter()),
    }
    return render(request, "casework/letter.html", context)
