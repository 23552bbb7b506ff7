"""Numbers, units, dates and names for people to read, in the active language."""

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
    """A text in the active language; "" for None."""
    if words is None:
        return ""
    return words if isinstance(words, str) else say(words, get_language() or "en")


def number(value: object) -> str:
    """A number with thousands separated by commas, and up to two decimals when it is not whole.

    None gives "unknown", a boolean yes or no, a date the date in words.
    """
    if value is None or value == "":
        return _("unknown")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if not isinstance(value, int | float | Decimal):
        return day(value) if isinstance(value, dt.date) else str(value)
    return f"{value:,.2f}".rstrip("0").rstrip(".") if value != int(value) else f"{int(value):,}"


def unit(code: str | None, count: object = None, named: Mapping[str, Words] | None = None) -> str:
    """A unit of the pack, such as ``CNY/person/month``, in words.

    Words come from our own list, else from `named`, else the code itself is shown.
    """
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
    """A number with its unit: "1,200 CNY a month". Amounts of money that are not whole have two decimals."""
    if value is None or isinstance(value, bool) or not unit(code):
        return number(value)
    whole = not isinstance(value, float | Decimal) or value == int(value)
    text = number(value) if whole or not is_money(code) else f"{value:,.2f}"
    return f"{text} {unit(code, value, named)}"


def size(count: int) -> str:
    """A file's size in words; `count` is in bytes."""
    return (
        f"{number(round(count / 1024**2, 1))} MiB"
        if count >= 1024**2
        else f"{number(max(1, round(count / 1024)))} KiB"
    )


def is_money(code: str | None) -> bool:
    """Whether the unit is money: its base has three capital letters, as currency codes of ISO 4217 have."""
    base = str(code).split("/")[0]
    return len(base) == 3 and base.isalpha() and base.isupper()


def day(value: object) -> str:
    """A date, or a date as ISO text, in the format of the active language; other text is returned
    unchanged."""
    if isinstance(value, str):
        try:
            value = dt.date.fromisoformat(value[:10])
        except ValueError:
            return str(value)
    return date_format(value, "DATE_FORMAT") if isinstance(value, dt.date) else ""


def short_day(value: dt.date) -> str:
    """Day and month, for the axis of a chart."""
    return date_format(value, "n月j日" if (get_language() or "").startswith("zh") else "j M")


def month(value: dt.date) -> str:
    """Month and year."""
    return date_format(value, "Y年n月" if (get_language() or "").startswith("zh") else "M Y")


def moment(value: dt.datetime) -> str:
    """Date and time."""
    return f"{date_format(value, 'DATE_FORMAT')} {value:%H:%M}"


class LevelText(str):
    """The name of a level, with the `colour` that the pack gives it (empty: none)."""

    colour = ""

    @classmethod
    def of(cls, text: str, colour: str) -> LevelText:
        made = cls(text)
        made.colour = colour
        return made


def level(code: str, named: Mapping[str, LevelName]) -> LevelText:
    """The name of a level in the pack in use; an unknown level is shown by its code."""
    known = named.get(code)
    return LevelText.of(in_language(known.label), known.colour) if known else LevelText.of(code, "")


def within(term: Mapping[str, Any]) -> str:
    """A time limit (`amount`, `unit`) in words."""
    known = {"hours": _("hours"), "days": _("days"), "working_days": _("working days")}
    return f"{number(term['amount'])} {known[term['unit']]}"
