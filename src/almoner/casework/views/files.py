"""Add, download and remove files of a case."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from almoner.casework.accounts.access import case_for
from almoner.casework.cases import files
from almoner.casework.core.audit import looked
from almoner.casework.core.refusals import Refused
from almoner.casework.presentation.case_forms import FileForm, WhyForm
from almoner.casework.views.cases import show


@require_POST
def add(request: HttpRequest, reference: str) -> HttpResponse:
    found = case_for(request.user, reference)
    form, sent = FileForm(request.POST), request.FILES.get("file")
    about = form.cleaned_data["about"] if form.is_valid() else ""
    name, data, size = (sent.name or "", sent.read(), sent.size or 0) if sent else ("", b"", 0)
    try:
        files.add(request.user, found.reference, about, name, data, size)  # type: ignore[arg-type]
    except Refused as refusal:
        messages.error(request, str(refusal))
        return show(request, found, status=409)
    messages.success(request, _("The file was kept."))
    return redirect("case", reference=found.reference)


@require_GET
def fetch(request: HttpRequest, reference: str, name: str) -> HttpResponse:
    """Send a file as a download. It is never shown inside the console, so it cannot run there."""
    file = files.file_for(request.user, reference, name)  # type: ignore[arg-type]
    response = HttpResponse(files.content(file), content_type=file.media)
    response["Content-Disposition"] = content_disposition_header(True, files.name_of(file)) or "attachment"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["X-Content-Type-Options"] = "nosniff"
    looked(request.user, file.case, "file")  # type: ignore[arg-type]
    return response


@require_POST
def remove(request: HttpRequest, reference: str, name: str) -> HttpResponse:
    found = case_for(request.user, reference)
    form = WhyForm(request.POST)
    try:
        files.remove(
            request.user,  # type: ignore[arg-type]
            reference,
            name,
            form.cleaned_data["note"] if form.is_valid() else "",
        )
    except Refused as refusal:
        messages.error(request, str(refusal))
        return show(request, found, status=409)
    messages.success(request, _("The file was removed."))
    return redirect("case", reference=found.reference)
