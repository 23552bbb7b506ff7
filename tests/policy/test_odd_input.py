"""Whatever stands in a pack's files, the compiler answers with findings, never with a traceback."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from policy.small_pack import FILES, check

ODD: tuple[Any, ...] = (None, [], {}, 7, "odd", [[1]], {"a": {"b": 1}})
YAML_FILES = sorted(name for name in FILES if name.endswith(".yaml"))

STATEMENTS = [
    "SELECT 1",
    "SELECT household_id FROM people",
    "SELECT",
    "VALUES (1, 2)",
    "FROM people",
    "SELECT household_id, 1 AS members FROM 'people.csv'",
    "SELECT household_id, 1 AS members FROM read_csv('x')",
    "SELECT household_id, 1 AS members FROM information_schema.tables",
    "SELECT household_id, 1 AS members FROM people TABLESAMPLE 10%",
    (
        "WITH RECURSIVE r AS (SELECT 1 AS household_id UNION ALL SELECT household_id FROM r) SELECT"
        " household_id, 1 AS members FROM r"
    ),
    "WITH a AS (SELECT * FROM b), b AS (SELECT * FROM a) SELECT household_id, 1 AS members FROM a",
    "SELECT household_id, members FROM (VALUES (1, 2)) AS t(household_id, members)",
    "SELECT household_id, unnest([1, 2]) AS members FROM people",
    "SELECT p.household_id, i AS members FROM people p, range(12) t(i)",
    (
        "SELECT p.household_id, l.n AS members FROM people p, LATERAL (SELECT count(*) AS n FROM wages w"
        " WHERE w.person_id = p.person_id) l"
    ),
    "SELECT household_id, 1 AS members FROM people NATURAL JOIN wages",
    "SELECT household_id, count(*) AS members FROM people GROUP BY ALL",
    "SELECT household_id, count(*) AS members FROM people GROUP BY 1 ORDER BY 2",
    "SELECT household_id, count(*) AS members FROM people GROUP BY ROLLUP (household_id)",
    "SELECT household_id, list_sum(list_transform([1], q -> q + 1)) AS members FROM people",
    "SELECT household_id, {'a': birth_date}.a AS members FROM people",
    "PIVOT people ON area_code USING count(*)",
    (
        "SELECT household_id, 1 AS members FROM people UNION BY NAME SELECT 1 AS members, household_id FROM"
        " member"
    ),
    "SELECT household_id, members FROM people POSITIONAL JOIN wages",
    "SELECT household_id, sum(1) OVER w AS members FROM people WINDOW w AS (PARTITION BY household_id)",
    "COPY people TO 'x'; ATTACH 'y'",
    "SELECT household_id, ? AS members FROM people",
    "SELECT household_id, 'open FROM people",
    "/* never closed",
    "\x00",
    "(" * 400,
]


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for key, inner in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield from leaves(inner, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    whole = copy.deepcopy(value)
    at = whole
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = new
    return whole


@pytest.mark.parametrize("name", YAML_FILES)
def test_odd_values_anywhere_in_a_file_are_findings(name: str, tmp_path: Path) -> None:
    data = yaml.safe_load(FILES[name])
    broken = 0
    paths = list(leaves(data))
    for n, path in enumerate(paths[:: len(paths) // 20 + 1]):
        text = yaml.safe_dump(replaced(data, path, ODD[n % len(ODD)]), allow_unicode=True, sort_keys=False)
        pack, findings = check(tmp_path, {name: text})
        assert (pack is None) == bool(findings)
        assert all(f.line >= 1 and f.message and f.advice for f in findings)
        broken += pack is None
    assert broken > 3


@pytest.mark.parametrize("sql", STATEMENTS)
def test_odd_sql_is_refused_or_read(sql: str, tmp_path: Path) -> None:
    pack, findings = check(tmp_path, {"indicators/size.sql": sql})
    assert (pack is None) == bool(findings)


@pytest.mark.parametrize(
    "text",
    [
        "(",
        ")",
        "1;2",
        "a := 1",
        "members members",
        "CASE",
        "'",
        "members > 1) OR (1 = 1",
        ":",
        "::",
        "$x",
        "?",
        "*",
        "members AS m > 1",
        "NULL",
        "[1]",
        "EXISTS (FROM people)",
        "(SELECT 1)",
        "(" * 400,
    ],
)
def test_odd_conditions_are_refused_or_read(text: str, tmp_path: Path) -> None:
    data = yaml.safe_load(FILES["signals/poor.yaml"])
    data["when"] = text
    pack, findings = check(tmp_path, {"signals/poor.yaml": yaml.safe_dump(data, allow_unicode=True)})
    assert (pack is None) == bool(findings)
    assert (pack is not None) == (text == "NULL")
