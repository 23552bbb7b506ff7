"""A quick select says what Django's says."""

from __future__ import annotations

from typing import Any

import pytest
from django import forms

from almoner.casework.core.selects import QuickSelect

CHOICES: list[Any] = [
    ("", "Any"),
    ("a&b", "<One> & 'two'"),
    (7, "Seven"),
    ('Group "x"', [("c", "Long Town: all"), ("d", "柳村")]),
    ("last", "Last"),
]


@pytest.mark.parametrize("chosen", ["", "a&b", 7, "d", None, "unknown"])
def test_a_quick_select_is_written_as_django_writes_it(chosen: Any) -> None:
    attrs = {"class": "govuk-select", "id": "id_area", "required": True, "disabled": False}
    written = [kind(choices=CHOICES).render("area", chosen, attrs) for kind in (QuickSelect, forms.Select)]
    assert _lines(written[0]) == _lines(written[1])
    assert written[0].count("selected") == (0 if chosen == "unknown" else 1)


def _lines(html: str) -> list[str]:
    return [line.strip() for line in html.splitlines() if line.strip()]
