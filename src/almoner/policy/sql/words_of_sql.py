"""The functions that a pack's SQL may not call, since their result can change or they read other data."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp
from sqlglot.errors import ParseError

_CHANGING_WORDS = """
random rand uuid gen_random_uuid uuidv4 uuidv7 now today current_date current_time
current_timestamp get_current_timestamp get_current_time transaction_timestamp localtime
localtimestamp current_localtime current_localtimestamp nextval currval setseed txid_current
gen_random_uuid reservoir_quantile approx_quantile approx_top_k
"""
_CHANGING = frozenset(_CHANGING_WORDS.split())
_OUTSIDE_WORDS = """
read_csv read_csv_auto read_parquet parquet_scan parquet_metadata parquet_schema read_json
read_json_auto read_json_objects read_ndjson read_ndjson_auto read_ndjson_objects read_text
read_blob read_duckdb glob sniff_csv sqlite_scan postgres_scan mysql_scan iceberg_scan
delta_scan arrow_scan query query_table getenv getvariable current_setting current_user
current_database current_schema current_query version load_aws_credentials which_secret
"""
_OUTSIDE = frozenset(_OUTSIDE_WORDS.split())
FORBIDDEN = _CHANGING | _OUTSIDE
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
_ORDERLESS: dict[type[exp.Expr], str] = {
    exp.First: "first",
    exp.Last: "last",
    exp.AnyValue: "any_value",
    exp.ArrayAgg: "list",
    exp.GroupConcat: "string_agg",
}


def function_name(node: exp.Expr) -> str | None:
    """The name of the function that `node` calls; None when it calls none."""
    if isinstance(node, exp.Anonymous):
        return node.name.lower()
    if type(node) in _KINDS:
        return _KINDS[type(node)]
    return node.sql_name().lower() if isinstance(node, exp.Func) else None


def forbidden_functions(tree: exp.Expr) -> Iterator[tuple[str, exp.Expr]]:
    """Functions that a pack may not call, with their names."""
    for node in tree.find_all(exp.Func):
        name = function_name(node)
        if name and (name in FORBIDDEN or name.startswith(("duckdb_", "pragma_"))):
            yield name, node


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
