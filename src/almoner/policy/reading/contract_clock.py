"""What a contract says about the clock of whoever delivers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from almoner.policy.model.feeds import CLOCK_SKEW_SECONDS
from almoner.policy.reading.contract_part import ContractPart, Extras

CLOCK_EXTRAS = frozenset({"clockSkewSeconds"})
LONGEST_SKEW = 86_400


class ClockReader(ContractPart):
    """Checks the additions of a contract about clocks."""

    def check(self, extras: Extras) -> None:
        """Report what is wrong with them."""
        value, path = extras.get("clockSkewSeconds", (0, ()))
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LONGEST_SKEW:
            self.fault(
                path,
                "wrong-value",
                f"`clockSkewSeconds: {value}` is no number of seconds.",
                f"Write a whole number from 0 to {LONGEST_SKEW:,} without a comma; a day is the most.",
            )


def clock_terms(values: Mapping[str, Any]) -> dict[str, Any]:
    """The terms of a feed about clocks, by the names that `Feed` has."""
    return {"clock_skew_seconds": values.get("clockSkewSeconds", CLOCK_SKEW_SECONDS)}
