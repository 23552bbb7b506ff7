"""Checks the units of SQL expressions: what is added or compared must be in the same unit.

A bare literal fits any unit, which is None here. Multiplication and division combine units.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlglot import exp

from almoner.policy.reading.units import NUMBER, Unit, per, times

_DAY: Unit = {"day": 1}
_DATE: Unit = {"date": 1}
_SAME = (
    exp.Round,
    exp.Abs,
    exp.Ceil,
    exp.Floor,
    exp.Cast,
    exp.TryCast,
    exp.Paren,
    exp.Neg,
    exp.TimestampTrunc,
    exp.DateTrunc,
)
_AGREE = (exp.Coalesce, exp.Greatest, exp.Least, exp.Nullif)
_COMPARE = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.NullSafeNEQ)


@dataclass(frozen=True)
class Clash:
    """Two parts of an expression whose units differ, as text."""

    left: str
    left_unit: Unit
    right: str
    right_unit: Unit
    word: str  # to find the line


class UnitCheck:
    """Walks one expression. `clashes` fills up on the way."""

    def __init__(self, columns: Mapping[str, Unit | None], parameters: Mapping[str, Unit | None]) -> None:
        self._columns = columns
        self._parameters = parameters
        self.clashes: list[Clash] = []

    def unit(self, node: exp.Expr | None) -> Unit | None:
        """The unit of `node`; None when anything fits."""
        if isinstance(node, exp.Column):
            return self._columns.get(node.name.lower())
        if isinstance(node, exp.Placeholder):
            return self._parameters.get(node.name)  # :as_of is none of them, and fits anything
        if isinstance(node, exp.Mul):
            return self._product(node)
        if isinstance(node, (exp.Div, exp.IntDiv)):
            return self._quotient(node)
        if isinstance(node, (exp.Add, exp.Sub)):
            return self._sum(node)
        if isinstance(node, _SAME):
            return self.unit(node.this)
        return self._other(node)

    def _other(self, node: exp.Expr | None) -> Unit | None:
        if isinstance(node, _AGREE):
            return self._agree([node.this, *self._rest(node)])
        if isinstance(node, exp.Case):
            return self._case(node)
        if isinstance(node, exp.If):
            self.unit(node.this)
            return self._agree([node.args.get("true"), node.args.get("false")])
        if isinstance(node, exp.DateDiff):
            return self._difference(node)
        return self._truth(node)

    def _truth(self, node: exp.Expr | None) -> Unit | None:
        """Check the parts of a comparison, or of any other expression; it has no unit of its own."""
        if isinstance(node, _COMPARE):
            self._agree([node.this, node.expression])
        elif isinstance(node, exp.Between):
            self._agree([node.this, node.args.get("low"), node.args.get("high")])
        elif isinstance(node, exp.In):
            self._agree([node.this, *node.expressions])
        elif node is not None:
            for child in node.iter_expressions():
                self.unit(child)
        return None

    @staticmethod
    def _rest(node: exp.Expr) -> list[exp.Expr]:
        return [node.expression] if isinstance(node, exp.Nullif) else list(node.expressions)

    def _product(self, node: exp.Mul) -> Unit | None:
        left, right = self.unit(node.this), self.unit(node.expression)
        if left is None and right is None:
            return None
        return times(left or NUMBER, right or NUMBER)

    def _quotient(self, node: exp.Expr) -> Unit | None:
        left, right = self.unit(node.this), self.unit(node.expression)
        if left is None and right is None:
            return None
        return per(left or NUMBER, right or NUMBER)

    def _sum(self, node: exp.Add | exp.Sub) -> Unit | None:
        left, right = self.unit(node.this), self.unit(node.expression)
        if isinstance(node, exp.Sub) and right == _DATE and left in (_DATE, None):
            return _DAY
        if _DATE in (left, right) and (left is None or right is None or _DAY in (left, right)):
            return _DATE if left == _DATE else None
        return self._agreed([(node.this, left), (node.expression, right)])

    def _difference(self, node: exp.DateDiff) -> Unit | None:
        self.unit(node.this)
        self.unit(node.expression)
        part = node.args.get("unit")
        name = part.name.lower().rstrip("s") if part is not None else ""
        return {name: 1} if name in {"day", "week", "month", "year", "hour", "minute", "second"} else None

    def _case(self, node: exp.Case) -> Unit | None:
        branches = node.args.get("ifs") or []
        for branch in branches:
            if node.this is not None:
                self._agree([node.this, branch.this])
            else:
                self.unit(branch.this)
        return self._agree([*(b.args.get("true") for b in branches), node.args.get("default")])

    def _agree(self, nodes: Iterable[exp.Expr | None]) -> Unit | None:
        return self._agreed([(n, self.unit(n)) for n in nodes if n is not None])

    def _agreed(self, pairs: list[tuple[exp.Expr, Unit | None]]) -> Unit | None:
        """The one unit of all; a clash for the first that differs."""
        known = [(node, unit) for node, unit in pairs if unit is not None]
        for node, unit in known[1:]:
            if dict(unit) != dict(known[0][1] or {}):
                self.clashes.append(_clash(known[0], (node, unit)))
                return None
        return known[0][1] if known else None


def _clash(left: tuple[exp.Expr, Unit | None], right: tuple[exp.Expr, Unit | None]) -> Clash:
    name = right[0].find(exp.Column, exp.Placeholder) or left[0].find(exp.Column, exp.Placeholder)
    word = name.name if name is not None else ""
    return Clash(_short(left[0]), left[1] or {}, _short(right[0]), right[1] or {}, word)


def _short(node: exp.Expr) -> str:
    text = node.sql(dialect="duckdb", comments=False).replace("$", ":")
    return f"`{text if len(text) <= 60 else text[:57] + '...'}`"
