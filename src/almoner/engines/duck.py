"""DuckDB in this process: the default engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from almoner.engines.base import Engine, Parameters, quote
from almoner.errors import EngineError, HomeError


class DuckEngine(Engine):
    """A DuckDB database in a file, or in memory when `path` is None."""

    def __init__(self, path: Path | None = None, *, read_only: bool = False, memory_limit: str | None = None) -> None:
        config: dict[str, str | bool | int | float | list[str]] = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
        if memory_limit:
            config["memory_limit"] = memory_limit
        try:
            self._connection = duckdb.connect(str(path) if path else ":memory:", read_only=read_only, config=config)
        except duckdb.IOException as error:
            raise HomeError(_in_use(path, error)) from None

    def execute(self, sql: str, parameters: Parameters | None = None) -> None:
        self._run(sql, parameters)

    def table(self, sql: str, parameters: Parameters | None = None) -> pa.Table:
        return self._run(sql, parameters).to_arrow_table()

    def batches(self, sql: str, parameters: Parameters | None = None, rows: int = 65_536) -> Iterator[pa.RecordBatch]:
        yield from self._run(sql, parameters).to_arrow_reader(rows)

    @contextmanager
    def offer(self, name: str, data: pa.Table | pa.RecordBatch) -> Iterator[None]:
        self._connection.register(name, data)
        try:
            yield
        finally:
            self._connection.unregister(name)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.execute("BEGIN TRANSACTION")
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        self.execute("COMMIT")

    @contextmanager
    def views(self, schema: str, definitions: Mapping[str, str]) -> Iterator[None]:
        name = quote(schema)
        self.execute(f"CREATE OR REPLACE TEMP MACRO almoner_scope() AS {len(definitions)}")
        for view, select in definitions.items():
            self.execute(f"CREATE OR REPLACE TEMP VIEW {quote(view)} AS {select}")
        try:
            yield
        finally:
            for view in reversed(definitions):
                self.execute(f"DROP VIEW IF EXISTS temp.{name}.{quote(view)}")

    def close(self) -> None:
        self._connection.close()

    def _run(self, sql: str, parameters: Parameters | None) -> duckdb.DuckDBPyConnection:
        try:
            return self._connection.execute(sql, dict(parameters) if parameters else None)
        except duckdb.Error as error:
            raise EngineError(str(error), sql) from error


def _in_use(path: Path | None, error: Exception) -> str:
    if "lock" in str(error).lower():
        return f"{path} is in use by another process. Wait until it has finished, or stop it (almoner serve keeps only reading)."
    return f"{path} cannot be opened: {error}"
