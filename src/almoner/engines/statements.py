"""Statements whose plans do not depend on DuckDB's catalogue.

From 2.0.1 on DuckDB binds a prepared statement anew at each run when it reads a view or a registered table.
That takes as long as to plan it. So what a statement reads becomes a query of its own (WITH), and the Arrow
tables beneath are found as names of the calling function's module, which DuckDB looks through after its
catalogue.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import duckdb

from almoner.engines.base import quote
from almoner.errors import EngineError

_WITH = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*WITH\s+(RECURSIVE\s+)?", re.IGNORECASE | re.DOTALL)
_AS_A_QUERY = r"\s*(?:\([^()]*\)\s*)?\bAS\s+(?:NOT\s+)?(?:MATERIALIZED\s*)?\("


def names_read(sql: str) -> set[str]:
    """The names of tables that a statement reads. Raises duckdb.Error where DuckDB cannot say."""
    return {_unquoted(name) for name in _parser().get_table_names(sql, qualified=True)}


@dataclass(frozen=True)
class ParsedSelect:
    """What DuckDB's own parser finds in a SELECT."""

    functions: frozenset[str]  # operators included, in small letters
    tables: frozenset[str]  # that are no queries of the statement's own; with the schema where one is written


def parse_select(sql: str) -> ParsedSelect:
    """What a SELECT calls and reads, for DuckDB's parser. Raises EngineError when it does not parse."""
    # All rows are fetched: one left over keeps a transaction open, which the next error would end for good.
    found = _parser().execute("SELECT json_serialize_sql($sql)", {"sql": sql}).fetchall()
    tree = json.loads(found[0][0])
    if tree["error"]:
        raise EngineError(str(tree.get("error_message", "the statement does not parse")), sql)
    functions, tables, own = set[str](), set[str](), set[str]()
    waiting: list[Any] = [tree["statements"]]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        if not isinstance(node, dict):
            continue
        waiting += node.values()
        if node.get("function_name"):
            functions.add(str(node["function_name"]).lower())
        if node.get("type") == "BASE_TABLE":
            tables.add(
                ".".join(p for p in (node["catalog_name"], node["schema_name"], node["table_name"]) if p)
            )
        own |= {str(item["key"]) for item in (node.get("cte_map") or {}).get("map", [])}
    return ParsedSelect(frozenset(functions), frozenset(t.lower() for t in tables) - {o.lower() for o in own})


def unlisted(name: str) -> str:
    """The name of a buffer's rows that only the namespace of a call knows."""
    return f"rows of {name}"


def clash(names: Iterable[str], statements: Sequence[str]) -> bool:
    """Whether a statement gives one of these names to a query of its own."""
    listed = "|".join(re.escape(name) for name in names)
    own = re.compile(rf'(?<!\w)"?(?:{listed})"?{_AS_A_QUERY}', re.IGNORECASE)
    return any(own.search(sql) for sql in statements)


def with_queries(sql: str, queries: Mapping[str, str]) -> str:
    """`sql` with `queries` before its own ones."""
    if not queries:
        return sql
    own = _WITH.match(sql)
    listed = ", ".join(f"{quote(name)} AS NOT MATERIALIZED ({query}\n)" for name, query in queries.items())
    if own is None:
        return f"WITH {listed} {sql}"
    return f"WITH {own[1] or ''}{listed}, {sql[own.end() :]}"


def seeing(function: Callable[..., Any], tables: Mapping[str, object]) -> Callable[..., Any]:
    """`function` as if its module had `tables`: there DuckDB looks for what its catalogue does not have."""
    if not tables:
        return function
    seen = FunctionType(function.__code__, {**function.__globals__, **tables}, function.__name__)
    seen.__kwdefaults__ = function.__kwdefaults__
    return seen


@functools.cache
def _parser() -> duckdb.DuckDBPyConnection:
    """Where statements are only looked at: an error would end a transaction that is under way."""
    return duckdb.connect(":memory:")


def _unquoted(name: str) -> str:
    """A table's name as `get_table_names` gives it: quoted where it must be, and with its alias."""
    if name.startswith('"'):
        return name[1:].partition('"')[0]
    return name.partition(" AS ")[0]
