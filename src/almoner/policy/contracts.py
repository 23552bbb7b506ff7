"""Contracts: the Open Data Contract Standard (v3), with our additions in its `customProperties`."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from open_data_contract_standard.model import OpenDataContractStandard, SchemaObject, SchemaProperty
from pydantic import ValidationError

from almoner.policy import shapes, units
from almoner.policy.document import Document, Path
from almoner.policy.model import IDENTITY_ROLES, Feed, Property, PropertyType, Role
from almoner.policy.report import Report, instead

_TYPES = get_args(PropertyType)
_CLASSES = ("unconditional", "conditional", "not-shared")
_CADENCES = ("daily", "weekly", "monthly", "yearly", "on_event")
_DAYS = ("d", "day", "days")  # the standard's ways to write the unit
_OPTIONS = frozenset({"minimum", "maximum", "maxLength", "minLength", "pattern", "format"})
_FEED_EXTRAS = frozenset({"label", "owner", "sharingClass", "purposes", "legalBasis", "shared", "membership"})
_PROPERTY_EXTRAS = frozenset({"label", "role", "unit", "identifier", "purposes", "words", "atDesk"})
_RESERVED = frozenset({"person_id", "household_id", "known_from", "known_to", "delivery_id"})
_ONCE = (Role.RESIDENT_ID, Role.HOUSEHOLD, Role.EVENT_TIME, Role.BIRTH_DATE)
_ID = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Terms:
    """What contracts may refer to."""

    languages: tuple[str, ...]
    purposes: frozenset[str]
    departments: frozenset[str]
    units: frozenset[str]


class ContractReader:
    """Reads one contract. Faults go to `report`."""

    def __init__(self, document: Document, terms: Terms, report: Report) -> None:
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
            self._whole(feed)
        return feed if len(self._report) == before else None

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
        check_unit(self._document, path, unit, self._terms.units, self._report)

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
            self._fault(path, "wrong-value", "`words` does not name each valid value, and no other.", f"Name {listed}.")
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

    def _whole(self, feed: Feed) -> None:
        """What a feed needs as a whole."""
        at: Path = ("schema", 0, "properties")
        for role in _ONCE:
            names = [p.name for p in feed.properties if p.role is role]
            if len(names) > 1:
                self._fault(
                    at,
                    "role-twice",
                    f"Several columns have the role `{role}`: {', '.join(names)}.",
                    "Keep it at one column.",
                )
        if not feed.key:
            self._fault(
                at,
                "no-key",
                f"The feed `{feed.id}` has no key.",
                "Set `primaryKey: true` at the columns that identify a row.",
            )
        if feed.shared:
            self._shared(feed, at)
            return
        if feed.event_time is None:
            self._fault(
                at,
                "no-event-time",
                f"The feed `{feed.id}` does not say when something was true.",
                "Give one date column the role `event_time`.",
            )
        elif feed.event_time.type not in {"date", "timestamp"}:
            self._fault(
                at,
                "no-event-time",
                f"The event time `{feed.event_time.name}` is no date.",
                "Set its logicalType to date or timestamp.",
            )
        if feed.with_role(Role.RESIDENT_ID) is None and feed.with_role(Role.HOUSEHOLD) is None:
            self._fault(
                at,
                "no-subject",
                f"The feed `{feed.id}` does not say whom a row is about.",
                "Give a column the role `resident_id` or `household`, or mark the feed `shared`.",
            )
        if feed.membership and (
            feed.with_role(Role.RESIDENT_ID) is None or feed.with_role(Role.HOUSEHOLD) is None
        ):
            self._fault(
                at,
                "membership",
                f"`{feed.id}` does not say who lives with whom.",
                "Give one column the role `resident_id` and one the role `household`.",
            )
        self._narrower(feed)
        self._for_desk(feed)

    def _for_desk(self, feed: Feed) -> None:
        """A request that is taken at the desk must be able to be a row of its feed."""
        marked = [n for n, prop in enumerate(feed.properties) if prop.at_desk]
        for n in marked:
            lacking = [prop.name for prop in feed.properties if prop.required and not _known_at_desk(prop)]
            path = self._extras(("schema", 0, "properties", n), _PROPERTY_EXTRAS)["atDesk"][1]
            if n != marked[0]:
                self._fault(path, "desk", "`atDesk` stands at two columns.", "Keep it at the one that says how people ask.")
            elif lacking or feed.with_role(Role.RESIDENT_ID) is None:
                told = f"nobody can say {', '.join(lacking)} at the desk" if lacking else "it does not say who asks"
                self._fault(
                    path, "desk", f"Requests cannot be taken into `{feed.id}`: {told}.",
                    "Let each required column be who asks, the time, a text key, or one whose values have `words`.",
                )  # fmt: skip

    def _shared(self, feed: Feed, at: Path) -> None:
        if any(p.role in IDENTITY_ROLES for p in feed.properties):
            self._fault(
                at,
                "shared-with-persons",
                f"`{feed.id}` is marked `shared` but has a column about persons.",
                "Remove `shared`, or the column.",
            )

    def _narrower(self, feed: Feed) -> None:
        for n, prop in enumerate(feed.properties):
            wider = [p for p in prop.purposes or () if p not in feed.purposes]
            if wider:
                listed = ", ".join(wider)
                message = (
                    f"`{prop.name}` is for {listed}, which the agreement for `{feed.id}` does not cover."
                )
                extras = self._extras(("schema", 0, "properties", n), _PROPERTY_EXTRAS)
                self._fault(
                    extras["purposes"][1],
                    "purpose-wider",
                    message,
                    "A column's purposes only narrow the feed's.",
                )


def check_unit(document: Document, path: Path, unit: Any, atoms: Iterable[str], report: Report) -> units.Unit:
    """The unit written at `path`; UNKNOWN, and a finding, when it is none."""
    known = frozenset(atoms)
    try:
        return units.parse(None if unit is None else str(unit), known)
    except ValueError as error:
        word = str(error)
        close = units.closest(word, known)
        advice = f"Write `{close}` instead?" if close else instead(word, units.ATOMS | known)
        report.at(
            document,
            path,
            "unknown-unit",
            f"`{word}` is no unit.",
            f"{advice} New ones go under `units` in pack.yaml.",
        )
        return units.UNKNOWN


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


def _known_at_desk(prop: Property) -> bool:
    """Whether a request taken at the desk has a value of it: by its role, its own reference as key, or chosen there."""
    if prop.role in {Role.RESIDENT_ID, Role.EVENT_TIME} or prop.at_desk or prop.value_labels:
        return True
    return prop.key and prop.type == "string"


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
