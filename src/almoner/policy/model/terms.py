"""What the parts of a pack are made of: translated texts, terms and conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Words = Mapping[str, str]
Subject = Literal["person", "household"]


def say(words: Words, language: str) -> str:
    """The text in `language` (a tag such as `en` or `zh-hans`), else in English, else in any language."""
    short = language.split("-")[0]
    return words.get(short) or words.get("en") or next(iter(words.values()), "")


@dataclass(frozen=True)
class Term:
    """A time allowed: `amount` of `unit`, counted by the calendar of the department that acts."""

    amount: int
    unit: Literal["hours", "days", "working_days"]
    parameter: str | None = None  # that gives the amount; see `almoner.policy.clocks`


@dataclass(frozen=True)
class Condition:
    """An SQL expression over indicator columns and parameters: true, false or unknown."""

    sql: str
    columns: tuple[str, ...]  # of indicators, in order of appearance
    parameters: tuple[str, ...]  # ids, without :as_of
