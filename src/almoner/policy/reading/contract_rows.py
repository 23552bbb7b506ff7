"""What a contract says about rows: what they leave out, and what takes another row back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from open_data_contract_standard.model import SchemaProperty

from almoner.policy.model.feeds import Absent, Negative, Property, Role
from almoner.policy.reading.contract_part import ContractPart, Extras
from almoner.policy.report import instead

ROW_EXTRAS = frozenset({"absent", "reversalOf"})


class AmountReader(ContractPart):
    """Checks what a contract says about negative amounts of a column."""

    def check(self, extras: Extras, prop: SchemaProperty) -> None:
        """Report what is wrong with it."""
        self.check_one_of(extras, "negative", get_args(Negative))
        value, path = extras.get("negative", (None, ()))
        if value is not None and (prop.logicalType not in ("integer", "number") or prop.primaryKey):
            self.fault(
                path,
                "wrong-value",
                f"`negative` stands at `{prop.name}`, which is not an amount.",
                "Keep it at numbers that are not part of the key.",
            )


class RowsReader(ContractPart):
    """Checks the additions of a contract about rows."""

    def check(self, extras: Extras, properties: Sequence[Property]) -> None:
        """Report what is wrong with them; `properties` are the feed's columns without faults."""
        self.check_one_of(extras, "absent", get_args(Absent))
        self._columns(extras, "reversalOf", [p.name for p in properties])
        reversible = any(p.negative == "reverses" for p in properties)
        about = any(p.role in (Role.RESIDENT_ID, Role.HOUSEHOLD) for p in properties)
        if reversible and not about:
            self.fault(
                (),
                "wrong-value",
                "`negative: reverses` needs to know whose row it takes back.",
                "Write `counts`, or give a column the role `resident_id` or `household`.",
            )
        if "reversalOf" in extras and not reversible:
            self.fault(
                extras["reversalOf"][1],
                "wrong-value",
                "`reversalOf` has no use: no column says `negative: reverses`.",
                "Write `negative: reverses` at the amounts, or remove it.",
            )

    def _columns(self, extras: Extras, name: str, known: Sequence[str]) -> None:
        value, path = extras.get(name, ([], ()))
        if not isinstance(value, list):
            self.fault(path, "wrong-type", f"`{name}` is not a list.", "Write [one, another].")
            return
        for n, column in enumerate(value):
            if str(column) not in known:
                self.fault(
                    (*path, n),
                    "unknown-column",
                    f"There is no column `{column}`.",
                    instead(str(column), known),
                )


def row_terms(values: Mapping[str, Any]) -> dict[str, Any]:
    """The terms of a feed about rows, by the names that `Feed` has."""
    return {
        "absent": values.get("absent") or "keep",
        "reversal_of": tuple(map(str, values.get("reversalOf") or ())),
    }
