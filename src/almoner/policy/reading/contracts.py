"""Contracts: the Open Data Contract Standard (v3), with our additions in its `customProperties`."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from open_data_contract_standard.model import OpenDataContractStandard, SchemaObject, SchemaProperty
from pydantic import ValidationError

from almoner.policy.document import Document, Path
from almoner.policy.model.pack import Feed, Property, PropertyType, Role
from almoner.policy.reading import shapes
from almoner.policy.reading.feed_rules import FeedRules
from almoner.policy.report import Report, instead

_TYPES = get_args(PropertyType)
_CLASSES = ("unconditional", "conditional", "not-shared")
_CADENCES = ("daily", "weekly", "monthly", "yearly", "on_event")
_DAYS = ("d", "day", "days")  # the standard's ways to write the unit
_OPTIONS = frozenset({"minimum", "maximum", "maxLength", "minLength", "pattern", "format"})
_FEED_EXTRAS = frozenset({"label", "owner", "sharingClass", "purposes", "legalBasis", "shared", "membership"})
_PROPERTY_EXTRAS = frozenset({"label", "role", "unit", "identifier", "purposes", "words", "atDesk"})
_RESERVED = frozenset({"person_id", "household_id", "known_from", "known_to", "delivery_id"})
_ID = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class ContractContext:
    """What contracts may refer to."""

    languages: tuple[str, ...]
    purposes: frozenset[str]
    departments: frozenset[str]
    units: frozenset[str]


class ContractReader:
    """Reads one contract. Faults go to `report`."""

    def __init__(self, document: Document, terms: ContractContext, report: Report) -> None:
        self._document = document
        self._terms = terms
        self._report = report

    def feed(self) -> Feed | None:
        """The feed; None when something is wrong with it."""
        before = len(self._report)
        contract = self._standard()
        if contract is None:
            return None
        extras = self._extras((), _FEED_EXTRAS)
        self._required(extras, (), ("label", "owner", "sharingClass", "purposes", "legalBasis"))
        self._terms_of(extras)
        schema = self._schema(contract)
        properties = self._properties(schema) if schema else ()
        cadence = self._cadence(contract)
        feed = None
        if len(self._report) == before and schema is not None:
            feed = _feed(contract, extras, properties, cadence, self._latency(contract))
            FeedRules(self._document, feed, self._where, self._report).check()
        return feed if len(self._report) == before else None

    def _where(self, column: int, name: str) -> Path:
        """Where the addition `name` of a column is written."""
        return self._extras(("schema", 0, "properties", column), _PROPERTY_EXTRAS)[name][1]

    def _fault(self, path: Path, rule: str, message: str, advice: str) -> None:
        self._report.at(self._document, path, rule, message, advice)

    def _standard(self) -> OpenDataContractStandard | None:
        if not isinstance(self._document.data, dict):
            self._fault(
                (), "odcs-invalid", "A contract is a mapping of keys.", "Copy the head of another contract."
            )
            return None
        self._unknown_keys()
        try:
            return OpenDataContractStandard(**self._document.data)
        except ValidationError as error:
            for fault in error.errors(include_url=False):
                if fault["type"] == "extra_forbidden":
                    continue
                path = tuple(s for s in fault["loc"])
                self._fault(
                    path,
                    "odcs-invalid",
                    f"`{'.'.join(map(str, path))}`: {fault['msg']}.",
                    "See the Open Data Contract Standard v3; texts that look like numbers need quotes.",
                )
            return None

    def _unknown_keys(self) -> None:
        aliases = {f.alias or n for n, f in OpenDataContractStandard.model_fields.items()}
        self._compare((), aliases)
        for n, _ in enumerate(self._document.items("schema")):
            self._compare(("schema", n), SchemaObject.model_fields)
            for m, _ in enumerate(self._document.items("schema", n, "properties")):
                path: Path = ("schema", n, "properties", m)
                self._compare(path, SchemaProperty.model_fields)
                self._compare((*path, "logicalTypeOptions"), _OPTIONS)

    def _compare(self, path: Path, known: Iterable[str]) -> None:
        for key in self._document.mapping(*path).keys() - set(known):
            self._fault((*path, key), "unknown-key", f"`{key}` is not a key here.", instead(key, known))

    def _extras(self, path: Path, known: frozenset[str]) -> dict[str, tuple[Any, Path]]:
        """Our additions: name -> (value, where)."""
        found: dict[str, tuple[Any, Path]] = {}
        for n, item in enumerate(self._document.items(*path, "customProperties")):
            at: Path = (*path, "customProperties", n)
            name = str(item.get("property")) if isinstance(item, dict) else ""
            if name in found:
                self._fault(at, "duplicate-key", f"`{name}` is given twice.", "Keep one of the two.")
            elif name not in known:
                self._fault(
                    at,
                    "unknown-key",
                    f"`{name}` is not an addition that Almoner reads.",
                    instead(name, known),
                )
            else:
                found[name] = (item.get("value"), (*at, "value"))
        return found

    def _required(self, extras: Mapping[str, tuple[Any, Path]], path: Path, names: Iterable[str]) -> None:
        for name in names:
            if name not in extras:
                self._fault(
                    (*path, "customProperties"),
                    "missing-key",
                    f"`{name}` is missing.",
                    f"Add {{property: {name}, value: ...}} to customProperties.",
                )

    def _terms_of(self, extras: Mapping[str, tuple[Any, Path]]) -> None:
        self._label(extras)
        self._one_of(extras, "sharingClass", _CLASSES)
        owner, path = extras.get("owner", (None, ()))
        if owner is not None and str(owner) not in self._terms.departments:
            self._fault(
                path,
                "unknown-department",
                f"There is no department `{owner}`.",
                instead(str(owner), self._terms.departments),
            )
        self._purposes(extras)
        for name in ("shared", "membership"):
            value, path = extras.get(name, (False, ()))
            if not isinstance(value, bool):
                self._fault(path, "wrong-type", f"`{name}` is `{value}`.", "Write true or false.")
        basis, path = extras.get("legalBasis", ("", ()))
        if not isinstance(basis, str):
            self._fault(path, "wrong-type", "`legalBasis` is not a text.", "Name the law or the agreement.")

    def _label(self, extras: Mapping[str, tuple[Any, Path]]) -> None:
        label, path = extras.get("label", ({}, ()))
        if not isinstance(label, dict):
            self._fault(path, "wrong-type", "`label` needs words per language.", "Write {en: ..., zh: ...}.")
        elif label:
            shapes.words(self._document, path, self._terms.languages, self._report)

    def _one_of(self, extras: Mapping[str, tuple[Any, Path]], name: str, known: Iterable[str]) -> None:
        value, path = extras.get(name, (None, ()))
        if value is not None and value not in known:
            self._fault(
                path,
                "wrong-value",
                f"`{name}: {value}` is not one of the values there are.",
                instead(str(value), known),
            )

    def _purposes(self, extras: Mapping[str, tuple[Any, Path]]) -> None:
        value, path = extras.get("purposes", ([], ()))
        if not isinstance(value, list):
            self._fault(path, "wrong-type", "`purposes` is not a list.", "Write [one, another].")
            return
        for n, purpose in enumerate(value):
            if str(purpose) not in self._terms.purposes:
                self._fault(
                    (*path, n),
                    "unknown-purpose",
                    f"There is no purpose `{purpose}`.",
                    instead(str(purpose), self._terms.purposes),
                )

    def _schema(self, contract: OpenDataContractStandard) -> SchemaObject | None:
        schemas = contract.schema_ or []
        if len(schemas) != 1:
            self._fault(
                ("schema",),
                "odcs-schema",
                f"The contract has {len(schemas)} schema objects.",
                "A feed is one table: write one contract per feed.",
            )
            return None
        schema = schemas[0]
        stem = self._document.file.rsplit("/", 1)[-1].removesuffix(".yaml")
        for name, path in ((contract.id, ("id",)), (schema.name, ("schema", 0, "name"))):
            if name != stem:
                self._fault(
                    path,
                    "feed-name",
                    f"`{name}` is not the name of the file.",
                    f"Write `{stem}`: id, schema and file carry the feed's name.",
                )
        if not _ID.fullmatch(stem):
            self._fault(
                ("id",),
                "feed-name",
                f"`{stem}` cannot be a feed's name.",
                "Use small letters, digits and underscores.",
            )
        if not schema.properties:
            self._fault(
                ("schema", 0),
                "odcs-schema",
                "The schema has no properties.",
                "List the columns under `properties`.",
            )
            return None
        return schema

    def _properties(self, schema: SchemaObject) -> tuple[Property, ...]:
        found: list[Property] = []
        for n, prop in enumerate(schema.properties or []):
            path: Path = ("schema", 0, "properties", n)
            name = prop.name or ""
            if not _ID.fullmatch(name) or name in _RESERVED:
                self._fault(
                    (*path, "name"),
                    "property-name",
                    f"`{name}` cannot be a column's name.",
                    f"Use small letters, digits and underscores, and none of {', '.join(sorted(_RESERVED))}.",
                )
            if any(p.name == name for p in found):
                self._fault(
                    (*path, "name"),
                    "duplicate-key",
                    f"The column `{name}` is given twice.",
                    "Keep one of the two.",
                )
            made = self._property(prop, path)
            if made is not None:
                found.append(made)
        return tuple(found)

    def _property(self, prop: SchemaProperty, path: Path) -> Property | None:
        before = len(self._report)
        extras = self._extras(path, _PROPERTY_EXTRAS)
        self._required(extras, path, ("label",))
        self._label(extras)
        self._one_of(extras, "role", tuple(Role))
        self._purposes(extras)
        self._unit(extras)
        self._identifier(extras)
        self._at_desk(extras, _valid_values(prop))
        if prop.logicalType not in _TYPES:
            self._fault(
                (*path, "logicalType"),
                "wrong-value",
                f"`{prop.logicalType}` is not a type that a feed can have.",
                instead(str(prop.logicalType), _TYPES),
            )
        self._options(prop, path)
        if len(self._report) > before:
            return None
        return _property(prop, {k: v for k, (v, _) in extras.items()})

    def _unit(self, extras: Mapping[str, tuple[Any, Path]]) -> None:
        unit, path = extras.get("unit", (None, ()))
        shapes.unit(self._document, path, unit, self._terms.units, self._report)

    def _identifier(self, extras: Mapping[str, tuple[Any, Path]]) -> None:
        name, path = extras.get("identifier", (None, ()))
        if name is None:
            return
        try:
            known = (
                bool(re.fullmatch(r"[a-z_]+(\.[a-z_]+)?", str(name)))
                and importlib.util.find_spec(f"stdnum.{name}") is not None
            )
        except ModuleNotFoundError:
            known = False
        if not known:
            self._fault(
                path,
                "unknown-identifier",
                f"python-stdnum has no module `{name}`.",
                "Write country and kind of number as python-stdnum does.",
            )

    def _options(self, prop: SchemaProperty, path: Path) -> None:
        options = prop.logicalTypeOptions or {}
        at: Path = (*path, "logicalTypeOptions")
        pattern, low, high = options.get("pattern"), options.get("minimum"), options.get("maximum")
        if pattern is not None:
            try:
                re.compile(str(pattern))
            except re.error as error:
                self._fault(
                    (*at, "pattern"),
                    "pattern",
                    f"`{pattern}` is not a regular expression: {error}.",
                    "Close every bracket; write a backslash before a sign that is meant as itself.",
                )
        for name in ("minimum", "maximum", "maxLength"):
            value = options.get(name)
            if value is not None and (not isinstance(value, (int, float)) or isinstance(value, bool)):
                self._fault(
                    (*at, name), "wrong-type", f"`{name}: {value}` is not a number.", "Write a number."
                )
                return
        if low is not None and high is not None and low > high:
            self._fault(
                (*at, "maximum"),
                "range",
                f"The maximum {high} is below the minimum {low}.",
                "Swap or correct them.",
            )

    def _cadence(self, contract: OpenDataContractStandard) -> Any:
        for n, item in enumerate(contract.slaProperties or []):
            if item.property == "frequency":
                if item.value not in _CADENCES:
                    self._fault(
                        ("slaProperties", n, "value"),
                        "wrong-value",
                        f"`frequency: {item.value}` is not one of the values there are.",
                        instead(str(item.value), _CADENCES),
                    )
                return item.value
        self._fault(
            ("slaProperties",),
            "missing-key",
            "`frequency` is missing.",
            "Add {property: frequency, value: monthly} to slaProperties.",
        )
        return None

    def _at_desk(self, extras: Mapping[str, tuple[Any, Path]], values: Sequence[str]) -> None:
        """`words` name each valid value for people; `atDesk` is the one that a request taken at the desk has."""
        named, path = extras.get("words", ({}, ()))
        if not isinstance(named, dict) or (named and {str(value) for value in named} != set(values)):
            listed = ", ".join(values)
            self._fault(
                path,
                "wrong-value",
                "`words` does not name each valid value, and no other.",
                f"Name {listed}.",
            )
        elif named:
            for value in named:
                shapes.words(self._document, (*path, value), self._terms.languages, self._report)
        self._one_of(extras, "atDesk", values)

    def _latency(self, contract: OpenDataContractStandard) -> int | None:
        """Days after the last complete day when the next delivery should have been there; none: never late."""
        for n, item in enumerate(contract.slaProperties or []):
            if item.property == "latency":
                days = item.value
                if isinstance(days, int) and not isinstance(days, bool) and days > 0 and item.unit in _DAYS:
                    return days
                self._fault(
                    ("slaProperties", n),
                    "wrong-value",
                    f"`latency: {days}` with the unit {item.unit!r} is no number of days.",
                    "Write it as {property: latency, value: 41, unit: d}.",
                )
        return None


def _property(prop: SchemaProperty, extras: Mapping[str, Any]) -> Property:
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
        identifier=extras.get("identifier"),
        purposes=tuple(purposes) if purposes is not None else None,
        value_labels={str(value): words for value, words in (extras.get("words") or {}).items()},
        at_desk=extras.get("atDesk"),
    )


def _valid_values(prop: SchemaProperty) -> tuple[str, ...]:
    for rule in prop.quality or []:
        if (rule.metric or rule.rule) == "invalidValues":
            return tuple(str(v) for v in (rule.arguments or {}).get("validValues") or ())
    return ()


def _feed(
    contract: OpenDataContractStandard,
    extras: Mapping[str, tuple[Any, Path]],
    properties: tuple[Property, ...],
    cadence: Any,
    latency: int | None,
) -> Feed:
    values = {k: v for k, (v, _) in extras.items()}
    return Feed(
        id=contract.id or "",
        label=values["label"],
        owner=values["owner"],
        sharing_class=values["sharingClass"],
        purposes=tuple(values["purposes"]),
        legal_basis=str(values["legalBasis"]),
        properties=properties,
        version=contract.version or "",
        cadence=cadence,
        late_after_days=latency,
        shared=bool(values.get("shared")),
        membership=bool(values.get("membership")),
    )
