"""Find valid identity numbers in what people write freely, however they are spaced, and in names of files."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator

from almoner.errors import AlmonerError
from almoner.policy.model.feeds import Feed
from almoner.policy.model.identifiers import Identifier
from almoner.registry.numbers import check_numbers

LONGEST = 40  # signs of a number
SHORTEST = 8  # shorter ones are amounts, years and the like, valid by chance
_RUN = re.compile(r"[A-Za-z0-9]+(?:[ \-._·/]{1,2}[A-Za-z0-9]+)*")
_BETWEEN = re.compile(r"[^A-Za-z0-9]+")
_LONG_NUMBER = re.compile(r"[0-9]{9,}[Xx]?|[0-9]{8,}[Xx]")
_TIMESTAMP = re.compile(
    r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])(?:[0-5]\d){0,2}"
)
_HASH_CHARACTERS = 8


def holds_number(identifiers: Collection[Identifier], text: str) -> bool:
    """Whether the text holds a valid number of one of the kinds, also with blanks, hyphens or wide digits."""
    plain = "".join(c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf")
    return any(
        _is_valid(identifier, candidate)
        for run in _RUN.findall(plain)
        for identifier in identifiers
        for candidate in _candidates(identifier, run)
    )


def refuse_numbers(feeds: Iterable[Feed], reason: str) -> None:
    """Raise AlmonerError when a reason, which is kept in clear, holds a number that one of the feeds has."""
    kinds = {prop.identifier for feed in feeds for prop in feed.properties if prop.identifier}
    if holds_number(kinds, reason):
        raise AlmonerError(
            "The reason holds an identity number, and it would be kept readable. Leave the number out."
        )


def hide_numbers(name: str, index: Callable[[str], bytes]) -> str:
    """A file's name in which each long number, but for dates and times, is its blind index: `#1f2e3d4c`."""
    return _LONG_NUMBER.sub(lambda found: _hidden(found[0], index), unicodedata.normalize("NFKC", name))


def _hidden(number: str, index: Callable[[str], bytes]) -> str:
    if _TIMESTAMP.fullmatch(number):
        return number
    return f"#{index(f'file-name:{number.upper()}').hex()[:_HASH_CHARACTERS]}"


def _candidates(identifier: Identifier, run: str) -> Iterator[str]:
    """What could be a number in signs that belong together: of a known length anywhere, else whole words."""
    whole = _BETWEEN.sub("", run).upper()
    if identifier.lengths and not identifier.module:
        for length in identifier.lengths:
            yield from (whole[at : at + length] for at in range(len(whole) - length + 1))
        return
    words = [word.upper() for word in _BETWEEN.split(run)]
    for start in range(len(words)):
        joined = ""
        for word in words[start:]:
            joined += word
            if len(joined) > LONGEST:
                break
            yield joined


def _is_valid(identifier: Identifier, candidate: str) -> bool:
    if len(candidate) < SHORTEST or sum(c.isdigit() for c in candidate) < SHORTEST - 1:
        return False
    return all(verdict.rule is None for verdict in check_numbers(identifier, [candidate]))
