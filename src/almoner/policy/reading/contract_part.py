"""What a contract and its columns have in common: our additions to the standard, in `customProperties`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from almoner.policy.document import Document, Path
from almoner.policy.model.identifiers import Identifier
from almoner.policy.reading import fitting
from almoner.policy.report import Report, instead

Extras = Mapping[str, tuple[Any, Path]]  # our additions by name: the value, and where it is written


@dataclass(frozen=True, kw_only=True)
class ContractContext:
    """What contracts may refer to: languages as tags, all else as ids of the pack."""

    languages: tuple[str, ...]
    purposes: frozenset[str]
    departments: frozenset[str]
    units: frozenset[str]
    unit_words: Mapping[str, Any] = field(default_factory=dict)  # by letter and language
    identifiers: Mapping[str, Identifier | None] = field(default_factory=dict)  # None: it has a fault
    placeholders: tuple[str, ...] = ()  # what stands for a code that is missing, in every contract


class ContractPart:
    """A part of a contract. Its checks add their findings to `report`."""

    def __init__(self, document: Document, context: ContractContext, report: Report) -> None:
        self.document = document
        self.context = context
        self.report = report

    def fault(self, path: Path, rule: str, message: str, advice: str) -> None:
        """Add a finding at `path`."""
        self.report.at(self.document, path, rule, message, advice)

    def extras(self, path: Path, known: frozenset[str]) -> dict[str, tuple[Any, Path]]:
        """The additions below `path`. Reports those given twice and those that are not `known`."""
        extras: dict[str, tuple[Any, Path]] = {}
        for n, item in enumerate(self.document.items(*path, "customProperties")):
            place: Path = (*path, "customProperties", n)
            name = str(item.get("property")) if isinstance(item, dict) else ""
            if name in extras:
                self.fault(place, "duplicate-key", f"`{name}` is given twice.", "Keep one of the two.")
            elif name not in known:
                self.fault(
                    place,
                    "unknown-key",
                    f"`{name}` is not an addition that Almoner reads.",
                    instead(name, known),
                )
            else:
                extras[name] = (item.get("value"), (*place, "value"))
        return extras

    def require(self, extras: Extras, path: Path, names: Iterable[str]) -> None:
        """Report each of `names` that the additions below `path` lack."""
        for name in names:
            if name not in extras:
                self.fault(
                    (*path, "customProperties"),
                    "missing-key",
                    f"`{name}` is missing.",
                    f"Add {{property: {name}, value: ...}} to customProperties.",
                )

    def check_label(self, extras: Extras) -> None:
        """Report a label that is not a text in every language of the pack."""
        label, path = extras.get("label", ({}, ()))
        if not isinstance(label, dict):
            self.fault(path, "wrong-type", "`label` needs words per language.", "Write {en: ..., zh: ...}.")
        elif label:
            fitting.check_translations(self.document, path, self.context.languages, self.report)

    def check_one_of(self, extras: Extras, name: str, known: Iterable[str]) -> None:
        """Report the addition `name` where its value is not one of the `known`."""
        value, path = extras.get(name, (None, ()))
        if value is not None and value not in known:
            self.fault(
                path,
                "wrong-value",
                f"`{name}: {value}` is not one of the values there are.",
                instead(str(value), known),
            )

    def check_purposes(self, extras: Extras) -> None:
        """Report purposes that the pack does not have."""
        value, path = extras.get("purposes", ([], ()))
        if not isinstance(value, list):
            self.fault(path, "wrong-type", "`purposes` is not a list.", "Write [one, another].")
            return
        for n, purpose in enumerate(value):
            if str(purpose) not in self.context.purposes:
                self.fault(
                    (*path, n),
                    "unknown-purpose",
                    f"There is no purpose `{purpose}`.",
                    instead(str(purpose), self.context.purposes),
                )
