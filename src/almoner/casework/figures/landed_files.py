"""Landed files that wait in trouble or were refused, in words: for Today."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from almoner.casework.core import words
from almoner.casework.core.inbox import NoInstallation, home
from almoner.casework.models import Department
from almoner.stream import status


def in_trouble() -> list[str]:
    """A sentence for each department with such files, as the worker found them last."""
    try:
        found = status.read(home().folder) or {}
    except (NoInstallation, OSError, ValueError):
        return []
    departments = (found.get("landing") or {}).get("departments", {})
    labels = dict(Department.objects.values_list("id", "label"))
    return [
        _("%(department)s: %(counts)s.")
        % {
            "department": words.in_language(labels[department]) if department in labels else department,
            "counts": _counted(counts["waiting"], counts["refused"]),
        }
        for department, counts in departments.items()
    ]


def _counted(waiting: int, refused: int) -> str:
    waits = ngettext("%(shown)s file waits", "%(shown)s files wait", waiting) % {
        "shown": words.number(waiting)
    }
    was = ngettext("%(shown)s file was refused", "%(shown)s files were refused", refused) % {
        "shown": words.number(refused)
    }
    if waiting and refused:
        return _("%(waits)s, %(refused)s") % {"waits": waits, "refused": was}
    return waits if waiting else was
