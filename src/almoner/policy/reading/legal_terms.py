"""Reads terms.yaml: times allowed, thresholds of approval, levels and working time, each dated."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import Field

from almoner.policy.document import Document, Path
from almoner.policy.model.legal_terms import WEEKDAYS, Colour, LegalTerm, LegalTerms, TermValue, Weekday
from almoner.policy.reading import fitting
from almoner.policy.reading.shapes import Shape, Words
from almoner.policy.report import Report, instead

T = TypeVar("T")
Reference = Annotated[str, Field(min_length=1)]
_LEVEL = re.compile(r"[a-z][a-z0-9_]{0,39}")  # it is written into SQL, and kept in 40 characters


class TimeShape(Shape):
    amount: Annotated[int, Field(ge=1)]
    unit: Literal["hours", "days", "working_days"]


class LeadShape(Shape):
    amount: Annotated[int, Field(ge=1)]
    unit: Literal["hours", "days"]  # it is counted back from a due time


class LevelNameShape(Shape):
    level: str
    label: Words
    colour: Colour


class OfficeHoursShape(Shape):
    opens: str
    closes: str


class DatedShape(Shape, Generic[T]):
    value: T
    reference: Reference


class EntryShape(Shape, Generic[T]):
    """One term: its values by the day from which they hold."""

    label: Words
    values: Annotated[dict[str, DatedShape[T]], Field(min_length=1)]


class TermsShape(Shape):
    """The whole file. Every term must be given."""

    correction: EntryShape[TimeShape]
    appeal: EntryShape[TimeShape]
    callback: EntryShape[TimeShape]
    request: EntryShape[TimeShape]
    notice: EntryShape[TimeShape]
    authorisation: EntryShape[TimeShape]
    approval: EntryShape[TimeShape]
    reminder: EntryShape[LeadShape]
    approval_amount: EntryShape[Annotated[float, Field(ge=0)]]
    approval_levels: EntryShape[list[str]]
    levels: EntryShape[Annotated[list[LevelNameShape], Field(min_length=1)]]
    weekend: EntryShape[list[Weekday]]
    office_hours: EntryShape[OfficeHoursShape]
    working_day: EntryShape[Annotated[float, Field(ge=1)]]


class LegalTermsReader:
    """Reads the file, `extends` merged. Faults go to `report`."""

    def __init__(self, document: Document, languages: Iterable[str], report: Report) -> None:
        self._document, self._languages, self._report = document, tuple(languages), report

    def terms(self) -> LegalTerms | None:
        """The terms; None when something is wrong with one of them."""
        before = len(self._report)
        shape: TermsShape | None = fitting.fit(self._document, TermsShape, self._report)
        fitting.check_all_translations(self._document, self._languages, self._report, ("label",))
        for name in self._document.mapping():
            for day in self._document.mapping(name, "values"):
                self._day((name, "values", day), day)
        if shape is None:
            return None
        self._levels()
        for day in self._document.mapping("weekend", "values"):
            self._weekend(("weekend", "values", day, "value"))
        for day in self._document.mapping("office_hours", "values"):
            self._hours(("office_hours", "values", day, "value"))
        return self._made() if len(self._report) == before else None

    def _fault(self, path: Path, rule: str, message: str, advice: str) -> None:
        self._report.at(self._document, path, rule, message, advice)

    def _day(self, path: Path, day: str) -> None:
        try:
            dt.date.fromisoformat(day)
        except ValueError:
            self._fault(path, "date", f"`{day}` is not a date.", "Write it as 2026-01-31.")

    def _levels(self) -> None:
        """Check the names of levels, that each is given once, and that those with approval are known."""
        named: set[str] = set()
        for day in self._document.mapping("levels", "values"):
            path: Path = ("levels", "values", day, "value")
            names = [level["level"] for level in self._document.items(*path)]
            named.update(names)
            for n, name in enumerate(names):
                self._level(name, names[:n], (*path, n, "level"))
        for day in self._document.mapping("approval_levels", "values"):
            path = ("approval_levels", "values", day, "value")
            for n, name in enumerate(self._document.items(*path)):
                if name not in named:
                    message = f"There is no level `{name}`."
                    self._fault((*path, n), "unknown-level", message, instead(name, named))

    def _level(self, name: str, before: list[str], path: Path) -> None:
        if not _LEVEL.fullmatch(name):
            advice = "Use at most 40 small letters, digits and underscores."
            self._fault(path, "name", f"`{name}` cannot be the name of a level.", advice)
        elif name in before:
            advice = "Give each level once, the most urgent first."
            self._fault(path, "level-order", f"The level `{name}` is given twice.", advice)

    def _weekend(self, path: Path) -> None:
        if len(set(self._document.items(*path))) == len(WEEKDAYS):
            advice = "Leave out the days that are worked: clocks in working days would never end."
            self._fault(path, "no-working-day", "Every day of the week is a weekend.", advice)

    def _hours(self, path: Path) -> None:
        times: list[dt.time] = []
        for key in ("opens", "closes"):
            text = self._document.get(*path, key)
            try:
                times.append(dt.time.fromisoformat(text))
            except ValueError:
                self._fault((*path, key), "time", f"`{text}` is not a time.", 'Write it as "09:00".')
        if len(times) == 2 and times[0] >= times[1]:
            self._fault(path, "time", "The office closes before it opens.", "Swap or correct the hours.")

    def _made(self) -> LegalTerms:
        names = TermsShape.model_fields
        return LegalTerms({name: self._term(name) for name in names})

    def _term(self, name: str) -> LegalTerm:
        dated: dict[str, Any] = self._document.mapping(name, "values")
        values = [
            TermValue(dt.date.fromisoformat(day), given["value"], given["reference"])
            for day, given in dated.items()
        ]
        label = self._document.mapping(name, "label")
        return LegalTerm(name, label, tuple(sorted(values, key=lambda value: value.since)))
