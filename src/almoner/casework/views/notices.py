"""Make a notice. Its letter with the code is shown once, as a page or a PDF, and is not stored."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language, override
from django.views.decorators.http import require_POST

from almoner.casework.accounts.access import case_for
from almoner.casework.cases import workflow
from almoner.casework.core import words
from almoner.casework.core.audit import looked
from almoner.casework.core.vault_rows import people
from almoner.casework.models import Case, Department, Notice
from almoner.casework.presentation.evidence import Presenter
from almoner.casework.presentation.forms import NoticeForm
from almoner.casework.residents import grievances, letters, notices
from almoner.casework.views.cases import show
from almoner.casework.views.household import offers


@require_POST
def make(request: HttpRequest, reference: str) -> HttpResponse:
    found = case_for(request.user, reference)
    form = NoticeForm(request.POST, signals=list(found.signals.values_list("pk", flat=True)))
    data = form.cleaned_data if form.is_valid() else {}
    as_pdf = data.get("form") == "pdf"
    lacking = letters.missing() if as_pdf else None
    if lacking is not None:
        return _refused(request, found, lacking)
    language = data["language"] or get_language() or "en" if as_pdf else get_language() or "en"
    try:
        with transaction.atomic():  # if the letter cannot be made, no notice is stored
            notice, code = notices.make(
                request.user,  # type: ignore[arg-type]
                found.reference,
                data.get("version", 0),
                data.get("signals", []),
            )
            looked(request.user, found, "letter")  # type: ignore[arg-type]
            with override(language):
                context = _letter(request, found, notice, code)
            if as_pdf:
                return _file(letters.pdf(context, language, large=data["large"]))
    except workflow.Refused as refusal:
        return _refused(request, found, str(refusal))
    return render(request, "casework/letter.html", context)


def _refused(request: HttpRequest, case: Case, why: str) -> HttpResponse:
    messages.error(request, why)
    return show(request, case_for(request.user, case.reference), status=409)


def _letter(request: HttpRequest, case: Case, notice: Notice, code: str) -> dict[str, Any]:
    """The template variables of the letter, in the active language."""
    facts = grievances.noticed_facts(notice)
    members = people(case.household_id)
    first = members[0] if members else None
    owner = Department.objects.filter(pk=facts[0][0].department).first() if facts else None
    return {
        "case": case,
        "notice": notice,
        "code": notices.readable(code),
        "people": members,
        "name": first.name if first else None,
        "address": first.address if first else None,
        "sender": words.in_language(owner.label) if owner else "",
        "place": request.build_absolute_uri(reverse("household-enter")),
        "noticed": [
            (
                words.in_language(signal.body["label"]),
                [words.in_language(sentence) for sentence, _rests in grievances.by_sentence(noticed)],
            )
            for signal, noticed in facts
        ],
        "offers": offers(case, Presenter()),
    }


def _file(content: bytes) -> HttpResponse:
    """The PDF as a download, under a file name that reveals nothing."""
    response = HttpResponse(content, content_type="application/pdf")
    response.headers["Content-Disposition"] = 'attachment; filename="notice.pdf"'
    return response
