"""How the numbers of one kind are checked: by rules of a pack, or by a module of python-stdnum."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

CHECK_DIGITS: Mapping[str, str] = {  # by the name in a pack, the general algorithm of python-stdnum
    "iso7064_mod_11_2": "iso7064.mod_11_2",
    "iso7064_mod_11_10": "iso7064.mod_11_10",
    "iso7064_mod_37_2": "iso7064.mod_37_2",
    "iso7064_mod_37_36": "iso7064.mod_37_36",
    "iso7064_mod_97_10": "iso7064.mod_97_10",
    "luhn": "luhn",
    "verhoeff": "verhoeff",
    "damm": "damm",
}


@dataclass(frozen=True, kw_only=True)
class Identifier:
    """One kind of number. `module` is one of python-stdnum, which then decides alone; else the rules do.

    `birth_date_at` is the place of the first digit of a date yyyyMMdd, from 1. `check_digit` is a key of
    CHECK_DIGITS and covers the whole number.
    """

    id: str
    module: str | None = None
    lengths: tuple[int, ...] = ()
    pattern: str | None = None  # of the whole number
    birth_date_at: int | None = None
    check_digit: str | None = None

    @property
    def version(self) -> str:
        """What a number was checked by: another one when a rule changes."""
        if self.module:
            return self.module
        rules = json.dumps(self.stored(), sort_keys=True).encode()
        return f"{self.id}@{hashlib.sha256(rules).hexdigest()[:12]}"

    def stored(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    @classmethod
    def from_stored(cls, value: Any) -> Identifier | None:
        """The reverse of `stored`; a text is the name of a module, and nothing is no identifier."""
        if not value:
            return None
        if isinstance(value, str):
            return cls(id=value, module=value)
        return cls(**(value | {"lengths": tuple(value["lengths"])}))
