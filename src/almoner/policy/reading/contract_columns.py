"""The columns of a contract: types, roles, ranges, and our additions to each of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from open_data_contract_standard.model import SchemaObject, SchemaProperty

from almoner.policy.document import Path
from almoner.policy.model.feeds import Property, PropertyType, Role
from almoner.policy.reading import contract_register, fitting
from almoner.policy.reading.contract_codes import CODE_EXTRAS, CodeReader
from almoner.policy.reading.contract_part import ContractPart, Extras
from almoner.policy.reading.contract_rows import AmountReader
from almoner.policy.reading.contract_text import unit_words
from almoner.policy.report import instead

PROPERTY_EXTRAS = (
    CODE_EXTRAS
    | {"label", "role", "unit", "purposes", "words", "atDesk", "negative"}
    | frozenset(contract_register.MARKED_VALUES)
)
_TYPES = get_args(PropertyType)
_RESERVED = frozenset({"person_id", "household_id", "known_from", "known_to", "delivery_id"})
_ID = re.compile(r"[a-z][a-z0-9_]*")


class ColumnsReader(ContractPart):
    """Reads the columns of a contract."""

    def properties(self, schema: SchemaObject) -> tuple[Property, ...]:
        """The columns without faults, in the order of the contract."""
        columns: list[Property] = []
        for n, prop in enumerate(schema.properties or []):
            path: Path = ("schema", 0, "properties", n)
            name = prop.name or ""
            if not _ID.fullmatch(name) or name in _RESERVED:
                self.fault(
                    (*path, "name"),
                    "property-name",
                    f"`{name}` cannot be a column's name.",
                    f"Use small letters, digits and underscores, and none of {', '.join(sorted(_RESERVED))}.",
                )
            if any(p.name == name for p in columns):
                self.fault(
                    (*path, "name"),
                    "duplicate-key",
                    f"The column `{name}` is given twice.",
                    "Keep one of the two.",
                )
            made = self._column(prop, path)
            if made is not None:
                columns.append(made)
        return tuple(columns)

    def _column(self, prop: SchemaProperty, path: Path) -> Property | None:
        before = len(self.report)
        extras = self.extras(path, PROPERTY_EXTRAS)
        self.require(extras, path, ("label",))
        self.check_label(extras)
        self.check_one_of(extras, "role", tuple(Role))
        self.check_purposes(extras)
        self._unit(extras)
        codes = CodeReader(self, extras)
        codes.check(prop.logicalType)
        self._at_desk(extras, _valid_values(prop))
        AmountReader(self.document, self.context, self.report).check(extras, prop)
        contract_register.RegisterReader(self.document, self.context, self.report).check_column(
            extras, _valid_values(prop)
        )
        if prop.logicalType not in _TYPES:
            self.fault(
                (*path, "logicalType"),
                "wrong-value",
                f"`{prop.logicalType}` is not a type that a feed can have.",
                instead(str(prop.logicalType), _TYPES),
            )
        self._options(prop, path)
        if len(self.report) > before:
            return None
        values = {k: v for k, (v, _) in extras.items()}
        words = unit_words(values.get("unit"), self.context.unit_words)
        return _property(prop, values, {**codes.made(self.context.placeholders), "unit_words": words})

    def _unit(self, extras: Extras) -> None:
        unit, path = extras.get("unit", (None, ()))
        fitting.unit(self.document, path, unit, self.context.units, self.report)

    def _options(self, prop: SchemaProperty, path: Path) -> None:
        options = prop.logicalTypeOptions or {}
        place: Path = (*path, "logicalTypeOptions")
        pattern, low, high = options.get("pattern"), options.get("minimum"), options.get("maximum")
        if pattern is not None:
            try:
                re.compile(str(pattern))
            except re.error as error:
                self.fault(
                    (*place, "pattern"),
                    "pattern",
                    f"`{pattern}` is not a regular expression: {error}.",
                    "Close every bracket; write a backslash before a sign that is meant as itself.",
                )
        for name in ("minimum", "maximum", "maxLength"):
            value = options.get(name)
            if value is not None and (not isinstance(value, (int, float)) or isinstance(value, bool)):
                self.fault(
                    (*place, name), "wrong-type", f"`{name}: {value}` is not a number.", "Write a number."
                )
                return
        if low is not None and high is not None and low > high:
            self.fault(
                (*place, "maximum"),
                "range",
                f"The maximum {high} is below the minimum {low}.",
                "Swap or correct them.",
            )

    def _at_desk(self, extras: Extras, values: Sequence[str]) -> None:
        """`words` are labels of the valid values; `atDesk` is the value that a walk-in application has."""
        named, path = extras.get("words", ({}, ()))
        if not isinstance(named, dict) or (named and {str(value) for value in named} != set(values)):
            listed = ", ".join(values)
            self.fault(
                path,
                "wrong-value",
                "`words` does not name each valid value, and no other.",
                f"Name {listed}.",
            )
        elif named:
            for value in named:
                fitting.check_translations(self.document, (*path, value), self.context.languages, self.report)
        self.check_one_of(extras, "atDesk", values)


def _property(prop: SchemaProperty, extras: Mapping[str, Any], codes: Mapping[str, Any]) -> Property:
    options = prop.logicalTypeOptions or {}
    role, purposes = extras.get("role"), extras.get("purposes")
    kind: Any = prop.logicalType
    return Property(
        name=prop.name or "",
        type=kind,
        role=Role(role) if role else None,
        required=bool(prop.required or prop.primaryKey),
        key=bool(prop.primaryKey),
        unit=extras.get("unit"),
        label=extras.get("label", {}),
        minimum=options.get("minimum"),
        maximum=options.get("maximum"),
        max_length=options.get("maxLength"),
        pattern=options.get("pattern"),
        valid_values=_valid_values(prop),
        format=options.get("format"),
        purposes=tuple(purposes) if purposes is not None else None,
        value_labels={str(value): words for value, words in (extras.get("words") or {}).items()},
        at_desk=extras.get("atDesk"),
        negative=extras.get("negative") or "refused",
        **contract_register.of_column(extras),
        **codes,
    )


def _valid_values(prop: SchemaProperty) -> tuple[str, ...]:
    for rule in prop.quality or []:
        if (rule.metric or rule.rule) == "invalidValues":
            return tuple(str(v) for v in (rule.arguments or {}).get("validValues") or ())
    return ()
