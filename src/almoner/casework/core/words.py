"""Numbers, units, dates and names as people read them, in the language that is active."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from almoner.policy.model.legal_terms import LevelName
from almoner.policy.model.terms import Words, say


def in_language(words: Words | str | None) -> str:
    if words is None:
        return ""
    return words if isinstance(words, str) else say(words, get_language() or "en")


def number(value: object) -> str:
    """Groups of thousands by comma in both languages; at most two decimals, none where there are none."""
    if value is None or value == "":
        return _("unknown")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if not isinstance(value, int | float | Decimal):
        return day(value) if isinstance(value, dt.date) else str(value)
    return f"{value:,.2f}".rstrip("0").rstrip(".") if value != int(value) else f"{int(value):,}"


def unit(code: str | None, count: object = None, named: Mapping[str, Words] | None = None) -> str:
    """A unit of a pack, such as ``CNY/person/month``, in words: ours, else those that the pack `named`,
    else as written."""
    if not code or code == "1":
        return ""
    base, *per = str(code).split("/")
    return _base(base, count, named or {}) + "".join(_per(part) for part in per)


def _base(code: str, count: object, named: Mapping[str, Words]) -> str:
    many = 1 if count == 1 else 2
    known = {
        "day": ngettext("day", "days", many),
        "month": ngettext("month", "months", many),
        "year": ngettext("year", "years", many),
        "person": ngettext("person", "persons", many),
        "hour": ngettext("hour", "hours", many),
        "L": ngettext("litre", "litres", many),
        "visit": ngettext("visit", "visits", many),
    }
    return known.get(code) or in_language(named.get(code, code))


def _per(code: str) -> str:
    known = {"month": _(" a month"), "person": _(" a person"), "year": _(" a year"), "day": _(" a day")}
    return known.get(code, f"/{code}")


def quantity(value: object, code: str | None, named: Mapping[str, Words] | None = None) -> str:
    """A number with its unit: "1,200 CNY a month". Money that is not whole has two decimals."""
    if value is None or isinstance(value, bool) or not unit(code):
        return number(value)
    whole = not isinstance(value, float | Decimal) or value == int(value)
    text = number(value) if whole or not is_money(code) else f"{value:,.2f}"
    return f"{text} {unit(code, value, named)}"


def size(count: int) -> str:
    """Of a file, from its bytes."""
    return (
        f"{number(round(count / 1024**2, 1))} MiB"
        if count >= 1024**2
        else f"{number(max(1, round(count / 1024)))} KiB"
    )


def is_money(code: str | None) -> bool:
    """A base of three capitals is a currency (ISO 4217)."""
    base = str(code).split("/")[0]
    return len(base) == 3 and base.isalpha() and base.isupper()


def day(value: object) -> str:
    """A date (or ISO text of one) in the form of the language; what is no date stays as it is."""
    if isinstance(value, str):
        try:
            value = dt.date.fromisoformat(value[:10])
        except ValueError:
            return str(value)
    return date_format(value, "DATE_FORMAT") if isinstance(value, dt.date) else ""


def short_day(value: dt.date) -> str:
    """Day and month, for the foot of a chart."""
    return date_format(value, "n月j日" if (get_language() or "").startswith("zh") else "j M")


def month(value: dt.date) -> str:
    return date_format(value, "Y年n月" if (get_language() or "").startswith("zh") else "M Y")


def moment(value: dt.datetime) -> str:
    return f"{date_format(value, 'DATE_FORMAT')} {value:%H:%M}"


class LevelText(str):
    """A level's name as people read it; `colour` is what the pack gives it, or empty."""

    colour = ""

    @classmethod
    def of(cls, text: str, colour: str) -> LevelText:
        made = cls(text)
        made.colour = colour
        return made


def level(code: str, named: Mapping[str, LevelName]) -> LevelText:
    """A level by the names of the pack in use; one that it does not know as written."""
    known = named.get(code)
    return LevelText.of(in_language(known.label), known.colour) if known else LevelText.of(code, "")


def within(term: Mapping[str, Any]) -> str:
    known = {"hours": _("hours"), "days": _("days"), "working_days": _("working days")}
    return f"{number(term['amount'])} {known[term['unit']]}"
