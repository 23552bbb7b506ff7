"""What a contract says about rows: what they leave out, and what takes another row back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from open_data_contract_standard.model import SchemaProperty

from almoner.policy.model.feeds import Absent, FullList, Negative, Property, Role
from almoner.policy.reading.contract_part import ContractPart, Extras
from almoner.policy.report import instead

_KINDS = ("changes", "full")
_LISTS = ("all", "period")
ROW_EXTRAS = frozenset(
    {"absent", "reversalOf", "delivery", "listOf", "listBy", "withdrawnShare", "withdrawnRows"}
)


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
        self._list(extras, properties)
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

    def _list(self, extras: Extras, properties: Sequence[Property]) -> None:
        self.check_one_of(extras, "delivery", _KINDS)
        self.check_one_of(extras, "listOf", _LISTS)
        self._columns(extras, "listBy", [p.name for p in properties if p.fact_column])
        self._number(extras, "withdrawnShare", 1)
        self._number(extras, "withdrawnRows", None)
        if extras.get("delivery", ("changes", ()))[0] == "full":
            return
        for name in ("listOf", "listBy", "withdrawnShare", "withdrawnRows"):
            if name in extras:
                self.fault(
                    extras[name][1],
                    "wrong-value",
                    f"`{name}` has no use: a delivery is no whole list.",
                    "Write `delivery: full`, or remove it.",
                )

    def _number(self, extras: Extras, name: str, most: float | None) -> None:
        value, path = extras.get(name, (0, ()))
        right = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
        if not right or (most is not None and value > most):
            span = f"from 0 to {most}" if most is not None else "of rows, 0 or more"
            self.fault(path, "wrong-value", f"`{name}: {value}` is not right.", f"Write a number {span}.")

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
        "full_list": _full_list(values),
        "reversal_of": tuple(map(str, values.get("reversalOf") or ())),
    }


def _full_list(values: Mapping[str, Any]) -> FullList | None:
    if values.get("delivery") != "full":
        return None
    given = {
        "most_share": values.get("withdrawnShare"),
        "most_rows": values.get("withdrawnRows"),
    }
    return FullList(
        by_period=values.get("listOf") == "period",
        by=tuple(map(str, values.get("listBy") or ())),
        **{name: value for name, value in given.items() if value is not None},
    )
