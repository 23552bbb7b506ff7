"""The legal terms of the pack in use, as stored in casework's tables, and their values in words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.utils.dates import WEEKDAYS as NAMES_OF_WEEKDAYS
from django.utils.translation import gettext as _

from almoner.casework.core import words
from almoner.casework.models import Rule
from almoner.errors import AlmonerError
from almoner.policy.authoring.references import standing
from almoner.policy.model.legal_terms import WEEKDAYS, LegalTerm, LegalTerms, LevelName, TermValue

TERM = "term"  # kind of a legal term in the table of rules


def rule_body(term: LegalTerm) -> dict[str, Any]:
    """A legal term as the JSON body of a row in the table of rules."""
    values = [
        {
            "area": "",
            "since": dated.since.isoformat(),
            "value": dated.value,
            "reference": dated.reference,
            "standing": standing(dated.reference),
        }
        for dated in reversed(term.values)
    ]
    return {"label": dict(term.label), "unit": "", "values": values}


def installed_terms() -> LegalTerms:
    """The legal terms of the pack in use. Raises AlmonerError when no pack with terms has been copied
    here."""
    found = dict(Rule.objects.filter(kind=TERM).values_list("key", "body"))
    if not found:
        raise AlmonerError("No pack with terms is in use here. Run `almoner upgrade` for this installation.")
    return LegalTerms({key: _term(key, body) for key, body in found.items()})


def level_names() -> dict[str, LevelName]:
    """The levels of the pack in use by id, the most urgent first; empty when no pack is in use."""
    body = Rule.objects.filter(kind=TERM, key="levels").values_list("body", flat=True).first()
    return {} if body is None else LegalTerms({"levels": _term("levels", body)}).every_level()


def _term(key: str, body: Mapping[str, Any]) -> LegalTerm:
    values = [
        TermValue(dt.date.fromisoformat(value["since"]), value["value"], value["reference"])
        for value in reversed(body["values"])
    ]
    return LegalTerm(key, body["label"], tuple(values))


def said(value: Any) -> str:
    """A term's value in words, in the active language."""
    if isinstance(value, Mapping):
        opens = value.get("opens")
        return f"{opens}–{value['closes']}" if opens else words.within(value)
    if isinstance(value, list):
        return _(", ").join(_said_name(name) for name in value)
    return words.number(value)


def _said_name(name: Any) -> str:
    if isinstance(name, Mapping):
        return words.in_language(name["label"])
    return str(NAMES_OF_WEEKDAYS[WEEKDAYS.index(name)]) if name in WEEKDAYS else str(name)


def said_weekend(terms: LegalTerms, day: dt.date) -> str:
    """The names of the weekend's days."""
    return _(", ").join(str(NAMES_OF_WEEKDAYS[number]) for number in sorted(terms.weekend(day)))
