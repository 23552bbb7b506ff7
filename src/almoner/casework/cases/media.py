"""Check files for cases: JPEG, PNG and PDF, recognised by content and never by name.

Pictures are encoded again from their pixels, which removes all metadata, such as location and camera, and
appended files. A PDF is written anew from the objects that were checked, and refused when it has active
content. Both happen in a process of their own (`media_process`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from almoner.casework.cases.media_faults import JPEG, PDF, PNG, MediaFault, UnfitContent
from almoner.casework.cases.media_process import read_apart

ENDINGS = {JPEG: ".jpg", PNG: ".png", PDF: ".pdf"}
LONGEST_NAME = 80
SENTENCES: Mapping[MediaFault, object] = {
    MediaFault.KIND: gettext_lazy(
        "Only photos (JPEG, PNG) and PDF can be kept. The file's content is none of these, whatever its name."
    ),
    MediaFault.PICTURE_DAMAGED: gettext_lazy("The picture is damaged or cut off. Send it again."),
    MediaFault.PAPER_DAMAGED: gettext_lazy(
        "The PDF is damaged or cut off. Send it again, print it to a new PDF, or photograph it."
    ),
    MediaFault.PAPER_ACTIVE: gettext_lazy(
        "The PDF is encrypted, contains files or can run code. Print it to a new PDF, or photograph it."
    ),
    MediaFault.PAPER_HOLDS_FILE: gettext_lazy(
        "The PDF contains another file. Print the paper to a new PDF, or photograph it."
    ),
    MediaFault.PAPER_TOO_LARGE: gettext_lazy(
        "The PDF's content is too large to check. Print it to a new PDF, or photograph it."
    ),
    MediaFault.LIMITS: gettext_lazy(
        "The file needs too much memory or time to be checked. Make it smaller, or photograph the paper."
    ),
}


class Unfit(Exception):  # noqa: N818 - a refusal is an answer
    """The file is not accepted; the text says why and what to do instead."""


@dataclass(frozen=True)
class Medium:
    media: str
    content: bytes


def fit(data: bytes, most_pixels: int) -> Medium:
    """The file in the form in which it is stored. Raises Unfit."""
    try:
        return Medium(*read_apart(data, most_pixels))
    except UnfitContent as unfit:
        raise Unfit(_sentence(unfit.fault, most_pixels)) from None


def _sentence(fault: MediaFault, most_pixels: int) -> str:
    if fault != MediaFault.PIXELS:
        return str(SENTENCES[fault])
    values = {"most": f"{most_pixels // 1_000_000}"}
    return _("The picture has more than %(most)s million pixels. Make a smaller one.") % values


def safe_name(given: str, media: str) -> str:
    """A name that is safe on every system: without folders, control or direction characters, and with the
    file type's extension."""
    base = unicodedata.normalize("NFC", re.split(r"[/\\]", given)[-1])
    stem = base.rpartition(".")[0] or base
    letters = "".join(c for c in stem if unicodedata.category(c)[0] != "C" and c not in '<>:"|?*%')
    kept = " ".join(letters.split()).strip(". ")[:LONGEST_NAME].strip(". ")
    return (kept or "file") + ENDINGS[media]
