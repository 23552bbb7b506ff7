"""What the engine runs is what was checked: the parser's and the engine's ways to read a text never part."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from almoner.engines.statements import parse_select
from almoner.errors import EngineError
from almoner.policy.report import Report
from almoner.policy.sql.sql_text import SqlText
from policy.small_pack import FILES, check

# Each hides something from one of two readers: a comment, a quote, a sign that one of them passes over.
HIDING = [
    "SELECT household_id, 1 AS members FROM people {# FROM secret #}",
    "SELECT household_id, 1 AS members {# x #} FROM people",
    "SELECT household_id, {# 1 AS members FROM people; SELECT #} 1 AS members FROM wages",
    "SELECT household_id, 1 AS members FROM people {% x %}",
    "SELECT household_id, 1 AS members FROM {{ people }}",
    "SELECT household_id, 1 AS members FROM people /* /* */ , wages */",
    "SELECT household_id, 1 AS members FROM people -- \r , wages",
    "SELECT household_id, 1 AS members FROM people # , wages",
    "SELECT household_id, $$ ' $$ AS members FROM people -- '",
    "SELECT household_id, $a$ x $a$ AS members FROM people",
    "SELECT household_id, E'\\' , (SELECT 1) --' AS members FROM people",
    "SELECT household_id, 'a\\' AS members, ' FROM people --' FROM wages",
    'SELECT household_id, "a""b" AS members FROM people',
    "SELECT household_id, 1 AS members FROM `people`",
    "SELECT household_id, 1 AS members FROM [people]",
    "SELECT household_id, 1 AS members FROM people\u00a0, wages",
    "SELECT household_id, 1 AS members FROM people\u2028, wages",
    "SELECT household_id, U&'\\0027' AS members FROM people",
    "SELECT household_id, x'41' AS members FROM people",
    "SELECT household_id, {'a': {'b': birth_date}}.a.b AS members FROM people",
    "FROM people SELECT household_id, 1 AS members",
    "SELECT household_id, 1 AS members FROM people LATERAL VIEW explode(x) t AS y",
    "SELECT /*+ hint */ household_id, 1 AS members FROM people",
    "SELECT household_id, 1 AS members FROM people; ",
]
WORDS = st.sampled_from(
    [
        "{#",
        "#}",
        "{%",
        "%}",
        "/*",
        "*/",
        "--",
        "#",
        ";",
        "'",
        '"',
        "$$",
        "$a$",
        "`",
        "[",
        "]",
        "{",
        "}",
        "(",
        ")",
        ",",
        ".",
        "\\",
        ":",
        "::",
        "E'",
        "U&'",
        "x'",
        "people",
        "wages",
        "member",
        "vault",
        "household_id",
        "members",
        "SELECT",
        "FROM",
        "WHERE",
        "AS",
        "UNION",
        "ALL",
        "WITH",
        "a",
        "AS",
        "1",
        "'x'",
        "\n",
        "\r",
        "\t",
        "\xa0",
        "\u200b",
        "\u2028",
        "\ufeff",
        ";",
    ]
)


def same_reading(sql: str) -> bool:
    """Whether the text is refused, or engine and parser find the same tables in what is run."""
    report = Report()
    text = SqlText("x.sql", sql.encode("utf-8", "surrogatepass"), report)
    if text.tree is None or not text.sound:
        return True
    try:
        engine = parse_select(text.statement)
    except EngineError:
        return True  # the trial refuses it
    again = sqlglot.parse_one(text.statement, dialect="duckdb")
    own = {cte.alias.lower() for cte in again.find_all(exp.CTE)}
    tables = {
        ".".join(part.name.lower() for part in table.parts)
        for table in again.find_all(exp.Table)
        if isinstance(table.this, exp.Identifier)
    }
    return engine.tables <= tables - own


@pytest.mark.parametrize("sql", HIDING)
def test_nothing_is_hidden_from_the_check(sql: str, tmp_path: Path) -> None:
    assert same_reading(sql)
    pack, findings = check(tmp_path, {"indicators/size.sql": sql})
    assert (pack is None) == bool(findings)
    if pack is not None:
        read = {feed for column in pack.indicators["size"].columns for feed in column.feeds}
        assert parse_select(pack.indicators["size"].sql).tables <= read | {"member"}


@settings(max_examples=400)
@given(st.lists(WORDS, max_size=12), st.integers(0, 40))
def test_parser_and_engine_find_the_same_tables(words: list[str], at: int) -> None:
    sql = "SELECT household_id, 1 AS members FROM people WHERE 'a' = $$b$$ -- c"
    assert same_reading(sql[:at] + " ".join(words) + sql[at:])


def test_a_comment_of_one_reader_only_opens_no_other_table(tmp_path: Path) -> None:
    """The attack that was found: `{# ... #}` is a comment to the parser and text to the engine."""
    sql = FILES["indicators/size.sql"].replace("FROM people", "FROM people {# p, vault.key #}", 1)
    assert sql != FILES["indicators/size.sql"]
    pack, findings = check(tmp_path, {"indicators/size.sql": sql})
    if pack is None:
        assert findings
    else:
        assert "vault" not in pack.indicators["size"].sql


ENDLESS = {
    "brackets": "SELECT " + "[" * 200_000,
    "nested queries": "SELECT * FROM " + "(SELECT * FROM " * 20_000 + "people" + ")" * 20_000,
    "nested calls": "SELECT household_id, " + "abs(" * 5_000 + "1" + ")" * 5_000 + " AS members FROM people",
    "nots": "SELECT household_id, " + "NOT " * 10_000 + "true AS members FROM people",
    "cross join": (
        "SELECT p.household_id, count(*) AS members FROM member p RIGHT JOIN (SELECT count(*) AS n FROM"
        " range(100000000) a, range(100000000) b) t ON true GROUP BY p.household_id"
    ),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_compiling_ends(name: str, tmp_path: Path) -> None:
    pack, findings = check(tmp_path, {"indicators/size.sql": ENDLESS[name]})
    assert pack is None
    assert findings
