"""Contracts: the Open Data Contract Standard (v3), with our additions in its `customProperties`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from open_data_contract_standard.model import OpenDataContractStandard, SchemaObject, SchemaProperty
from pydantic import ValidationError

from almoner.policy.document import Path
from almoner.policy.model.feeds import Feed, Property
from almoner.policy.reading import contract_register
from almoner.policy.reading.contract_clock import CLOCK_EXTRAS, ClockReader, clock_terms
from almoner.policy.reading.contract_columns import PROPERTY_EXTRAS, ColumnsReader
from almoner.policy.reading.contract_part import ContractPart, Extras
from almoner.policy.reading.contract_register import RegisterReader
from almoner.policy.reading.contract_rows import ROW_EXTRAS, RowsReader, row_terms
from almoner.policy.reading.contract_text import encoding_fault
from almoner.policy.reading.contract_vouching import VOUCHING_EXTRAS, VouchingReader, vouching_terms
from almoner.policy.reading.feed_rules import FeedRules
from almoner.policy.report import instead

_CLASSES = ("unconditional", "conditional", "not-shared")
_CADENCES = ("daily", "weekly", "monthly", "yearly", "on_event")
_DAYS = ("d", "day", "days")  # the standard's ways to write the unit
_OPTIONS = frozenset({"minimum", "maximum", "maxLength", "minLength", "pattern", "format"})
_FEED_EXTRAS = (
    contract_register.REGISTER_EXTRAS
    | ROW_EXTRAS
    | VOUCHING_EXTRAS
    | CLOCK_EXTRAS
    | {
        "label",
        "owner",
        "sharingClass",
        "purposes",
        "legalBasis",
        "shared",
        "membership",
        "encoding",
    }
)
_ID = re.compile(r"[a-z][a-z0-9_]*")


class ContractReader(ContractPart):
    """Reads one contract."""

    def feed(self) -> Feed | None:
        """The feed; None when something is wrong with it."""
        before = len(self.report)
        contract = self._standard()
        if contract is None:
            return None
        extras = self.extras((), _FEED_EXTRAS)
        self.require(extras, (), ("label", "owner", "sharingClass", "purposes", "legalBasis"))
        self._check_terms(extras)
        VouchingReader(self.document, self.context, self.report).check(extras)
        ClockReader(self.document, self.context, self.report).check(extras)
        register = RegisterReader(self.document, self.context, self.report)
        register.check_feed(extras)
        schema = self._schema(contract)
        properties = (
            ColumnsReader(self.document, self.context, self.report).properties(schema) if schema else ()
        )
        RowsReader(self.document, self.context, self.report).check(extras, properties)
        cadence = self._cadence(contract)
        feed = None
        if len(self.report) == before and schema is not None:
            feed = _feed(contract, extras, properties, cadence, self._latency(contract))
            FeedRules(self.document, feed, self._where, self.report).check()
            register.check_whole(feed, ("schema", 0, "properties"))
        return feed if len(self.report) == before else None

    def _where(self, column: int, name: str) -> Path:
        """Where the addition `name` of a column is written."""
        return self.extras(("schema", 0, "properties", column), PROPERTY_EXTRAS)[name][1]

    def _standard(self) -> OpenDataContractStandard | None:
        if not isinstance(self.document.data, dict):
            self.fault(
                (), "odcs-invalid", "A contract is a mapping of keys.", "Copy the head of another contract."
            )
            return None
        self._unknown_keys()
        try:
            return OpenDataContractStandard(**self.document.data)
        except ValidationError as error:
            for fault in error.errors(include_url=False):
                if fault["type"] == "extra_forbidden":
                    continue
                path = fault["loc"]
                self.fault(
                    path,
                    "odcs-invalid",
                    f"`{'.'.join(map(str, path))}`: {fault['msg']}.",
                    "See the Open Data Contract Standard v3; texts that look like numbers need quotes.",
                )
            return None

    def _unknown_keys(self) -> None:
        aliases = {f.alias or n for n, f in OpenDataContractStandard.model_fields.items()}
        self._compare((), aliases)
        for n, _ in enumerate(self.document.items("schema")):
            self._compare(("schema", n), SchemaObject.model_fields)
            for m, _ in enumerate(self.document.items("schema", n, "properties")):
                path: Path = ("schema", n, "properties", m)
                self._compare(path, SchemaProperty.model_fields)
                self._compare((*path, "logicalTypeOptions"), _OPTIONS)

    def _compare(self, path: Path, known: Iterable[str]) -> None:
        for key in self.document.mapping(*path).keys() - set(known):
            self.fault((*path, key), "unknown-key", f"`{key}` is not a key here.", instead(key, known))

    def _check_terms(self, extras: Extras) -> None:
        self.check_label(extras)
        self.check_one_of(extras, "sharingClass", _CLASSES)
        owner, path = extras.get("owner", (None, ()))
        if owner is not None and str(owner) not in self.context.departments:
            self.fault(
                path,
                "unknown-department",
                f"There is no department `{owner}`.",
                instead(str(owner), self.context.departments),
            )
        self.check_purposes(extras)
        for name in ("shared", "membership"):
            value, path = extras.get(name, (False, ()))
            if not isinstance(value, bool):
                self.fault(path, "wrong-type", f"`{name}` is `{value}`.", "Write true or false.")
        encoding, path = extras.get("encoding", (None, ()))
        wrong = encoding_fault(encoding) if "encoding" in extras else None
        if wrong:
            self.fault(path, "wrong-value", wrong, "Write for instance utf-8, gb18030 or cp1252.")
        basis, path = extras.get("legalBasis", ("", ()))
        if not isinstance(basis, str):
            self.fault(path, "wrong-type", "`legalBasis` is not a text.", "Name the law or the agreement.")

    def _schema(self, contract: OpenDataContractStandard) -> SchemaObject | None:
        schemas = contract.schema_ or []
        if len(schemas) != 1:
            self.fault(
                ("schema",),
                "odcs-schema",
                f"The contract has {len(schemas)} schema objects.",
                "A feed is one table: write one contract per feed.",
            )
            return None
        schema = schemas[0]
        stem = self.document.file.rsplit("/", 1)[-1].removesuffix(".yaml")
        for name, path in ((contract.id, ("id",)), (schema.name, ("schema", 0, "name"))):
            if name != stem:
                self.fault(
                    path,
                    "feed-name",
                    f"`{name}` is not the name of the file.",
                    f"Write `{stem}`: id, schema and file carry the feed's name.",
                )
        if not _ID.fullmatch(stem):
            self.fault(
                ("id",),
                "feed-name",
                f"`{stem}` cannot be a feed's name.",
                "Use small letters, digits and underscores.",
            )
        if not schema.properties:
            self.fault(
                ("schema", 0),
                "odcs-schema",
                "The schema has no properties.",
                "List the columns under `properties`.",
            )
            return None
        return schema

    def _cadence(self, contract: OpenDataContractStandard) -> Any:
        for n, item in enumerate(contract.slaProperties or []):
            if item.property == "frequency":
                if item.value not in _CADENCES:
                    self.fault(
                        ("slaProperties", n, "value"),
                        "wrong-value",
                        f"`frequency: {item.value}` is not one of the values there are.",
                        instead(str(item.value), _CADENCES),
                    )
                return item.value
        self.fault(
            ("slaProperties",),
            "missing-key",
            "`frequency` is missing.",
            "Add {property: frequency, value: monthly} to slaProperties.",
        )
        return None

    def _latency(self, contract: OpenDataContractStandard) -> int | None:
        """How many days after the last complete day a feed is late; None for a feed that is never late."""
        for n, item in enumerate(contract.slaProperties or []):
            if item.property == "latency":
                days = item.value
                if isinstance(days, int) and not isinstance(days, bool) and days > 0 and item.unit in _DAYS:
                    return days
                self.fault(
                    ("slaProperties", n),
                    "wrong-value",
                    f"`latency: {days}` with the unit {item.unit!r} is no number of days.",
                    "Write it as {property: latency, value: 41, unit: d}.",
                )
        return None


def _feed(
    contract: OpenDataContractStandard,
    extras: Extras,
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
        encoding=values.get("encoding"),
        **contract_register.of_feed(values),
        **row_terms(values),
        **vouching_terms(values),
        **clock_terms(values),
    )
