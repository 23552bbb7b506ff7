"""Reads identifiers: how the numbers of one kind are checked."""

from __future__ import annotations

import re

from almoner.policy.document import Document
from almoner.policy.model.identifiers import CHECK_DIGITS, Identifier
from almoner.policy.reading import fitting, shapes
from almoner.policy.report import Report, instead

FOLDER = "identifiers"
_DATE = "yyyyMMdd"


class IdentifierReader:
    """Reads one identifier. Findings go to `report`."""

    def __init__(self, name: str, document: Document, report: Report) -> None:
        self._name, self._document, self._report = name, document, report

    def identifier(self) -> Identifier | None:
        """The identifier; None when something is wrong with it."""
        shape = fitting.fit(self._document, shapes.IdentifierShape, self._report)
        if shape is None:
            return None
        before = len(self._report)
        lengths = tuple(shape.length) if isinstance(shape.length, list) else (shape.length,)
        found = Identifier(
            id=self._name,
            lengths=tuple(length for length in lengths if length is not None),
            pattern=shape.pattern,
            birth_date_at=shape.birth_date.at if shape.birth_date else None,
            check_digit=shape.check_digit,
        )
        self._check(found)
        return found if len(self._report) == before else None

    def _check(self, found: Identifier) -> None:
        if found.check_digit and found.check_digit not in CHECK_DIGITS:
            self._fault(
                "check_digit",
                "wrong-value",
                f"`check_digit: {found.check_digit}` is not one of the values there are.",
                instead(found.check_digit, CHECK_DIGITS),
            )
        if found.pattern is not None:
            try:
                re.compile(found.pattern)
            except re.error as error:
                self._fault(
                    "pattern",
                    "pattern",
                    f"`{found.pattern}` is not a regular expression: {error}.",
                    "Close every bracket; write a backslash before a sign that is meant as itself.",
                )
        if found.birth_date_at and any(found.birth_date_at + len(_DATE) - 1 > n for n in found.lengths):
            self._fault(
                "birth_date",
                "range",
                "The birth date would stand behind the end of the number.",
                "Write the place of its first digit, from 1.",
            )
        if not (found.lengths or found.pattern or found.birth_date_at or found.check_digit):
            self._fault(
                "label",
                "missing-key",
                "Nothing says which numbers are right.",
                "Add `length`, `pattern`, `birth_date` or `check_digit`.",
            )

    def _fault(self, key: str, rule: str, message: str, advice: str) -> None:
        self._report.at(self._document, (key,), rule, message, advice)
