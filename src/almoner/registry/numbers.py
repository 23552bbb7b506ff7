"""Check identity numbers with the modules of python-stdnum that contracts name."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

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
_CALLS_KEPT = 4  # of one number


class NumberVerdict(NamedTuple):
    """`canonical` is the number's one spelling; `rule` says what is wrong, None when it is valid."""

    number: str
    canonical: str
    rule: str | None

    def __repr__(self) -> str:
        return f"NumberVerdict({self.rule})"  # never the number: a repr ends up in logs


def check_numbers(identifier: str | None, numbers: Sequence[str]) -> list[NumberVerdict]:
    """Verdicts on numbers that are wrong or not in their canonical spelling; all others are valid.

    Without an identifier all numbers are valid. Raises PackError for an unknown identifier.
    """
    if identifier is None:
        return []
    module = _module(identifier)
    with _quick(module):
        return list(_verdicts(module.validate, numbers))


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
    if not hasattr(module, "validate"):
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
