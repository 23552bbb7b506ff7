"""Checks that a pack's SQL computes each household from that household's own records.

Rows about persons must be grouped, windowed and joined by `person_id` or `household_id`; see docs/packs.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from almoner.policy.sql.relation import aggregates, has_aggregate

if TYPE_CHECKING:
    from almoner.policy.sql.relation import Scope
    from almoner.policy.sql.sql_text import SqlText

_ADVICE = "Group, partition and join by `person_id` or `household_id`: each household is assessed by itself."


def check(select: exp.Select, scope: Scope, text: SqlText) -> None:
    """Report the groups, windows and joins of `select` that mix the records of several households."""
    _windows(select, scope, text)
    if not any(r.personal for r in scope.sources.values()):
        return
    _groups(select, scope, text)
    _joins(select, scope, text)


def _groups(select: exp.Select, scope: Scope, text: SqlText) -> None:
    group = select.args.get("group")
    if group is None and not has_aggregate(select):
        return
    if any(_is_id(key, select, scope) for key in _keys(select, group)) or _correlated(select, scope):
        return
    text.fault(
        group or select,
        "across-households",
        "This aggregate runs over the records of many households.",
        _ADVICE,
    )


def _keys(select: exp.Select, group: exp.Group | None) -> list[exp.Expr]:
    if group is None:
        return []
    if group.args.get("all"):
        return [p for p in select.expressions if not aggregates(p)]
    return list(group.expressions)


def _is_id(key: exp.Expr, select: exp.Select, scope: Scope) -> bool:
    if isinstance(key, exp.Literal) and key.is_int and 0 < int(key.name) <= len(select.expressions):
        key = select.expressions[int(key.name) - 1]
    return scope.is_id(key.unalias())


def _correlated(select: exp.Select, scope: Scope) -> bool:
    """`WHERE inner.person_id = outer.person_id` keeps a subquery to one subject."""
    where = select.args.get("where")
    if where is None or scope.outer is None:
        return False
    return any(
        _id_of(a, scope) and _id_of(b, scope.outer) and not _own(b, scope) for a, b in _equalities(where.this)
    )


def _own(node: exp.Expr, scope: Scope) -> bool:
    return isinstance(node, exp.Column) and node.table.lower() in scope.sources


def _id_of(node: exp.Expr, scope: Scope | None) -> bool:
    return scope is not None and scope.is_id(node)


def _equalities(node: exp.Expr | None) -> Iterable[tuple[exp.Expr, exp.Expr]]:
    """Both directions of every `a = b` that must hold."""
    if node is None:
        return
    for part in node.flatten() if isinstance(node, exp.And) else [node]:
        inner = part.unnest()
        if isinstance(inner, exp.EQ):
            yield inner.this, inner.expression
            yield inner.expression, inner.this


def _windows(select: exp.Select, scope: Scope, text: SqlText) -> None:
    named = {w.this.name: w for w in select.args.get("windows") or []}
    personal = any(r.personal for r in scope.sources.values())
    for window in _own_windows(select):
        partition: list[Any] = window.args.get("partition_by") or []
        if not partition and window.alias in named:
            partition = named[window.alias].args.get("partition_by") or []
        if not partition:
            text.fault(
                window,
                "window-without-partition",
                "A window without PARTITION BY runs over everybody.",
                _ADVICE,
            )
        elif personal and not any(scope.is_id(p) for p in partition):
            text.fault(
                window, "across-households", "This window runs over the records of many households.", _ADVICE
            )


def _own_windows(select: exp.Select) -> Iterable[exp.Window]:
    qualify = select.args.get("qualify")
    for root in [*select.expressions, *([qualify] if qualify else [])]:
        for part in root.walk(prune=lambda n: isinstance(n, exp.Query)):
            if isinstance(part, exp.Window):
                yield part


def _joins(select: exp.Select, scope: Scope, text: SqlText) -> None:
    where = select.args.get("where")
    seen = [scope.sources.get(_name(select.args["from_"].this))]
    for join in select.args.get("joins") or []:
        right = scope.sources.get(_name(join.this))
        crosses = right is not None and right.personal and any(r is not None and r.personal for r in seen)
        seen.append(right)
        if crosses and not _by_id(join, where, scope):
            text.fault(
                join, "across-households", "This join puts records of different households together.", _ADVICE
            )


def _name(node: exp.Expr) -> str:
    return node.alias_or_name.lower()


def _by_id(join: exp.Join, where: exp.Where | None, scope: Scope) -> bool:
    if any(c.name.lower() in {"person_id", "household_id"} for c in join.args.get("using") or []):
        return True
    pairs = [*_equalities(join.args.get("on")), *_equalities(where.this if where else None)]
    right = _name(join.this)
    return any(
        scope.is_id(a) and scope.is_id(b) and _table(a) == right != _table(b) for a, b in pairs
    ) or isinstance(join.this, exp.Lateral)


def _table(node: exp.Expr) -> str:
    column = node.find(exp.Column)
    return column.table.lower() if column is not None else ""
