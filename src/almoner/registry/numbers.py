"""Check identity numbers by the rules of a pack, or with the modules of python-stdnum that contracts name."""

from __future__ import annotations

import datetime as dt
import functools
import importlib
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from stdnum import numdb
from stdnum.exceptions import InvalidChecksum, InvalidComponent, InvalidFormat, InvalidLength, ValidationError

from almoner.errors import PackError
from almoner.policy.model.identifiers import CHECK_DIGITS, Identifier

_RULES = {
    InvalidLength: "identifier_length",
    InvalidFormat: "identifier_format",
    InvalidChecksum: "identifier_checksum",
    InvalidComponent: "identifier_component",
}
_PLACES_KEPT = 65_536
_CALLS_KEPT = 4  # of one number
_DATES_KEPT = 65_536  # more than the days of a long life
_OLDEST = dt.date(1850, 1, 1)  # earlier dates are mistyped: nobody born then is alive
_EIGHT_DIGITS = re.compile(r"[0-9]{8}")


class NumberVerdict(NamedTuple):
    """`canonical` is the number's one spelling; `rule` says what is wrong, None when it is valid."""

    number: str
    canonical: str
    rule: str | None

    def __repr__(self) -> str:
        return f"NumberVerdict({self.rule})"  # never the number: a repr ends up in logs


def check_numbers(
    identifier: Identifier | None, numbers: Sequence[str], on: dt.date | None = None
) -> list[NumberVerdict]:
    """Verdicts on numbers that are wrong or not in their canonical spelling; all others are valid.

    Without an identifier all numbers are valid. Nobody is born after the day `on` (default: today). Raises
    PackError for an unknown module.
    """
    if identifier is None:
        return []
    if identifier.module is None:
        return list(_verdicts(_Rules(identifier, on or dt.date.today()).validate, numbers))
    module = _module(identifier.module)
    with _quick(module):
        return list(_verdicts(module.validate, numbers))


class _Rules:
    """Validates as a module of python-stdnum does, by the rules of a pack: nobody is looked up in a list."""

    def __init__(self, identifier: Identifier, on: dt.date) -> None:
        self._of, self._on = identifier, on
        self._pattern = re.compile(identifier.pattern) if identifier.pattern else None
        named = identifier.check_digit
        self._check_digit = _module(CHECK_DIGITS[named]).validate if named else None
        self._is_date = functools.lru_cache(_DATES_KEPT)(self._is_date_uncached)

    def validate(self, number: str) -> str:
        """The number in its one spelling. Raises ValidationError."""
        number = number if number.isalnum() and number.isupper() | number.isdigit() else _compact(number)
        of = self._of
        if of.lengths and len(number) not in of.lengths:
            raise InvalidLength
        if not number.isascii() or (self._pattern and not self._pattern.fullmatch(number)):
            raise InvalidFormat
        if of.birth_date_at and not self._is_date(number[of.birth_date_at - 1 :][:8]):
            raise InvalidComponent
        if self._check_digit:
            self._check_digit(number)
        return number

    def _is_date_uncached(self, text: str) -> bool:
        if not _EIGHT_DIGITS.fullmatch(text):
            return False
        try:
            day = dt.date(int(text[:4]), int(text[4:6]), int(text[6:]))
        except ValueError:
            return False
        return _OLDEST <= day <= self._on


def _compact(number: str) -> str:
    """Without blanks and hyphens, in upper case."""
    return "".join(c for c in number if c not in " -").upper()


def _verdicts(validate: Callable[[str], str], numbers: Sequence[str]) -> Iterator[NumberVerdict]:
    for number in numbers:
        try:
            canonical = validate(number)
        except ValidationError as error:
            yield NumberVerdict(number, number, _RULES.get(type(error), "identifier_invalid"))
        except (ValueError, LookupError):  # some modules raise these for odd input
            yield NumberVerdict(number, number, "identifier_invalid")
        else:
            if canonical != number:
                yield NumberVerdict(number, canonical, None)


def _module(identifier: str) -> Any:
    try:
        module = importlib.import_module(f"stdnum.{identifier}")
    except ImportError:
        module = None
    if module is None or not hasattr(module, "validate"):
        raise PackError(
            f"python-stdnum knows no identifier {identifier!r}. Write the name of one of its modules."
        )
    return module


@contextmanager
def _quick(module: Any) -> Iterator[None]:
    """Cache what python-stdnum repeats for every number: its list of places (41 us) and cleaned spellings."""
    originals = {name: found for name, found in vars(module).items() if _is_helper(module, found)}
    clean, places = getattr(module, "clean", None), numdb.NumDB.info
    replaced: dict[str, Any] = {n: functools.lru_cache(_CALLS_KEPT)(f) for n, f in originals.items()}
    setattr(numdb.NumDB, "info", functools.lru_cache(_PLACES_KEPT)(places))  # noqa: B010 - a method, for mypy
    if clean:
        originals["clean"], replaced["clean"] = clean, functools.partial(_clean_unless_clean, clean)
    vars(module).update(replaced)
    try:
        yield
    finally:
        setattr(numdb.NumDB, "info", places)  # noqa: B010
        vars(module).update(originals)


def _is_helper(module: Any, found: object) -> bool:
    """Whether it is a function of the module that validation calls several times for one number."""
    own = inspect.isfunction(found) and found.__module__ == module.__name__
    return own and found is not module.validate


def _clean_unless_clean(clean: Callable[..., str], number: str, deletechars: str = "") -> str:
    if number.isalnum() and number.isascii() and not (deletechars and any(c.isalnum() for c in deletechars)):
        return number
    return clean(number, deletechars)
