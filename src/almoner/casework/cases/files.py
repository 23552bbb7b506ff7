"""Add, show and remove photos and papers of a case. Each action has a named person and is recorded in the
trail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import Http404
from django.utils.translation import gettext as _

from almoner.casework.accounts.access import case_for
from almoner.casework.cases.changing import change_case, lock, refuse_unless
from almoner.casework.cases.guards import is_mine_or_i_lead, is_my_visit_or_case
from almoner.casework.cases.media import Unfit, fit, safe_name
from almoner.casework.core.event_kinds import EventKind
from almoner.casework.core.events import FileAdded, FileRemoved
from almoner.casework.core.refusals import Refused
from almoner.casework.core.vault_rows import opened_vault
from almoner.casework.models import Case, CaseFile, FileAbout, FileContent

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@dataclass(frozen=True)
class Listed:
    """A file with its name decrypted."""

    file: CaseFile
    name: str


def add(by: User, reference: str, about: str, name: str, data: bytes, size: int) -> CaseFile:
    """Store a file. `size` is its full size in bytes; of a file that is too large, `data` may hold only the
    beginning.

    Raises Http404 for a user without access, and Refused.
    """
    most = settings.FILE_BYTES
    if about not in FileAbout.values:
        raise Refused(_("Choose what the file is."))
    if not size:
        raise Refused(_("Choose a file."))
    if size > most:
        values = {"most": f"{most / 1024**2:g}"}
        raise Refused(_("The file is larger than %(most)s MiB. Make it smaller.") % values)
    try:
        medium = fit(data, settings.FILE_PIXELS)
    except Unfit as unfit:
        raise Refused(str(unfit)) from None
    with change_case(by, reference, None, touch=False) as (case, change):
        _may_add(case, by)
        file = CaseFile(
            case=case,
            about=about,
            media=medium.media,
            size=len(medium.content),
            added_at=change.at,
            added_by=by,
        )
        vault = opened_vault(str(settings.VAULT_KEY))
        file.name = vault.seal_bytes(f"file-name:{file.reference}", safe_name(name, medium.media).encode())
        file.save()
        FileContent.objects.create(
            file=file, sealed=vault.seal_bytes(f"file:{file.reference}", medium.content)
        )
        event = FileAdded(
            kind=EventKind.FILE_ADDED,
            file=file.reference,
            about=about,
            media=medium.media,
            bytes=file.size,
        )
        change.record(case, event)
    return file


def _may_add(case: Case, by: User) -> None:
    if not case.is_open:
        raise Refused(_("This cannot be done in the case's present state."))
    refuse_unless(case, by, is_my_visit_or_case)
    if case.files.filter(removed_at=None).count() >= settings.FILES_A_CASE:
        values = {"most": settings.FILES_A_CASE}
        raise Refused(_("The case has %(most)s files already. Remove one first.") % values)


def of(case: Case) -> list[Listed]:
    """All files of the case, the newest first, including removed ones."""
    found = case.files.select_related("added_by", "removed_by").order_by("-added_at", "-id")
    return [Listed(file, name_of(file)) for file in found]


def name_of(file: CaseFile) -> str:
    vault = opened_vault(str(settings.VAULT_KEY))
    return vault.open_bytes(f"file-name:{file.reference}", bytes(file.name)).decode()


def file_for(by: User, reference: str, name: str) -> CaseFile:
    """A file that has not been removed. Raises Http404 for a user without access."""
    found = (
        case_for(by, reference).files.select_related("case").filter(reference=name, removed_at=None).first()
    )
    if found is None:
        raise Http404
    return found


def content(file: CaseFile) -> bytes:
    """The decrypted content. Callers that show it must record it."""
    sealed = FileContent.objects.values_list("sealed", flat=True).get(pk=file.pk)
    return opened_vault(str(settings.VAULT_KEY)).open_bytes(f"file:{file.reference}", bytes(sealed))


def remove(by: User, reference: str, name: str, why: str) -> None:
    """Delete the content, with a reason; the record of the file stays.

    Raises Http404 for a user without access, and Refused.
    """
    with change_case(by, reference, None, touch=False) as (case, change):
        file = lock(case.files.filter(removed_at=None), reference=name)
        if file is None:
            raise Http404
        refuse_unless(case, by, is_mine_or_i_lead)
        if not why:
            raise Refused(_("Say why the file is removed."))
        file.removed_at, file.removed_by, file.removed_for = change.at, by, why
        file.save()
        FileContent.objects.filter(pk=file.pk).delete()
        change.record(case, FileRemoved(kind=EventKind.FILE_REMOVED, file=file.reference, note=why))
