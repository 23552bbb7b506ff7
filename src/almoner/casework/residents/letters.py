"""Notices as letters in PDF/UA: tagged, with language and title, for a window envelope. They are not stored.

WeasyPrint draws them with Pango, which must be installed on the system; `missing` says what to install.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache
from typing import Any

from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import override

from almoner.casework.core.refusals import Refused

LANG = {"en": "en", "zh-hans": "zh-Hans"}  # language tags in the PDF (BCP 47)
NAMED = 8  # signs without a font, at most, in a refusal
logging.getLogger("weasyprint").addFilter(
    lambda _: False
)  # it quotes what it cannot draw, names too; to set up logging again undoes `disabled`


@cache
def _draws() -> bool:
    try:
        import weasyprint  # noqa: F401 - loads Pango
    except OSError:
        return False
    return True


def missing() -> str | None:
    """What an administrator has to install before letters can be made; None when nothing is missing."""
    if _draws():
        return None
    return _(
        "This server cannot make PDF letters, because Pango is missing. Install it (on Debian: libpango-1.0-0"
        " libpangoft2-1.0-0 fonts-noto-cjk), or make the notice as a page and print it."
    )


def pdf(context: Mapping[str, Any], language: str, *, large: bool) -> bytes:
    """The letter of a notice. Texts in `context` must be in `language` already. Nothing is fetched from
    outside.

    Raises Refused, in the active language, when no installed font has one of the characters.
    """
    from weasyprint import HTML

    with override(language):
        text = render_to_string(
            "casework/letter_pdf.html", {**context, "lang": LANG.get(language, language), "large": large}
        )
    made: bytes | None = HTML(string=text, url_fetcher=_nothing).write_pdf(
        pdf_variant="pdf/ua-1", finisher=_written
    )
    assert made is not None  # noqa: S101 - without a target the bytes are given back
    return made


def _written(document: Any, _pdf: Any) -> None:
    """Refuse characters without a font, which would be lost or drawn as boxes, above all in names. PDF/UA
    forbids this (ISO 14289-1, 7.21.8)."""
    lacking = sorted({sign for font in document.fonts.values() for sign in font.missing})
    if lacking:
        named = ", ".join(_sign(sign) for sign in lacking[:NAMED]) + (" …" if len(lacking) > NAMED else "")
        raise Refused(
            _(
                "No letter was made: this server has no font for %(signs)s. Install one (on Debian:"
                " fonts-noto-core fonts-noto-cjk fonts-babelstone-han), or make the notice as a page and"
                " print it."
            )
            % {"signs": named}
        )


def _sign(code: int) -> str:
    return f"{chr(code)} (U+{code:04X})" if chr(code).isprintable() else f"U+{code:04X}"


def _nothing(url: str, *_args: Any, **_more: Any) -> dict[str, Any]:
    raise ValueError(f"a letter fetches nothing: {url}")
