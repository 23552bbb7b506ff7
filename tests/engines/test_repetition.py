"""Threads and log of an engine that is asked the same again and again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from almoner.engines import Engine, open_engine
from almoner.engines.duck import DuckEngine


@pytest.fixture(params=[False, True], ids=["in memory", "in a file"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with DuckEngine(tmp_path / "facts.duckdb" if request.param else None, passes_as_tables=0) as opened:
        opened.execute("CREATE TABLE base (n BIGINT)")
        opened.execute("INSERT INTO base VALUES (1), (2), (3)")
        yield opened


def test_threads_that_rest_over_few_rows_are_there_for_many(engine: Engine) -> None:
    asked = "SELECT current_setting('threads')::INTEGER"
    engine.execute("SET threads = 3")
    with engine.small_batch():
        assert engine.value(asked) == 1
    assert engine.value(asked) == 3
    engine.cache_plans()
    for _ in range(2):
        with engine.small_batch():
            assert engine.value(asked) == 1
        assert engine.value(asked) == 1
    engine.materialize("kept", "SELECT n FROM base")
    assert engine.value(asked) == 3
    with suppress(ZeroDivisionError), engine.small_batch(), engine.transaction():
        raise ZeroDivisionError
    assert list(engine.batches("SELECT * FROM base"))
    assert engine.value(asked) == 3


def test_where_repetition_is_expected_the_log_goes_into_the_file_little_by_little(tmp_path: Path) -> None:
    """So that no single commit takes long for it."""
    file, log = tmp_path / "facts.duckdb", tmp_path / "facts.duckdb.wal"
    longest = {}
    for expected in (False, True):
        with open_engine(file) as engine:
            if expected:
                engine.cache_plans()
            engine.execute("CREATE OR REPLACE TABLE written (n HUGEINT)")
            sizes = [log.stat().st_size]
            for _ in range(12):
                engine.execute(
                    "INSERT INTO written SELECT hash(range) * 1000000007::HUGEINT FROM range(30000)"
                )
                sizes.append(log.stat().st_size if log.exists() else 0)
            longest[expected] = max(sizes)
    assert longest[True] < 5_000_000 < longest[False]
