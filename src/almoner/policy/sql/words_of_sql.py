"""What a pack's SQL calls: functions that are not allowed, aggregates that depend on the order of rows."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlglot import exp
from sqlglot.errors import ParseError

from almoner.policy.sql.allowed_functions import ALLOWED, FEWEST_ARGUMENTS

_KINDS: dict[type[exp.Expr], str] = {
    exp.Rand: "random",
    exp.Randn: "random",
    exp.Uuid: "uuid",
    exp.CurrentDate: "current_date",
    exp.CurrentTime: "current_time",
    exp.CurrentTimestamp: "current_timestamp",
    exp.CurrentDatetime: "current_timestamp",
    exp.CurrentUser: "current_user",
    exp.ReadCSV: "read_csv",
    exp.ReadParquet: "read_parquet",
    exp.ApproxQuantile: "approx_quantile",
}
_FORMS = (
    exp.And,
    exp.Or,
    exp.Xor,
    exp.Case,
    exp.If,
    exp.Cast,
    exp.TryCast,
    exp.Array,
    exp.Struct,
    exp.Exists,
    exp.Columns,  # refused as a star
)
_CALL = re.compile(r'"?(\w+)"?\s*\(')
_ORDERLESS: dict[type[exp.Expr], str] = {
    exp.First: "first",
    exp.Last: "last",
    exp.AnyValue: "any_value",
    exp.ArrayAgg: "list",
    exp.GroupConcat: "string_agg",
}


def forbidden_functions(tree: exp.Expr) -> Iterator[tuple[str, exp.Expr]]:
    """Functions that a pack may not call, with the names that they have for its author."""
    for node in tree.find_all(exp.Func):
        if isinstance(node, _FORMS):
            continue
        called = _CALL.match(node.sql(dialect="duckdb", comments=False))
        name = called[1].lower() if called else ""
        given = sum(1 for part in node.args.values() if part is not None and part != [])
        if isinstance(node, exp.Anonymous):
            given = len(node.expressions)
        if name not in ALLOWED or given < FEWEST_ARGUMENTS.get(name, 0):
            yield _written(node), node


def _written(node: exp.Expr) -> str:
    """The name of a function as its author wrote it, or nearly so."""
    if isinstance(node, exp.Anonymous):
        return node.name.lower()
    return _KINDS.get(type(node)) or node.sql_name().lower()  # type: ignore[attr-defined]


def orderless_aggregates(tree: exp.Expr) -> Iterator[tuple[str, exp.Expr]]:
    """Aggregates whose answer depends on the order of the rows, without an ORDER BY of their own."""
    for node in tree.find_all(*_ORDERLESS):
        if isinstance(node.this, exp.Order) or node.find_ancestor(exp.WithinGroup):
            continue
        window = node.find_ancestor(exp.Window, exp.Select)
        if isinstance(window, exp.Window) and window.args.get("order"):
            continue
        yield _ORDERLESS[type(node)], node


def parse_advice(error: Exception) -> str:
    """SQLGlot's reason why a text does not parse, in one sentence."""
    if isinstance(error, ParseError) and error.errors:
        first = error.errors[0]
        near = str(first.get("highlight") or "").strip()
        description = (
            str(first.get("description") or "")
            .split("<Token")[0]
            .strip()
            .rstrip(".")
            .removesuffix(" but got")
        )
        return f"{description}{f', near `{near}`' if near else ''}."
    text = str(error).splitlines()[0].rstrip(".")
    return f"{text}."


def forbidden(name: str) -> tuple[str, str]:
    """What to say of a function that a pack may not call: the message and the advice."""
    return (
        f"A pack may not call `{name}`: it may not give the same answer twice, or read outside the facts.",
        "Use `:as_of` for the day and feeds for data; docs/packs.md lists the functions.",
    )
