"""Why a delivery is taken in but vouches for nothing, in words for people."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

Rule = Literal["held_back", "volume", "row_count", "unread", "trailer"]


@dataclass(frozen=True)
class Doubt:
    """A reason not to believe that a delivery is whole.

    `found` and `expected` are numbers of rows: held back of all (held_back), in the `period` and as usual
    (volume), read and as stated (row_count).
    """

    rule: Rule
    found: int = 0
    expected: int = 0
    period: dt.date | None = None

    @property
    def sentence(self) -> str:
        """The reason in English."""
        match self.rule:
            case "held_back":
                return f"{self.found:,} of {self.expected:,} rows are held back"
            case "volume":
                return (
                    f"{self.found:,} rows of the period from {self.period}, where {self.expected:,} are usual"
                )
            case "row_count":
                return f"{self.found:,} rows came, where {self.expected:,} were stated"
            case "unread":
                return "a part of the file was not read"
            case "trailer":
                return "the last row, which counts the others, is missing or has no number"
