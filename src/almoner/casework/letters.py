"""Notices as letters in PDF/UA: tagged, with a language and a title, for a window envelope; made, sent and forgotten.

WeasyPrint draws them with Pango, which the system has or has not; `missing` says what to install.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import override

LANG = {"en": "en", "zh-hans": "zh-Hans"}  # as the PDF says it (BCP 47)


@cache
def _draws() -> bool:
    try:
        import weasyprint  # noqa: F401 - loads Pango
    except OSError:
        return False
    return True


def missing() -> str | None:
    """What the administrator has to install before a letter can be made; none when nothing is missing."""
    if _draws():
        return None
    return _(
        "This server cannot make PDF letters, because Pango is missing. Install it (on Debian: libpango-1.0-0 libpangoft2-1.0-0 "
        "fonts-noto-cjk), or make the notice as a page and print it."
    )


def pdf(context: Mapping[str, Any], language: str, *, large: bool) -> bytes:
    """The letter of a notice. What is in words in the context must be in `language` already. Nothing outside is fetched."""
    from weasyprint import HTML

    with override(language):
        text = render_to_string(
            "casework/letter_pdf.html", {**context, "lang": LANG.get(language, language), "large": large}
        )
    made: bytes | None = HTML(string=text, url_fetcher=_nothing).write_pdf(pdf_variant="pdf/ua-1")
    assert made is not None  # noqa: S101 - without a target the bytes are given back
    return made


def _nothing(url: str, *_args: Any, **_more: Any) -> dict[str, Any]:
    raise ValueError(f"a letter fetches nothing: {url}")
