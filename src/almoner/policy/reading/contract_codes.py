"""Codes of a contract: how the numbers of a column are spelled, and which of them are right."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from typing import Any

from almoner.policy.model.feeds import PLACEHOLDERS, SPELLINGS
from almoner.policy.model.identifiers import Identifier
from almoner.policy.reading.contract_part import ContractPart, Extras
from almoner.policy.report import instead

CODE_EXTRAS = frozenset({"identifier", "spelling", "length", "padding", "placeholders"})
_OF_CODES = ("length", "padding", "placeholders")
_MODULE = re.compile(r"[a-z_]+(\.[a-z_]+)?")


class CodeReader:
    """Reads what a column's additions say about its codes. Findings go to the report of `part`."""

    def __init__(self, part: ContractPart, extras: Extras) -> None:
        self._part, self._extras = part, extras

    def check(self, kind: str | None) -> None:
        """Report what is wrong; `kind` is the column's logical type."""
        self._identifier_known()
        self._part.check_one_of(self._extras, "spelling", SPELLINGS)
        for name in (*_OF_CODES, "spelling"):
            if name in self._extras and kind != "string":
                self._fault(name, f"`{name}` is for codes, and codes are texts.", "Set logicalType: string.")
        for name in _OF_CODES:
            if name in self._extras and self._value("spelling") == "text":
                self._fault(name, f"`{name}` is for codes.", "Write {property: spelling, value: code}.")
        length, padding = self._value("length"), self._value("padding")
        if length is not None and (type(length) is not int or not 0 < length <= 64):
            self._fault("length", f"`length: {length}` is no number of signs.", "Write one from 1 to 64.")
        if padding is not None and (not isinstance(padding, str) or len(padding) != 1):
            self._fault("padding", f"`padding: {padding}` is not one sign.", 'Write it in quotes: "0".')
        elif padding is not None and length is None:
            self._fault("padding", "`padding` needs a `length`.", "Add {property: length, value: ...}.")
        named = self._value("placeholders")
        if named is not None and not (isinstance(named, list) and all(isinstance(n, str) for n in named)):
            self._fault("placeholders", "`placeholders` is no list of texts.", 'Write ["0", "-"].')

    def made(self, pack_placeholders: Sequence[str]) -> dict[str, Any]:
        """The values of a property's fields."""
        name, own = self._value("identifier"), self._value("placeholders")
        known = self._part.context.identifiers
        found = known[name] if name in known else Identifier(id=name, module=name) if name else None
        return {
            "identifier": found,
            "spelling": self._value("spelling"),
            "length": self._value("length"),
            "padding": self._value("padding"),
            "placeholders": (*PLACEHOLDERS, *pack_placeholders) if own is None else tuple(own),
        }

    def _identifier_known(self) -> None:
        name = self._value("identifier")
        if name is None or name in self._part.context.identifiers or _is_module(str(name)):
            return
        self._part.fault(
            self._extras["identifier"][1],
            "unknown-identifier",
            f"There is no identifiers/{name}.yaml, and python-stdnum has no module `{name}`.",
            instead(str(name), self._part.context.identifiers)
            if self._part.context.identifiers
            else "Write the file, or country and kind of number as python-stdnum does.",
        )

    def _value(self, name: str) -> Any:
        return self._extras.get(name, (None, ()))[0]

    def _fault(self, name: str, message: str, advice: str) -> None:
        self._part.fault(self._extras[name][1], "spelling", message, advice)


def _is_module(name: str) -> bool:
    try:
        return bool(_MODULE.fullmatch(name)) and importlib.util.find_spec(f"stdnum.{name}") is not None
    except ModuleNotFoundError:
        return False
