"""A kept plan reads the rows that are there when it is run, not those that were there when it was made.

DuckDB has had faults here: a plan kept what its tables held when it was made, and rows that came later were
not seen (duckdb/duckdb, pull request 24696).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pytest

from almoner.engines import Engine, Join
from almoner.engines.duck import DuckEngine

TIMES = 4  # planned, prepared, and run by the plan
OFFERED = pa.table({"n": pa.array([1, 200, 7], pa.int64())})
COUNT = "SELECT count(*) FROM facts.wage WHERE n = 200"  # nothing at first: a plan may take it for empty
READS: dict[str, str] = {
    "a table": COUNT,
    "a view": "SELECT count(*) FROM wage WHERE n = 200",
    "a table and a buffer": (
        "SELECT count(*) FROM facts.wage AS w JOIN offered AS o ON w.n = o.n WHERE o.n = 200"
    ),
    "a buffer and a table": "SELECT count(*) FROM offered WHERE n = 200 AND n IN (SELECT n FROM facts.wage)",
    "a table's greatest": "SELECT count(*) FROM (SELECT max(n) AS top FROM facts.wage) WHERE top >= 200",
    "all": "SELECT (SELECT count(*) FROM facts.wage) - 100",
}


@pytest.fixture(params=[False, True], ids=["in memory", "in a file"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with DuckEngine(tmp_path / "facts.duckdb" if request.param else None, passes_as_tables=0) as opened:
        opened.cache_plans()
        opened.execute("CREATE SCHEMA facts")
        opened.execute("CREATE TABLE facts.wage AS SELECT range AS n FROM range(100)")
        yield opened


def seen(engine: Engine, asked: str) -> int:
    """What a statement that is known already gives, on both connections, as rows, as a kept table, and
    within a transaction that is undone."""
    with (
        engine.small_batch(),
        engine.register("offered", OFFERED),
        engine.views({"wage": "SELECT * FROM facts.wage"}),
    ):
        engine.materialize("kept", asked)
        answers = [engine.value(asked), engine.value("FROM kept")]
        answers += engine.run_parallel([lambda own: own.value(asked)] * TIMES)
        with suppress(ZeroDivisionError), engine.transaction():
            answers.append(engine.value(asked))
            raise ZeroDivisionError
    assert len(set(answers)) == 1, answers
    return int(answers[0])


def _swapped(engine: Engine) -> None:
    """As a table is clustered anew: another one takes its name."""
    engine.execute("CREATE TABLE facts.clustered AS SELECT * FROM facts.wage ORDER BY n DESC")
    engine.execute("INSERT INTO facts.clustered (n) VALUES (200)")
    engine.execute("DROP TABLE facts.wage")
    engine.execute("ALTER TABLE facts.clustered RENAME TO wage")


def _moved(engine: Engine) -> None:
    """As `almoner compact` does it: the rows are written once more in the same table."""
    with engine.transaction():
        engine.materialize("moved", "FROM facts.wage")
        engine.execute("DELETE FROM facts.wage")
        engine.execute("INSERT INTO facts.wage FROM moved ORDER BY n DESC")
        engine.drop("moved")
    engine.execute("CHECKPOINT")


def _beside(engine: Engine) -> None:
    """By the other connection: the task that is handed over last is taken by the second thread."""

    def insert(own: Engine) -> None:
        own.execute("INSERT INTO facts.wage (n) VALUES (200)")

    with engine.small_batch():
        engine.run_parallel([lambda own: own.value("SELECT 1"), insert])


@pytest.mark.parametrize("asked", READS.values(), ids=READS)
def test_a_kept_plan_sees_what_was_written_after_it_was_made(engine: Engine, asked: str) -> None:
    for _ in range(TIMES):
        assert seen(engine, asked) == 0
    engine.execute("INSERT INTO facts.wage VALUES (200)")
    assert seen(engine, asked) == 1
    engine.execute("UPDATE facts.wage SET n = -1 WHERE n = 200")
    assert seen(engine, asked) == (1 if asked == READS["all"] else 0)
    engine.execute("DELETE FROM facts.wage WHERE n = -1")
    assert seen(engine, asked) == 0
    _beside(engine)
    assert seen(engine, asked) == 1
    _moved(engine)
    assert seen(engine, asked) == 1
    engine.execute("DELETE FROM facts.wage WHERE n = 200")
    engine.execute("ALTER TABLE facts.wage ADD COLUMN area VARCHAR")
    assert seen(engine, asked) == 0
    _swapped(engine)
    assert seen(engine, asked) == 1


@pytest.mark.parametrize("asked", READS.values(), ids=READS)
def test_a_kept_plan_sees_what_its_own_transaction_wrote_and_forgets_what_was_undone(
    engine: Engine, asked: str
) -> None:
    for _ in range(TIMES):
        assert seen(engine, asked) == 0
    with (
        suppress(ZeroDivisionError),
        engine.small_batch(),
        engine.register("offered", OFFERED),
        engine.transaction(),
    ):
        with engine.views({"wage": "SELECT * FROM facts.wage"}):
            engine.execute("INSERT INTO facts.wage VALUES (200)")
            assert engine.value(asked) == 1
        raise ZeroDivisionError
    assert seen(engine, asked) == 0


def test_all_columns_means_those_that_the_table_has_now(engine: Engine) -> None:
    asked = "SELECT * FROM wage WHERE n = 5"
    for columns in (["n"], ["n"], ["n", "area"], ["n", "area"], ["area"]):
        if "area" in columns:
            engine.execute("ALTER TABLE facts.wage ADD COLUMN IF NOT EXISTS area VARCHAR DEFAULT 'a'")
        if "n" not in columns:
            engine.execute(
                "CREATE OR REPLACE TABLE facts.wage AS SELECT area, 5 AS n FROM facts.wage LIMIT 1"
            )
        with engine.small_batch(), engine.views({"wage": "SELECT * FROM facts.wage"}):
            assert set(columns) <= set(engine.table(asked).column_names)
            assert engine.table(asked).num_rows == 1


def test_a_plan_over_buffers_reads_the_rows_that_lie_there_now(engine: Engine) -> None:
    """Also where the rows before held nothing that fits, other numbers, or none at all."""
    joined = """SELECT list(s.n ORDER BY s.n) FROM seen AS s JOIN other AS o ON s.n = o.n
        WHERE o.n BETWEEN 5 AND 300"""
    for low, high in ((0, 3), (0, 3), (0, 3), (200, 203), (5, 5), (250, 252), (-9, 400)):
        rows, other = list(range(low, high)), list(range(5, 301, 5))
        with (
            engine.small_batch(),
            engine.register("few", pa.table({"n": pa.array(rows, pa.int64())})),
            engine.register("other", pa.table({"n": pa.array(other, pa.int64())})),
            engine.views({"seen": "SELECT * FROM few"}),
        ):
            wanted = sorted(set(rows) & set(other)) or None
            assert engine.value(joined) == wanted
            assert engine.run_parallel([lambda own: own.value(joined)] * 2) == [wanted] * 2
            engine.materialize("found", "SELECT few.n FROM few JOIN other ON few.n = other.n")
            engine.materialize_join("wide", "SELECT n FROM few", [Join("found", "n", "n", {}, "is there")])
            assert engine.value('SELECT count(*) FROM wide WHERE "is there"') == len(set(rows) & set(other))
        with suppress(ZeroDivisionError), engine.transaction():
            raise ZeroDivisionError
        with engine.views({"seen": "SELECT 1 AS n"}):  # over many rows; the view of this name goes with it
            assert engine.value("SELECT n FROM seen") == 1
