"""Translate date formats of contracts (letters of ODCS, as in Java) into those of strptime."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LETTERS = {
    "yyyy": ("%Y", r"\d{4}"),
    "MM": ("%m", r"\d{2}"),
    "M": ("%m", r"\d{1,2}"),
    "dd": ("%d", r"\d{2}"),
    "d": ("%d", r"\d{1,2}"),
    "HH": ("%H", r"\d{2}"),
    "mm": ("%M", r"\d{2}"),
    "ss": ("%S", r"\d{2}"),
}
_TOKEN = re.compile(r"yyyy|MM|M|dd|d|HH|mm|ss|'[^']*'|.", re.DOTALL)


@dataclass(frozen=True)
class DateFormat:
    """`strptime` reads what `regex` matches as a whole. `monthly`: the format has no day."""

    strptime: str
    regex: str
    monthly: bool


def date_format(odcs: str) -> DateFormat:
    """The format for an ODCS pattern: `yyyy-MM` gives `%Y-%m`."""
    tokens = _TOKEN.findall(odcs)
    pairs = [_LETTERS.get(token) or _literal(token) for token in tokens]
    monthly = any(t in ("MM", "M") for t in tokens) and not any(t in ("dd", "d") for t in tokens)
    return DateFormat("".join(p for p, _ in pairs), "".join(r for _, r in pairs), monthly)


def _literal(token: str) -> tuple[str, str]:
    text = token[1:-1] if len(token) > 1 else token
    return text.replace("%", "%%"), re.escape(text)
