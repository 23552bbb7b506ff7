"""Statements about few rows keep their plans: what they say stays the same as without."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from almoner.engines import Engine, Join, join_select, with_columns
from almoner.engines.duck import DuckEngine
from almoner.engines.plans import MOST_VIEW_SETS, as_arrow
from almoner.engines.statements import names_read, parse_select
from almoner.errors import EngineError

TIMES = 4  # planned, prepared, and run by the plan
EVERY_TYPE = """SELECT sum(n)::HUGEINT AS huge, '{"a": [1, null]}'::JSON AS text,
    max(n)::DECIMAL(18, 4) AS number, 'infinity'::TIMESTAMP AS ever, 'infinity'::DATE AS last,
    [1, NULL] AS list, {'a': 1, 'b': 'x'} AS pair, map {'k': 1.5} AS named, NULL::VARCHAR AS nothing,
    max(n) > 1 AS more, 'é' AS letter, '6d3f0b1e-0000-4000-8000-000000000000'::UUID AS id FROM numbers"""


@pytest.fixture(params=[False, True], ids=["in memory", "in a file"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with DuckEngine(tmp_path / "facts.duckdb" if request.param else None, passes_as_tables=0) as opened:
        opened.execute("CREATE TABLE base (n BIGINT)")
        opened.execute("INSERT INTO base VALUES (1), (2), (3)")
        yield opened


def numbers(*values: int | None) -> pa.Table:
    return pa.table({"n": pa.array(values, pa.int64())})


def test_other_rows_under_the_same_name_give_other_answers(engine: Engine) -> None:
    for count in range(TIMES):
        with engine.small_batch(), engine.register("numbers", numbers(*range(count))):
            engine.materialize("doubled", "SELECT n, 2 * n AS twice FROM numbers")
            assert engine.rows("SELECT count(*), sum(twice)::BIGINT FROM doubled") == [
                (count, sum(2 * n for n in range(count)) if count else None)
            ]


def test_every_type_survives(engine: Engine) -> None:
    look = (
        "SELECT * EXCLUDE (huge, ever, last, named, id), huge::VARCHAR, named::VARCHAR, id::VARCHAR,"
        " typeof(huge), typeof(text), typeof(id), json_array(text), ever = 'infinity', last = 'infinity' FROM"
        " kept"
    )
    with engine.register("numbers", numbers(1, 2)):
        engine.materialize("kept", EVERY_TYPE)
        plain = engine.rows(look)
    engine.drop("kept")
    for _ in range(TIMES):
        with engine.small_batch(), engine.register("numbers", numbers(1, 2)):
            engine.materialize("kept", EVERY_TYPE)
            assert engine.rows(look) == plain
            assert engine.table("SELECT huge, number FROM kept").to_pylist() == [
                {"huge": 3, "number": Decimal("2.0000")}
            ]
            engine.drop("kept")


@pytest.mark.parametrize(
    "value",
    [
        1,
        2**40,
        0.1,
        "it's $n",
        True,
        None,
        dt.date(2026, 11, 28),
        dt.datetime(2026, 11, 28, 7, 1, 2, 3),
        Decimal("1.50"),
    ],
)
def test_a_parameter_keeps_its_type(engine: Engine, value: object) -> None:
    sql = 'SELECT $n, typeof($n), \'$n\', /* $n */ "$n" FROM (SELECT 1 AS "$n") -- $n'
    plain = engine.rows(sql, {"n": value})
    for _ in range(TIMES):
        with engine.small_batch():
            assert engine.rows(sql, {"n": value}) == plain


def test_a_name_means_the_views_that_are_open(engine: Engine) -> None:
    for _ in range(TIMES):
        with engine.small_batch(), engine.views({"few": "SELECT * FROM base"}):
            engine.materialize("all_of_them", "SELECT sum(n)::BIGINT AS total FROM few")
            with engine.views({"few": "SELECT * FROM base WHERE n < 3"}):
                engine.materialize("fewer", "SELECT sum(n)::BIGINT AS total FROM few")
                engine.materialize("fewer_again", "SELECT sum(n)::BIGINT AS total FROM few")
            assert engine.value("SELECT sum(n)::BIGINT AS total FROM few") == 6
            totals = [
                engine.value(f"SELECT total FROM {name}") for name in ("all_of_them", "fewer", "fewer_again")
            ]
            assert totals == [6, 3, 3]


def test_views_that_were_forgotten_do_not_lend_their_plans_to_others(engine: Engine) -> None:
    for n in range(3 * MOST_VIEW_SETS):
        with (
            engine.small_batch(),
            engine.register("numbers", numbers(1, 2, 3)),
            engine.views({"few": f"SELECT n + {n % 150} AS n FROM numbers"}),
        ):
            assert engine.value("SELECT max(n) FROM few") == 3 + n % 150


def test_other_columns_under_the_same_name(engine: Engine) -> None:
    for _ in range(TIMES):
        for data in (numbers(1), pa.table({"n": ["x"], "m": [2]}), numbers(3)):
            with engine.small_batch(), engine.register("numbers", data):
                assert engine.rows("SELECT * FROM numbers") == [tuple(data.to_pylist()[0].values())]


def test_the_first_passes_and_later_ones_say_the_same(tmp_path: Path) -> None:
    with DuckEngine(tmp_path / "facts.duckdb", passes_as_tables=2) as engine:
        for n in range(2 + TIMES):
            with engine.transaction(), engine.small_batch(), engine.register("numbers", numbers(n)):
                engine.materialize("kept", "SELECT n + 1 AS n FROM numbers")
                assert engine.value("SELECT n FROM kept") == n + 1


def test_what_was_let_go_is_not_read(engine: Engine) -> None:
    with engine.small_batch():
        for _ in range(TIMES):
            engine.materialize("mine", "SELECT 1 AS n")
            assert engine.value("SELECT n FROM mine") == 1
            engine.drop("mine")
            with pytest.raises(EngineError):
                engine.value("SELECT n FROM mine")


def test_many_rows_between_few_rows(engine: Engine) -> None:
    for n in range(TIMES):
        with (
            engine.small_batch(),
            engine.views({"few": f"SELECT n + {n} AS n FROM base"}),
            engine.register("numbers", numbers(n)),
        ):
            engine.materialize("kept", "SELECT n FROM numbers")
            assert engine.value("SELECT n FROM kept") == n
        with engine.views({"few": "SELECT 10 AS n"}), engine.register("numbers", numbers(-n)):
            engine.materialize("kept", "SELECT n FROM numbers")
            assert engine.rows("SELECT k.n, s.n FROM kept AS k, few AS s") == [(-n, 10)]
        assert engine.rows("SELECT k.n FROM kept AS k") == [(-n,)]


def test_a_transaction_that_was_undone_takes_nothing_along(engine: Engine) -> None:
    def once(fails: bool) -> None:
        with engine.transaction(), engine.small_batch(), engine.views({"few": "SELECT * FROM base"}):
            engine.materialize("kept", "SELECT max(n) AS n FROM few")
            engine.execute("INSERT INTO base SELECT n + 1 FROM kept")
            if fails:
                engine.execute("SELECT no_such_column FROM kept")

    for round_ in range(TIMES):
        with pytest.raises(EngineError, match="no_such_column"):
            once(fails=True)
        once(fails=False)
        assert engine.value("SELECT max(n) FROM base") == 4 + round_


def test_a_table_that_came_back_with_an_undone_transaction_gives_way_again(tmp_path: Path) -> None:
    with DuckEngine(tmp_path / "facts.duckdb", passes_as_tables=1) as engine:
        with engine.small_batch():
            engine.materialize("kept", "SELECT 1 AS n")  # a table
        for n in range(TIMES):
            with suppress(ZeroDivisionError), engine.transaction(), engine.small_batch():
                engine.materialize("kept", "SELECT 2 AS n")
                raise ZeroDivisionError
            with engine.transaction(), engine.small_batch():
                engine.materialize("other", "SELECT 1 AS n")
                engine.materialize("kept", f"SELECT {n} AS n")
                assert engine.value("SELECT n FROM kept") == n


def test_many_at_once_and_the_first_error_carries_its_sql(engine: Engine) -> None:
    names = [f"part {n}" for n in range(20)]
    for times in range(TIMES):
        with engine.small_batch(), engine.register("numbers", numbers(times)):
            engine.materialize_each(
                (name, f"SELECT n + {n} AS n FROM numbers", None) for n, name in enumerate(names)
            )
            assert [engine.value(f'SELECT n FROM "{name}"') for name in names] == [
                times + n for n in range(20)
            ]
            with pytest.raises(EngineError) as error:
                engine.materialize_each(
                    (f"bad {n}", "SELECT nothing FROM numbers" if n == 7 else "SELECT 1 AS n", None)
                    for n in range(12)
                )
            assert error.value.sql == "SELECT nothing FROM numbers"
    engine.drop(*names)
    engine.materialize_each((name, f"SELECT {n} AS n FROM base", None) for n, name in enumerate(names))
    assert engine.value('SELECT count(*) FROM "part 3"') == 3


def test_tables_side_by_side_are_what_a_join_says(tmp_path: Path) -> None:
    """Read from tables at first, and put together in memory later."""
    spine = "SELECT n, n % 3 AS third FROM numbers"
    squares = (
        "SELECT n, sum(n * n) AS square, list(n::VARCHAR) AS said FROM numbers WHERE n % 2 = 0 GROUP BY n"
    )
    tables = [
        Join("squares", "n", "n", {"square": "the square", "said": "said"}, "is even"),
        Join("thirds", "id", "third", {"word": "word"}),
    ]
    more = {"large": '"the square" > 20', "of": 'typeof("the square")'}
    seen = []
    with DuckEngine(tmp_path / "facts.duckdb", passes_as_tables=2) as engine:
        for n in (*range(2 + TIMES), 0):
            with (
                engine.transaction(),
                engine.small_batch(),
                engine.register("numbers", numbers(*range(n, n + 9))),
            ):
                engine.materialize("squares", squares)
                engine.materialize(
                    "thirds",
                    "SELECT 0 AS id, 'none' AS word UNION ALL SELECT 2, 'two' UNION ALL SELECT 7, 'never'",
                )
                engine.materialize_join("wide", spine, tables, more)
                engine.materialize_join("plain", spine, tables)
                seen = engine.rows("SELECT * FROM wide ORDER BY n")
                assert seen == engine.rows(
                    f"SELECT * FROM ({with_columns(join_select(spine, tables), more)}) ORDER BY n"
                )
                assert [row[:-2] for row in seen] == engine.rows("SELECT * FROM plain ORDER BY n")
    assert seen[0] == (0, 0, 0, ["0"], True, "none", False, "HUGEINT")
    assert seen[1] == (1, 1, None, None, False, None, None, "HUGEINT")
    assert seen[8] == (8, 2, 64, ["8"], True, "two", True, "HUGEINT")


def test_side_by_side_with_what_was_let_go_is_refused(engine: Engine) -> None:
    with engine.small_batch():
        engine.materialize("theirs", "SELECT 1 AS n, 2 AS m")
        engine.drop("theirs")
        with pytest.raises((EngineError, ValueError), match=r"not kept|theirs"):
            engine.materialize_join("wide", "SELECT 1 AS n", [Join("theirs", "n", "n", {"m": "m"})])


def test_a_join_by_common_names_ends_no_transaction(tmp_path: Path) -> None:
    """DuckDB cannot say which tables such a statement reads; to ask it within the transaction would end
    that."""
    with DuckEngine(tmp_path / "facts.duckdb", passes_as_tables=0) as engine:
        for _ in range(TIMES):
            with engine.transaction(), engine.small_batch():
                engine.execute("CREATE OR REPLACE TEMP TABLE own AS SELECT unnest([1, 2, 3]) AS n")
                assert engine.rows(
                    "SELECT s.n FROM own AS s JOIN (SELECT n FROM own WHERE n > 1) AS b USING (n) ORDER"
                    " BY s.n"
                ) == [(2,), (3,)]


def test_a_name_of_few_rows_is_free_for_many_after_a_transaction_failed(tmp_path: Path) -> None:
    with DuckEngine(tmp_path / "facts.duckdb", passes_as_tables=0) as engine:
        with engine.transaction(), engine.small_batch(), engine.register("numbers", numbers(1)):
            assert engine.value("SELECT n FROM numbers") == 1
        with suppress(ArithmeticError), engine.transaction(), engine.small_batch():
            raise ArithmeticError
        with engine.register("numbers", numbers(1, 2)):
            assert engine.value("SELECT max(n) FROM numbers") == 2


@pytest.mark.parametrize("few", [False, True], ids=["many", "few"])
def test_a_kept_table_grows_and_shrinks_and_says_by_how_many(engine: Engine, few: bool) -> None:
    for count in range(TIMES):
        with (
            engine.small_batch() if few else nullcontext(),
            engine.register("numbers", numbers(*range(count), None)),
        ):
            assert engine.materialize("here", EVERY_TYPE) == 1
            assert (
                engine.materialize("kept", "SELECT n, 'a' AS letter, NULL::JSON AS body FROM numbers")
                == count + 1
            )
            assert engine.append_rows(
                "kept", """SELECT n::SMALLINT, NULL, '{"b": 1}'::JSON FROM numbers WHERE n > 0"""
            ) == max(count - 1, 0)
            assert engine.append_rows("here", EVERY_TYPE) == 1
            engine.delete_rows("kept", "n IN (SELECT 1)")
            engine.delete_rows("kept", "n > 100")
            assert engine.materialize(
                "kept", "SELECT *, typeof(body) AS kind FROM kept ORDER BY ALL NULLS LAST"
            ) == count + 1 + max(count - 1, 0) - 2 * (count > 1)
            low = [n for n in range(count) if n != 1]
            again = [n for n in low if n > 0]
            wanted = sorted(
                [(n, "a", None, "JSON") for n in low] + [(n, None, '{"b": 1}', "JSON") for n in again],
                key=lambda row: (row[0], row[1] is None),
            )
            assert engine.rows("SELECT * FROM kept") == [*wanted, (None, "a", None, "JSON")]
            assert engine.rows("SELECT count(*), count(DISTINCT last) FROM here") == [(2, 1)]
            engine.drop("kept", "here")


def test_what_was_let_go_does_not_grow(engine: Engine) -> None:
    with engine.small_batch(), engine.register("numbers", numbers(1)):
        engine.materialize("kept", "SELECT n FROM numbers")
        engine.drop("kept")
        with pytest.raises((EngineError, ValueError)):
            engine.append_rows("kept", "SELECT n FROM numbers")


def test_where_repetition_is_expected_the_first_time_is_planned_for_good(engine: Engine) -> None:
    asked = "SELECT count(*) FROM numbers WHERE n > 0"
    for expected, plans in ((False, 0), (True, 1)):
        if expected:
            engine.cache_plans()
        with engine.small_batch(), engine.register("numbers", numbers(1, 2)):
            assert engine.rows(f"{asked} AND {expected}") == [(2 if expected else 0,)]
        assert engine.value("SELECT count(*) FROM duckdb_prepared_statements()") == plans


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT sum(n)::BIGINT FROM numbers",
        "SELECT sum(numbers.n)::BIGINT FROM shown AS numbers",
        "-- why\nWITH own AS (SELECT n FROM shown) SELECT sum(n)::BIGINT FROM own",
        "WITH RECURSIVE own AS (SELECT n FROM shown UNION SELECT n FROM own) SELECT sum(n)::BIGINT FROM own",
        "SELECT (SELECT sum(n)::BIGINT FROM shown WHERE n > 0) FROM (SELECT 1) -- the end",
        "SELECT sum(n)::BIGINT FROM twice WHERE n < 100",
    ],
)
def test_a_kept_plan_asks_the_catalogue_nothing(engine: DuckEngine, sql: str) -> None:
    """From 2.0.1 on DuckDB binds anew at each run what reads a view there, which takes as long as to plan."""
    engine.cache_plans()
    views = {
        "shown": "SELECT n FROM numbers -- all",
        "twice": "SELECT 100 * n AS n FROM shown UNION ALL FROM shown",
    }
    for values in ((1, 2), (3,), ()):
        with engine.small_batch(), engine.register("numbers", numbers(*values)), engine.views(views):
            assert engine.rows(sql) == [(sum(values) if values else None,)]
            for name in ("numbers", "shown", "twice"):
                engine._connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT 99 AS n")


@pytest.mark.parametrize(
    "own",
    ["numbers AS (SELECT 7 AS n)", '"numbers" AS MATERIALIZED (SELECT 7 AS n)', "numbers(n) AS (SELECT 7)"],
)
def test_a_query_of_a_statement_goes_before_a_kept_table_of_its_name(engine: Engine, own: str) -> None:
    for count in range(TIMES):
        with engine.small_batch(), engine.register("numbers", numbers(*range(count))):
            engine.materialize("kept", "SELECT count(*) AS n FROM numbers")
            assert engine.rows(f"WITH {own} SELECT numbers.n, kept.n FROM numbers, kept") == [(7, count)]
            nested = f"SELECT (WITH {own} SELECT n FROM numbers), count(*) FROM numbers"
            assert engine.rows(nested) == [(7, count)]


@pytest.mark.parametrize("sql", [EVERY_TYPE, "SELECT n, 'a' AS letter FROM numbers WHERE n > 9"])
def test_rows_are_the_same_whichever_way_duckdb_is_asked_for_them(sql: str) -> None:
    with duckdb.connect() as connection:
        connection.register("numbers", numbers(1, 2))
        connection.execute(f"PREPARE plan AS {sql}")
        plain = connection.sql(sql).to_arrow_table()
        for statement in (sql, "EXECUTE plan"):
            for directly in (True, False):
                assert as_arrow(connection, statement, directly=directly).equals(plain)
        for directly in (True, False):
            with pytest.raises(duckdb.Error):
                as_arrow(connection, "EXECUTE none", directly=directly)


def test_statements_are_still_read_after_one_was_refused() -> None:
    """A SELECT that DuckDB cannot name the tables of says nothing about the next one."""
    assert parse_select("SELECT n FROM numbers").tables == {"numbers"}
    with pytest.raises(duckdb.Error):
        names_read("WITH own AS (SELECT 1 AS m) SELECT * FROM own JOIN numbers USING (n)")
    assert names_read("SELECT n FROM numbers") == {"numbers"}
