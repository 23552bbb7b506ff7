"""How a contract's files are written: the encoding of text, and the words for units in headers."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from typing import Any


def encoding_fault(value: Any) -> str | None:
    """What is wrong with the name of an encoding; None when a text can be read with it."""
    try:
        found = codecs.lookup(value) if isinstance(value, str) else None
    except LookupError:
        found = None
    if found is None or not getattr(found, "_is_text_encoding", True):
        return f"`encoding: {value}` is not an encoding that Python can read."
    return None


def unit_words(unit: object, words: Mapping[str, Any]) -> tuple[str, ...]:
    """What headers may call a unit in brackets: `CNY/month` is 元, 元/月 or CNY.

    `words` are the pack's words for the letters of units, by letter and language.
    """
    if not isinstance(unit, str) or not unit:
        return ()
    letters = unit.split("/")
    languages = {tag for letter in letters for tag in _named(words, letter)}
    found = {unit, letters[0]}
    for tag in sorted(languages):
        said = [str(_named(words, letter).get(tag, letter)) for letter in letters]
        found |= {said[0], "/".join(said)}
    return tuple(sorted(found))


def _named(words: Mapping[str, Any], letter: str) -> Mapping[str, Any]:
    named = words.get(letter)
    return named if isinstance(named, Mapping) else {}
