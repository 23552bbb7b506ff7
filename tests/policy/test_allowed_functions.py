"""What a pack may call: held against what DuckDB says of its own functions."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from almoner.policy.sql.allowed_functions import ALLOWED, FEWEST_ARGUMENTS, OPERATORS
from policy.small_pack import check

PAGE = (Path(__file__).parents[2] / "docs/packs.md").read_text(encoding="utf-8")
# Macros have no stability of their own: these stand for one call each, of a function that is held below.
MACROS = {
    "date_add",
    "days_in_month",
    "nullif",
    "split_part",
    "if",
    "list_sum",
    "list_avg",
    "list_min",
    "list_max",
    "list_median",
    "list_count",
    "list_reverse",
}
# Not functions of DuckDB's catalogue: its parser makes other calls of them.
PARSED = {
    "coalesce",
    "ifnull",
    "extract",
    "position",
    "unnest",
    "list_contains",
    "trim",
    "struct_pack",
    "map",
    "!",
    "->",
}
# Of these only the form with a time zone, which no column of a feed has, differs from one session to another.
BY_TIME_ZONE = {
    "age",
    "century",
    "date_diff",
    "date_part",
    "date_sub",
    "date_trunc",
    "datediff",
    "datepart",
    "datesub",
    "datetrunc",
    "day",
    "dayname",
    "dayofmonth",
    "dayofweek",
    "dayofyear",
    "decade",
    "generate_series",
    "hour",
    "isodow",
    "isoyear",
    "last_day",
    "minute",
    "month",
    "monthname",
    "quarter",
    "range",
    "second",
    "strftime",
    "time_bucket",
    "week",
    "weekofyear",
    "year",
    "yearweek",
    "+",
    "-",
}


def stability() -> dict[str, set[str | None]]:
    """By function, each stability that DuckDB gives one of its forms."""
    with duckdb.connect() as connection:
        rows = connection.execute(
            "SELECT DISTINCT function_name, stability FROM duckdb_functions()"
        ).fetchall()
    found: dict[str, set[str | None]] = {}
    for name, kind in rows:
        found.setdefault(name, set()).add(kind)
    return found


def test_no_function_of_the_list_changes_its_answer() -> None:
    known = stability()
    wrong = {}
    for name in (ALLOWED | OPERATORS) - PARSED - MACROS:
        kinds = known.get(name, set()) - {None}
        if kinds != {"CONSISTENT"} and not (name in BY_TIME_ZONE and "VOLATILE" not in kinds and kinds):
            wrong[name] = kinds
    assert wrong == {}


def test_the_page_names_the_functions() -> None:
    section = PAGE.split("### Functions")[1].split("\n#")[0]
    listed = [line for line in section.split("```")[1].splitlines() if not line.startswith("--")]
    assert set(" ".join(listed).split()) == ALLOWED
    assert FEWEST_ARGUMENTS.keys() <= ALLOWED


FORBIDDEN_CALLS = [
    "random()",
    "uuid()",
    "gen_random_uuid()",
    "now()",
    "today()",
    "current_date",
    "current_timestamp",
    "localtimestamp",
    "get_current_time()",
    "transaction_timestamp()",
    "txid_current()",
    "session_user",
    "current_user",
    "current_role",
    "pg_postmaster_start_time()",
    "pg_conf_load_time()",
    "inet_client_addr()",
    "age(birth_date)",
    "ago(INTERVAL 1 DAY)",
    "getenv('HOME')",
    "getvariable('x')",
    "current_setting('threads')",
    "current_database()",
    "current_query()",
    "version()",
    "pg_sleep(1)",
    "sleep_ms(1)",
    "nextval('s')",
    "write_log('x')",
    "hash(birth_date)",
    "mode(birth_date)",
    "arbitrary(birth_date)",
    "list_aggregate([1], 'mode')",
    "approx_count_distinct(birth_date)",
    "\"getenv\"('HOME')",
    "main.getenv('HOME')",
    "system.main.random()",
    "birth_date.hash()",
    "error('x')",
    "stats(birth_date)",
    "json_execute_serialized_sql('x')",
    "query('SELECT 1')",
    "in_search_path('a', 'b')",
    "nonsense(birth_date)",
]


@pytest.mark.parametrize("call", FORBIDDEN_CALLS)
def test_what_is_not_on_the_list_is_refused(call: str, tmp_path: Path) -> None:
    sql = f"SELECT household_id, count({call}) AS members FROM people GROUP BY household_id"
    pack, findings = check(tmp_path, {"indicators/size.sql": sql})
    assert pack is None
    assert findings
