"""Units such as `CNY/person/month`: read, multiplied, divided, compared.

A unit is a product of powers of atoms. `1` (or nothing) is the number without a unit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

Unit = Mapping[str, int]

NUMBER: Unit = {}
UNKNOWN: Unit = {"?": 1}  # its declaration is at fault, so it cannot be compared
_ATOMS_WORDS = """
second minute hour day week month year working_day date person household visit call course case
item room class L m3 m2 m km kg g kWh MB
"""
ATOMS = frozenset(_ATOMS_WORDS.split())
_PLURALS = {f"{a}s": a for a in ATOMS} | {"people": "person", "persons": "person", "classes": "class"}


def parse(text: str | None, atoms: Iterable[str]) -> Unit:
    """The unit that `text` stands for. Raises ValueError with the word that is not a unit."""
    if text is None or text.strip() in {"", "1", "%"}:
        return NUMBER
    known = ATOMS | set(atoms)
    powers: dict[str, int] = {}
    sign = 1
    for piece in re.split(r"([/*])", text.replace(" ", "")):
        if piece in {"/", "*"}:
            sign = -1 if piece == "/" else 1
        elif piece in known:
            powers[piece] = powers.get(piece, 0) + sign
        elif piece != "1":
            raise ValueError(piece)
    return _clean(powers)


def closest(word: str, atoms: Iterable[str]) -> str | None:
    """The unit that somebody who wrote a plural, or other capitals, meant."""
    lower = {a.lower(): a for a in (*ATOMS, *atoms)}
    return _PLURALS.get(word) or lower.get(word.lower())


def times(a: Unit, b: Unit) -> Unit:
    """The unit of a product."""
    return _clean({atom: a.get(atom, 0) + b.get(atom, 0) for atom in (*a, *b)})


def per(a: Unit, b: Unit) -> Unit:
    """The unit of a quotient."""
    return _clean({atom: a.get(atom, 0) - b.get(atom, 0) for atom in (*a, *b)})


def write(unit: Unit) -> str:
    """The unit as text; `1` for a plain number."""
    above = [a if n == 1 else "*".join([a] * n) for a, n in unit.items() if n > 0]
    below = "".join(f"/{a}" * -n for a, n in unit.items() if n < 0)
    return ("*".join(above) or "1") + below


def _clean(powers: Mapping[str, int]) -> Unit:
    return {atom: n for atom, n in powers.items() if n}
