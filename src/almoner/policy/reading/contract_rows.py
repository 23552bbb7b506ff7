"""What a contract says about the rows of a delivery: what is left out, and what no longer stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from almoner.policy.model.feeds import Absent
from almoner.policy.reading.contract_part import ContractPart, Extras

ROW_EXTRAS = frozenset({"absent"})


class RowsReader(ContractPart):
    """Checks the additions of a contract about rows."""

    def check(self, extras: Extras) -> None:
        """Report what is wrong with them."""
        self.check_one_of(extras, "absent", get_args(Absent))


def row_terms(values: Mapping[str, Any]) -> dict[str, Any]:
    """The terms of a feed about rows, by the names that `Feed` has."""
    return {"absent": values.get("absent") or "keep"}
