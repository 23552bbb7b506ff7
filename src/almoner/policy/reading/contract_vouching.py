"""What a contract says about when a delivery vouches for a period."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from almoner.policy.document import Path
from almoner.policy.model.feeds import Trailer
from almoner.policy.reading.contract_part import ContractPart, Extras
from almoner.policy.report import instead

VOUCHING_EXTRAS = frozenset(
    {"completeBy", "heldBackShare", "volumeShare", "volumeRows", "rowCount", "trailer"}
)
_FIELDS = {  # of `Feed`, by the addition's name
    "completeBy": "complete_by",
    "heldBackShare": "held_back_share",
    "volumeShare": "volume_share",
    "volumeRows": "volume_rows",
}
_ENDS = ("least", "most")


class VouchingReader(ContractPart):
    """Checks the additions of a contract about complete periods."""

    def check(self, extras: Extras) -> None:
        """Report what is wrong with them."""
        self._complete_by(extras)
        for name in ("heldBackShare", "volumeShare"):
            value, path = extras.get(name, (0, ()))
            if not _is_number(value) or not 0 <= value <= 1:
                self.fault(
                    path,
                    "wrong-value",
                    f"`{name}: {value}` is not a share.",
                    "Write a number from 0 to 1: 0.02 is 2 %.",
                )
        value, path = extras.get("volumeRows", (1, ()))
        if not _is_count(value):
            self.fault(path, "wrong-value", f"`volumeRows: {value}` is no number of rows.", "Write 50.")
        self._row_count(extras)
        if "trailer" in extras:
            self._trailer(*extras["trailer"])

    def _complete_by(self, extras: Extras) -> None:
        value, path = extras.get("completeBy", (None, ()))
        columns = [str(p.get("name")) for p in self.document.items("schema", 0, "properties")]
        if value is not None and str(value) not in columns:
            self.fault(path, "unknown-column", f"There is no column `{value}`.", instead(str(value), columns))

    def _row_count(self, extras: Extras) -> None:
        value, path = extras.get("rowCount", ({}, ()))
        known = isinstance(value, dict) and value.keys() <= set(_ENDS) and all(map(_is_count, value.values()))
        if not known or value.get("least", 0) > value.get("most", value.get("least", 0)):
            self.fault(
                path,
                "wrong-value",
                f"`rowCount: {value}` does not say how many rows a delivery has.",
                "Write {least: 900}, {most: 1100}, or both.",
            )

    def _trailer(self, value: object, path: Path) -> None:
        terms = value if isinstance(value, dict) and value.keys() <= {"words", "rows"} else {}
        words = terms.get("words")
        if not isinstance(words, list) or not words or not all(map(_is_word, words)):
            self.fault(
                path,
                "wrong-value",
                f"`trailer: {value}` does not say how the last row begins.",
                "Write {words: [Total]}, or {words: [Total], rows: COLUMN} with the column that has the"
                " number of rows.",
            )
            return
        columns = [str(p.get("name")) for p in self.document.items("schema", 0, "properties")]
        column = terms.get("rows")
        if column is not None and str(column) not in columns:
            self.fault(
                path, "unknown-column", f"There is no column `{column}`.", instead(str(column), columns)
            )


def vouching_terms(values: Mapping[str, Any]) -> dict[str, Any]:
    """The terms of a feed about complete periods, by the names that `Feed` has; those given only."""
    terms = {field: values[name] for name, field in _FIELDS.items() if values.get(name) is not None}
    count = values.get("rowCount")
    trailer = values.get("trailer")
    if trailer:
        terms["trailer"] = Trailer(words=tuple(trailer["words"]), rows=trailer.get("rows"))
    return terms | ({"row_count": (count.get("least"), count.get("most"))} if count else {})


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_word(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
