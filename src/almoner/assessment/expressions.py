"""A pack's conditions as SQL: parameters become values, or columns where they depend on the area."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from functools import lru_cache

from sqlglot import exp, parse_one

from almoner.policy.reading.conditions import parse as parse_condition

DIALECT = "duckdb"

Value = float | int | str | bool | dt.date | None


@lru_cache(maxsize=4096)
def _parsed(sql: str) -> exp.Expr:
    return parse_condition(sql)


def parse(sql: str) -> exp.Expr:
    """The expression of a condition that has passed the compiler, as a copy that may be changed."""
    return _parsed(sql).copy()


def area_column(parameter: str) -> str:
    """The column of the feature table with the value of an area-scoped parameter."""
    return f"parameter:{parameter}"


def literal(value: Value) -> str:
    """A value as an SQL literal."""
    if isinstance(value, dt.date):
        return f"DATE '{value.isoformat()}'"
    return exp.convert(value).sql(dialect=DIALECT)


def bind(sql: str, values: Mapping[str, Value], by_area: frozenset[str] = frozenset()) -> str:
    """`sql` with each `:name` replaced by its value, or by its column when it is scoped by area.

    The engine's `greatest` and `least` skip nulls. Here an unknown operand makes the result unknown, as in
    every other expression.
    """
    used = _parameters(sql)
    bound = tuple((name, literal(values[name])) for name in used if name not in by_area)
    return _bound(sql, bound, frozenset(by_area.intersection(used)))


@lru_cache(maxsize=4096)
def _parameters(sql: str) -> tuple[str, ...]:
    return names(_parsed(sql))[1]


@lru_cache(maxsize=16_384)  # a stream binds the same conditions every second
def _bound(sql: str, values: tuple[tuple[str, str], ...], by_area: frozenset[str]) -> str:
    literals = dict(values)

    def replace(node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.Placeholder | exp.Parameter):
            return node
        name = node.name
        if name in by_area:
            return exp.column(area_column(name), quoted=True)
        return parse_one(f"({literals[name]})", dialect=DIALECT)

    bound = parse(sql).transform(replace)
    extremes: list[exp.Expr] = list(bound.find_all(exp.Greatest, exp.Least, bfs=True))
    for node in reversed(extremes):
        strict = _strict(node)
        bound = strict if node is bound else bound
        node.replace(strict)
    return bound.sql(dialect=DIALECT)


def _strict(node: exp.Expr) -> exp.Expr:
    """The same call, but null where any operand is null. Nested calls must be replaced first."""
    unknown = exp.or_(
        *(exp.Is(this=exp.paren(m.copy()), expression=exp.null()) for m in (node.this, *node.expressions))
    )
    return exp.paren(exp.Case().when(unknown, exp.null()).else_(node.copy()))


def atoms(sql: str) -> Iterator[exp.Expr]:
    """The atomic conditions of a condition, in order: the parts between AND, OR and NOT."""
    yield from _atoms(parse(sql))


def _atoms(node: exp.Expr) -> Iterator[exp.Expr]:
    inner = _inside(node)
    if isinstance(inner, exp.And | exp.Or):
        yield from _atoms(inner.left)
        yield from _atoms(inner.right)
    else:
        yield node if isinstance(node, exp.Not) else inner


def _inside(node: exp.Expr) -> exp.Expr:
    """The expression within brackets, NOT, or `coalesce(..., false)`."""
    while isinstance(node, exp.Not | exp.Paren) or takes_for_granted(node):
        node = node.this
    return node


def takes_for_granted(node: exp.Expr) -> bool:
    """Whether `node` is `coalesce(condition, true)` or `coalesce(condition, false)`."""
    return isinstance(node, exp.Coalesce) and [type(e) for e in node.expressions] == [exp.Boolean]


def names(node: exp.Expr) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns and the parameters of an expression, each once, in order of appearance."""
    columns = dict.fromkeys(column.name for column in node.find_all(exp.Column, bfs=False))
    parameters = dict.fromkeys(p.name for p in node.find_all(exp.Placeholder, exp.Parameter, bfs=False))
    return tuple(columns), tuple(parameters)
