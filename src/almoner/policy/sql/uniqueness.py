"""Finds columns of a SELECT that are unique together, as far as its text proves it.

A join to rows that are unique on the join's columns repeats no row.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from almoner.policy.sql import relation
from almoner.policy.sql.relation import Relation


def unique_columns(select: exp.Select, base: frozenset[tuple[str, str]] | None) -> frozenset[str] | None:
    """Output columns that are unique together; None where nothing proves that there are such columns.

    `base` are the (source, column) pairs that are unique after the joins.
    """
    if any(p.find(exp.Explode, exp.Unnest) for p in select.expressions):
        return None
    group = select.args.get("group")
    distinct = select.args.get("distinct")
    if distinct is not None:
        return _output_names(
            select, distinct.args["on"].expressions if distinct.args.get("on") else select.expressions
        )
    if group is not None:
        return _group_names(select, group)
    if relation.has_aggregate(select):
        return frozenset()
    partition = _one_per_partition(select)
    if partition is not None:
        return _output_names(select, partition)
    if base is None or any(star_of(p) is not None for p in select.expressions):
        return frozenset(c for _, c in base) if base is not None else None
    return _unique_outputs(select, base)


def _unique_outputs(select: exp.Select, base: frozenset[tuple[str, str]]) -> frozenset[str] | None:
    """The output names of the unique columns, when all of them are put out."""
    names: set[str] = set()
    for source, column in base:
        for projection in select.expressions:
            inner = projection.unalias()
            if (
                isinstance(inner, exp.Column)
                and inner.name.lower() == column
                and inner.table.lower() in {"", source}
            ):
                names.add(projection.alias_or_name.lower())
                break
        else:
            return None
    return frozenset(names)


def _group_names(select: exp.Select, group: exp.Group) -> frozenset[str] | None:
    if any(group.args.get(k) for k in ("cube", "rollup", "grouping_sets")):
        return None
    if group.args.get("all"):
        return frozenset(p.alias_or_name.lower() for p in select.expressions if not p.find(exp.AggFunc))
    return _output_names(select, group.expressions)


def _output_names(select: exp.Select, keys: Iterable[exp.Expr]) -> frozenset[str] | None:
    """The names under which `keys` are put out; None when one of them is not."""
    names = set()
    for key in keys:
        position = int(key.name) - 1 if isinstance(key, exp.Literal) and key.is_int else None
        for n, projection in enumerate(select.expressions):
            if n == position or projection.alias_or_name == key.name or projection.unalias() == key:
                names.add(projection.alias_or_name.lower())
                break
        else:
            return None
    return frozenset(names)


def _one_per_partition(select: exp.Select) -> list[exp.Expr] | None:
    """The partition of `QUALIFY row_number() OVER (PARTITION BY ...) = 1`."""
    qualify = select.args.get("qualify")
    test = qualify.this if qualify is not None else None
    if (
        isinstance(test, exp.EQ)
        and isinstance(test.this, exp.Window)
        and isinstance(test.this.this, exp.RowNumber)
        and test.expression.name == "1"
    ):
        return list(test.this.args.get("partition_by") or []) or None
    return None


def equal_columns(join: exp.Join, name: str, relation: Relation, using: list[str]) -> frozenset[str]:
    """Columns of the right side that the join sets equal to something of the left side."""
    found = set(using)
    on = join.args.get("on")
    for part in on.flatten() if isinstance(on, exp.And) else [on]:
        if isinstance(part, exp.EQ):
            for side, other in ((part.this, part.expression), (part.expression, part.this)):
                if _belongs_to(side, name, relation) and not any(
                    _belongs_to(c, name, relation) for c in other.find_all(exp.Column)
                ):
                    found.add(side.name.lower())
    return frozenset(found)


def _belongs_to(node: exp.Expr, name: str, relation: Relation) -> bool:
    if not isinstance(node, exp.Column):
        return False
    return node.table.lower() == name if node.table else node.name.lower() in relation.columns


def star_of(projection: exp.Expr) -> exp.Star | None:
    if isinstance(projection, exp.Star):
        return projection
    return (
        projection.this
        if isinstance(projection, exp.Column) and isinstance(projection.this, exp.Star)
        else None
    )
