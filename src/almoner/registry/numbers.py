"""Checks identity numbers with the modules of python-stdnum that contracts name."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from stdnum import numdb
from stdnum.exceptions import InvalidChecksum, InvalidComponent, InvalidFormat, InvalidLength, ValidationError

from almoner.errors import PackError

_RULES = {
    InvalidLength: "identifier_length",
    InvalidFormat: "identifier_format",
    InvalidChecksum: "identifier_checksum",
    InvalidComponent: "identifier_component",
}
_PLACES_KEPT = 65_536


@dataclass(frozen=True)
class Verdict:
    """`canonical` is the number's one spelling; `rule` says what is wrong, None when it is valid."""

    number: str
    canonical: str
    rule: str | None


def check_numbers(identifier: str | None, numbers: Sequence[str]) -> Iterator[Verdict]:
    """A verdict on each number. Without an identifier every number is valid. Raises PackError for an
    unknown one."""
    if identifier is None:
        yield from (Verdict(number, number, None) for number in numbers)
        return
    module = _module(identifier)
    with _quick(module):
        yield from [_verdict(module.validate, number) for number in numbers]


def _verdict(validate: Callable[[str], str], number: str) -> Verdict:
    try:
        return Verdict(number, validate(number), None)
    except ValidationError as error:
        return Verdict(number, number, _RULES.get(type(error), "identifier_invalid"))
    except (ValueError, LookupError):  # some modules let Python's own errors out for odd input
        return Verdict(number, number, "identifier_invalid")


def _module(identifier: str) -> Any:
    try:
        module = importlib.import_module(f"stdnum.{identifier}")
    except ImportError:
        module = None
    if not hasattr(module, "validate"):
        raise PackError(
            f"python-stdnum knows no identifier {identifier!r}. Write the name of one of its modules."
        )
    return module


@contextmanager
def _quick(module: Any) -> Iterator[None]:
    """python-stdnum reads its list of places anew for every number (41 us), and cleans each several times."""
    places, clean = numdb.NumDB.info, getattr(module, "clean", None)
    setattr(numdb.NumDB, "info", functools.lru_cache(_PLACES_KEPT)(places))  # noqa: B010 - a method, for mypy
    if clean:
        module.clean = functools.partial(_clean_unless_clean, clean)
    try:
        yield
    finally:
        setattr(numdb.NumDB, "info", places)  # noqa: B010
        if clean:
            module.clean = clean


def _clean_unless_clean(clean: Callable[..., str], number: str, deletechars: str = "") -> str:
    if number.isascii() and number.isalnum() and not any(c.isalnum() for c in deletechars):
        return number
    return clean(number, deletechars)
