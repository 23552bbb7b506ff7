"""Reads conditions and amounts: SQL expressions over indicator columns (`name`) and parameters (`:name`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from almoner.policy.document import Document, Path
from almoner.policy.model.terms import Condition
from almoner.policy.reading import units
from almoner.policy.reading.unit_check import UnitCheck
from almoner.policy.report import Report, instead
from almoner.policy.sql.placeholders import to_dollars
from almoner.policy.sql.relation import Reads
from almoner.policy.sql.words_of_sql import forbidden, forbidden_functions, parse_advice

_ALWAYS = frozenset({"as_of"})


@dataclass(frozen=True, kw_only=True)
class KnownColumn:
    """What a condition may know about one column of an indicator."""

    name: str
    indicator: str
    subject: str
    unit: units.Unit
    reads: Reads
    file: str  # where its SQL is
    lines: Mapping[tuple[str, str], int]  # where the SQL first reads each (feed, property)


@dataclass(frozen=True)
class Vocabulary:
    """Every name that conditions can use."""

    columns: Mapping[str, KnownColumn]
    parameters: Mapping[str, units.Unit]
    complete: bool = True  # False: an indicator's file does not parse, so unknown columns prove nothing


@dataclass(frozen=True)
class Parsed:
    """A condition that parses, with what it uses."""

    condition: Condition
    unit: units.Unit | None  # None: fits anything
    path: Path
    sound: bool  # nothing was found wrong with it


def parse(text: Any) -> exp.Expr:
    """The expression in `text`. Raises ValueError with a reason in words, or SQLGlot's error."""
    if isinstance(text, bool):
        return exp.true() if text else exp.false()
    statements = sqlglot.parse(f"SELECT ({to_dollars(str(text)).sql}\n)", dialect="duckdb")
    if len(statements) != 1 or not isinstance(statements[0], exp.Select):
        raise ValueError("it is more than one expression")
    select = statements[0]
    inner = select.expressions[0] if len(select.expressions) == 1 else None
    if {k for k, v in select.args.items() if v and k not in {"expressions", "kind"}} or not isinstance(
        inner, (exp.Paren, exp.Subquery)
    ):
        raise ValueError("it is more than one expression")
    return inner.this if isinstance(inner, exp.Paren) else inner


class ConditionReader:
    """Reads the conditions of one signal or programme and reports what is wrong with them."""

    def __init__(
        self,
        document: Document,
        vocabulary: Vocabulary,
        report: Report,
        more: Mapping[str, units.Unit | None] | None = None,
    ) -> None:
        """`more` are names, with their units, that every condition of the document can use besides the
        columns."""
        self._document = document
        self._vocabulary = vocabulary
        self._report = report
        self._more = more or {}

    def read(self, path: Path, steps: Mapping[str, units.Unit | None] | None = None) -> Parsed | None:
        """The condition at `path`; `steps` are earlier lines of an amount with their units."""
        text = self._document.get(*path)
        if text is None or isinstance(text, (dict, list)):
            return None
        try:
            tree = parse(text)
        except (SqlglotError, ValueError, RecursionError) as error:
            advice = parse_advice(error)
            self._report.at(
                self._document,
                path,
                "condition-syntax",
                f"`{path[-1]}` is not an SQL expression: {advice}",
                "Write one expression, for example `a < 0.5 * :b`.",
            )
            return None
        known = {**self._more, **(steps or {})}
        before = len(self._report)
        self._shape(tree, path)
        columns = tuple(self._columns(tree, path, known))
        parameters = tuple(self._parameters(tree, path))
        unit = self._units(tree, path, known) if len(self._report) == before else units.UNKNOWN
        condition = Condition(_text(tree), columns, parameters)
        return Parsed(condition, unit, path, sound=len(self._report) == before)

    def _shape(self, tree: exp.Expr, path: Path) -> None:
        for kind, what in (
            (exp.Query, "a subquery"),
            (exp.Window, "a window"),
            (exp.AggFunc, "an aggregate"),
            (exp.Star, "a star"),
        ):
            node = tree.find(kind)
            if node is not None:
                message = f"`{path[-1]}` has {what} in it ({node.sql(dialect='duckdb')[:60]})."
                self._report.at(
                    self._document,
                    path,
                    "condition-too-much",
                    message,
                    "Compute it in an indicator and use that column here.",
                )
        for name, _ in forbidden_functions(tree):
            self._report.near(self._document, path, name, "forbidden-function", *forbidden(name))

    def _columns(self, tree: exp.Expr, path: Path, steps: Mapping[str, units.Unit | None]) -> Iterator[str]:
        seen = set(steps)
        for column in _in_order(tree, exp.Column):
            name = column.name.lower()
            if column.table:
                advice = f"Write `{name}` alone."
                self._report.near(
                    self._document,
                    path,
                    column.table,
                    "qualified-column",
                    f"`{column.sql()}` names a table.",
                    advice,
                )
            elif name not in self._vocabulary.columns and name not in steps:
                self._unknown_column(name, path, steps)
            elif name not in seen:
                seen.add(name)
                yield name

    def _unknown_column(self, name: str, path: Path, steps: Mapping[str, units.Unit | None]) -> None:
        if not self._vocabulary.complete:
            return
        known = {*self._vocabulary.columns, *steps}
        advice = (
            f"Write `:{name}`; it is a parameter."
            if name in self._vocabulary.parameters
            else instead(name, known)
        )
        self._report.near(
            self._document, path, name, "unknown-column", f"`{name}` is not a column of an indicator.", advice
        )

    def _parameters(self, tree: exp.Expr, path: Path) -> Iterator[str]:
        seen: set[str] = set()
        for placeholder in _in_order(tree, exp.Placeholder):
            name = placeholder.name
            if name in seen or name in _ALWAYS:
                continue
            seen.add(name)
            if name in self._vocabulary.parameters:
                yield name
                continue
            advice = (
                f"Write `{name}` without the colon; it is a column."
                if name in self._vocabulary.columns
                else instead(name, self._vocabulary.parameters)
            )
            self._report.near(
                self._document,
                path,
                name or "?",
                "unknown-parameter",
                f"There is no parameter `{name}`.",
                advice,
            )

    def _units(self, tree: exp.Expr, path: Path, steps: Mapping[str, units.Unit | None]) -> units.Unit | None:
        known = {name: c.unit for name, c in self._vocabulary.columns.items()} | dict(steps)
        used = [*(known[c.name.lower()] for c in tree.find_all(exp.Column))]
        used += [self._vocabulary.parameters.get(p.name) for p in tree.find_all(exp.Placeholder)]
        if units.UNKNOWN in used:
            return units.UNKNOWN
        check = UnitCheck(known, self._vocabulary.parameters)
        unit = check.unit(tree)
        for clash in check.clashes:
            left, right = units.write(clash.left_unit), units.write(clash.right_unit)
            message = f"{clash.left} is in {left}, but {clash.right} is in {right}."
            advice = "Multiply or divide one side until both units are the same, for example by persons."
            self._report.near(self._document, path, clash.word, "unit-mismatch", message, advice)
        return units.UNKNOWN if check.clashes else unit


def _in_order(tree: exp.Expr, kind: type[Any]) -> list[Any]:
    """Nodes of one kind in the order in which they are written."""
    return list(tree.find_all(kind, bfs=False))


def _text(tree: exp.Expr) -> str:
    """The expression in one line, parameters as `:name`."""

    def colon(node: exp.Expr) -> exp.Expr:
        return exp.Var(this=f":{node.name}") if isinstance(node, exp.Placeholder) else node

    return tree.copy().transform(colon).sql(dialect="duckdb", comments=False)
