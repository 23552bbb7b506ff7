"""Putting photos and papers with a case, showing them, and taking them away: each with a named person and
a line in the trail."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.http import Http404
from django.utils.translation import gettext as _

from almoner.casework.accounts.access import case_for
from almoner.casework.cases.guards import is_mine_or_i_lead, is_my_visit_or_case
from almoner.casework.cases.media import Unfit, fit, safe_name
from almoner.casework.core.audit import NewEvent, append
from almoner.casework.core.refusals import Refused
from almoner.casework.core.vault_rows import opened_vault
from almoner.casework.models import Case, CaseFile, FileAbout, FileContent

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@dataclass(frozen=True)
class Listed:
    """A file with its name in clear."""

    file: CaseFile
    name: str


def add(by: User, reference: str, about: str, name: str, data: bytes, size: int) -> CaseFile:
    """Keep a file. `size` is what was sent, of which `data` may hold the beginning only. Raises Http404
    for a stranger, and Refused."""
    most = settings.FILE_BYTES
    if about not in FileAbout.values:
        raise Refused(_("Choose what the file is."))
    if not size:
        raise Refused(_("Choose a file."))
    if size > most:
        told = {"most": f"{most / 1024**2:g}"}
        raise Refused(_("The file is larger than %(most)s MiB. Make it smaller.") % told)
    try:
        medium = fit(data, settings.FILE_PIXELS)
    except Unfit as unfit:
        raise Refused(str(unfit)) from None
    now = dt.datetime.now()
    with transaction.atomic():
        case = Case.objects.select_for_update().get(pk=case_for(by, reference).pk)
        _may_add(case, by)
        file = CaseFile(
            case=case, about=about, media=medium.media, size=len(medium.content), added_at=now, added_by=by
        )
        vault = opened_vault(str(settings.VAULT_KEY))
        file.name = vault.seal_bytes(f"file-name:{file.reference}", safe_name(name, medium.media).encode())
        file.save()
        FileContent.objects.create(
            file=file, sealed=vault.seal_bytes(f"file:{file.reference}", medium.content)
        )
        kept: dict[str, Any] = {
            "file": file.reference,
            "about": about,
            "media": medium.media,
            "bytes": file.size,
        }
        append([NewEvent(case, "file_added", kept, by.pk)], now)
    return file


def _may_add(case: Case, by: User) -> None:
    if not case.is_open:
        raise Refused(_("This cannot be done in the case's present state."))
    refusal = is_my_visit_or_case(case, by, {})
    if refusal is not None:
        raise Refused(refusal)
    if case.files.filter(removed_at=None).count() >= settings.FILES_A_CASE:
        told = {"most": settings.FILES_A_CASE}
        raise Refused(_("The case has %(most)s files already. Take one away first.") % told)


def of(case: Case) -> list[Listed]:
    """All files of the case, the newest first; also those that were taken away."""
    found = case.files.select_related("added_by", "removed_by").order_by("-added_at", "-id")
    return [Listed(file, name_of(file)) for file in found]


def name_of(file: CaseFile) -> str:
    vault = opened_vault(str(settings.VAULT_KEY))
    return vault.open_bytes(f"file-name:{file.reference}", bytes(file.name)).decode()


def file_for(by: User, reference: str, name: str) -> CaseFile:
    """A file that is still there. Raises Http404 for a stranger."""
    found = (
        case_for(by, reference).files.select_related("case").filter(reference=name, removed_at=None).first()
    )
    if found is None:
        raise Http404
    return found


def content(file: CaseFile) -> bytes:
    """Whoever shows it must record it."""
    sealed = FileContent.objects.values_list("sealed", flat=True).get(pk=file.pk)
    return opened_vault(str(settings.VAULT_KEY)).open_bytes(f"file:{file.reference}", bytes(sealed))


def remove(by: User, reference: str, name: str, why: str) -> None:
    """Delete the content, with a reason; that the file was there stays. Raises Http404 for a stranger, and
    Refused."""
    now = dt.datetime.now()
    with transaction.atomic():
        file = CaseFile.objects.select_for_update().get(pk=file_for(by, reference, name).pk)
        refusal = is_mine_or_i_lead(file.case, by, {})
        if refusal is not None:
            raise Refused(refusal)
        if not why:
            raise Refused(_("Say why the file is taken away."))
        file.removed_at, file.removed_by, file.removed_for = now, by, why
        file.save()
        FileContent.objects.filter(pk=file.pk).delete()
        append([NewEvent(file.case, "file_removed", {"file": file.reference, "note": why}, by.pk)], now)
