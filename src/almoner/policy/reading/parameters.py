"""Reads parameters: dated values by area, with unit and legal reference, in the layout of OpenFisca."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from almoner.policy.document import Document, Path
from almoner.policy.model.pack import Parameter, ParameterValue
from almoner.policy.reading import fitting
from almoner.policy.report import Report, instead

_TOP = ("description", "documentation", "label", "metadata", "values")
_METADATA = ("label", "unit", "reference")
_VALUE = ("value", "reference", "metadata")
_DEFAULT = "default"


class ParameterReader:
    """Reads one parameter's file. Faults go to `report`."""

    def __init__(
        self, name: str, document: Document, languages: tuple[str, ...], atoms: Iterable[str], report: Report
    ) -> None:
        self._name = name
        self._document = document
        self._languages = languages
        self._atoms = atoms
        self._report = report

    def parameter(self) -> Parameter | None:
        """The parameter; None when something is wrong with it."""
        before = len(self._report)
        if not isinstance(self._document.data, dict):
            self._fault((), "wrong-type", "A parameter is a mapping of keys.", "Write metadata: and values:.")
            return None
        self._label()
        self._unit()
        areas = self._areas()
        if len(self._report) > before:
            return None
        return Parameter(self._name, self._words() or {}, self._written_unit(), areas)

    def _fault(self, path: Path, rule: str, message: str, advice: str) -> None:
        self._report.at(self._document, path, rule, message, advice)

    def _words(self) -> Any:
        return self._document.get("metadata", "label") or self._document.get("label")

    def _label(self) -> None:
        path: Path = ("metadata", "label") if self._document.get("metadata", "label") else ("label",)
        found = self._document.get(*path)
        if not isinstance(found, dict):
            self._fault(
                ("metadata",),
                "missing-key",
                "`label` is missing in `metadata`.",
                "Add label: {en: ..., zh: ...}.",
            )
            return
        fitting.check_translations(self._document, path, self._languages, self._report)

    def _unit(self) -> None:
        metadata = self._document.mapping("metadata")
        for key in metadata.keys() - set(_METADATA):
            self._fault(
                ("metadata", key), "unknown-key", f"`{key}` is not a key here.", instead(key, _METADATA)
            )
        if "unit" not in metadata:
            self._fault(
                ("metadata",),
                "missing-key",
                "`unit` is missing in `metadata`.",
                'Add unit:, for example CNY/month, or "1" for a plain number.',
            )
        fitting.unit(self._document, ("metadata", "unit"), metadata.get("unit"), self._atoms, self._report)

    def _written_unit(self) -> str | None:
        unit = self._document.get("metadata", "unit")
        return None if unit is None else str(unit)

    def _areas(self) -> dict[str | None, tuple[ParameterValue, ...]]:
        """The dated values by area code; those of None hold where an area has none of its own."""
        children = [k for k in self._document.mapping() if k not in _TOP]
        if "values" in self._document.mapping():
            for key in children:
                self._fault((key,), "unknown-key", f"`{key}` is not a key here.", instead(key, _TOP))
            return {None: self._values(("values",))}
        areas: dict[str | None, tuple[ParameterValue, ...]] = {}
        for key in children:
            inner = self._document.get(key)
            if not isinstance(inner, dict) or "values" not in inner:
                self._fault(
                    (key,),
                    "unknown-key",
                    f"`{key}` is neither a key nor an area with `values`.",
                    instead(key, _TOP),
                )
                continue
            for other in inner.keys() - {"values", "description", "documentation", "metadata"}:
                self._fault(
                    (key, other),
                    "unknown-key",
                    f"`{other}` is not a key here.",
                    instead(other, ("values", "metadata")),
                )
            areas[None if key == _DEFAULT else key] = self._values((key, "values"))
        if not children:
            self._fault(
                (),
                "missing-key",
                "`values` is missing.",
                "Add values: with a date and a value, or areas with values.",
            )
        return areas

    def _values(self, path: Path) -> tuple[ParameterValue, ...]:
        found = self._document.mapping(*path)
        if not found:
            self._fault(
                path,
                "missing-key",
                "`values` has no dated value.",
                "Add a line such as 2026-01-01: {value: 1, reference: ...}.",
            )
        made = [self._value((*path, day), day) for day in found]
        return tuple(sorted((v for v in made if v is not None), key=lambda v: v.since))

    def _value(self, path: Path, day: str) -> ParameterValue | None:
        try:
            since = dt.date.fromisoformat(day)
        except ValueError:
            self._fault(path, "date", f"`{day}` is not a date.", "Write it as 2026-01-31.")
            return None
        given = self._document.get(*path)
        value = given.get("value") if isinstance(given, dict) else given
        if isinstance(given, dict):
            self._entry(path, given)
        if isinstance(value, (dict, list, dt.date)):
            self._fault(
                path,
                "wrong-type",
                f"The value from {day} is not a number, a text, true or false.",
                "Write value: 1, or value: null where it ended.",
            )
            return None
        reference = self._reference(path, given)
        if reference is None:
            self._fault(
                path,
                "missing-reference",
                f"The value from {day} has no legal reference.",
                "Add reference: with the notice that sets it.",
            )
            return None
        return ParameterValue(since, value, reference)

    def _entry(self, path: Path, given: dict[str, Any]) -> None:
        for key in given.keys() - set(_VALUE):
            self._fault((*path, key), "unknown-key", f"`{key}` is not a key here.", instead(key, _VALUE))
        if "value" not in given:
            self._fault(
                path, "missing-key", "`value` is missing.", "Add value:, or value: null where it ended."
            )

    def _reference(self, path: Path, given: Any) -> str | None:
        """The value's own reference, else its area's, else the parameter's."""
        own = given if isinstance(given, dict) else {}
        inside = own.get("metadata") if isinstance(own.get("metadata"), dict) else {}
        area = self._document.get(path[0], "metadata", "reference") if len(path) > 2 else None
        for found in (
            own.get("reference"),
            (inside or {}).get("reference"),
            area,
            self._document.get("metadata", "reference"),
        ):
            text = _reference_text(found)
            if text:
                return text
        return None


def _reference_text(found: Any) -> str:
    if isinstance(found, list):
        return "; ".join(filter(None, map(_reference_text, found)))
    if isinstance(found, dict):
        return " ".join(str(found[k]) for k in ("title", "href") if found.get(k))
    return "" if found is None else str(found).strip()
