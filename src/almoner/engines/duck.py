"""DuckDB in this process: the default engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import pyarrow as pa

from almoner.engines.base import Engine, Parameters, quote
from almoner.errors import EngineError, HomeError


class DuckEngine(Engine):
    """A DuckDB database in a file, or in memory when `path` is None."""

    def __init__(
        self, path: Path | None = None, *, read_only: bool = False, memory_limit: str | None = None
    ) -> None:
        config: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        if memory_limit:
            config["memory_limit"] = memory_limit
        self._spill = Path(f"{path}.tmp") if path else None
        if self._spill:
            config |= _spilling(self._spill)
        self._connection = duckdb.connect(":memory:", config=config)
        self._views: Mapping[str, str] = {}  # that are open now
        if path:
            self._attach(path, read_only)

    def _attach(self, path: Path, read_only: bool) -> None:
        """Under a name of our own: a file called `facts` would hide its schema of that name."""
        access = "READ_ONLY" if read_only else "READ_WRITE"
        file = str(path).replace("'", "''")
        try:
            self._connection.execute(f"ATTACH '{file}' AS installation ({access})")
            self._connection.execute("USE installation")
        except duckdb.IOException as error:
            self._connection.close()
            raise HomeError(_in_use(path, error)) from None
        self._connection.execute("SET enable_progress_bar = false")

    def execute(self, sql: str, parameters: Parameters | None = None) -> None:
        with _told(sql):
            self._connection.execute(sql, dict(parameters) if parameters else None)

    def table(self, sql: str, parameters: Parameters | None = None) -> pa.Table:
        with _told(sql):
            return self._connection.sql(sql, params=dict(parameters) if parameters else None).to_arrow_table()

    def batches(
        self, sql: str, parameters: Parameters | None = None, rows: int = 65_536
    ) -> Iterator[pa.RecordBatch]:
        with _told(sql):
            relation = self._connection.sql(sql, params=dict(parameters) if parameters else None)
            yield from relation.to_arrow_reader(rows)

    @contextmanager
    def offer(self, name: str, data: pa.Table | pa.RecordBatch) -> Iterator[None]:
        self._connection.register(name, data)
        try:
            yield
        except BaseException:
            with suppress(duckdb.Error):  # in a transaction that has failed it is gone already
                self._connection.unregister(name)
            raise
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
    def views(self, definitions: Mapping[str, str]) -> Iterator[None]:
        outer = self._views
        self._define(definitions)
        self._views = {**outer, **definitions}
        try:
            yield
        except BaseException:
            with suppress(EngineError):  # in a transaction that has failed they are gone already
                self._back_to(outer, definitions)
            raise
        self._back_to(outer, definitions)

    def _back_to(self, outer: Mapping[str, str], inner: Mapping[str, str]) -> None:
        self._views = outer
        for name in sorted(inner.keys() - outer.keys()):
            self.execute(f"DROP VIEW IF EXISTS temp.{quote(name)}")
        self._define({name: select for name, select in outer.items() if name in inner})

    def _define(self, views: Mapping[str, str]) -> None:
        for name, select in views.items():
            self.execute(f"CREATE OR REPLACE TEMP VIEW {quote(name)} AS {select}")

    def keep(self, name: str, select: str, parameters: Parameters | None = None) -> None:
        self.execute(f"CREATE OR REPLACE TEMP TABLE {quote(name)} AS {select}", parameters)

    def forget(self, *names: str) -> None:
        for name in names:
            with suppress(duckdb.TransactionException):  # a transaction that has failed lets go of all by itself
                self._connection.execute(f"DROP TABLE IF EXISTS temp.{quote(name)}")

    def close(self) -> None:
        self._connection.close()
        if self._spill:
            with suppress(OSError):  # another process still works there
                self._spill.rmdir()


def _spilling(folder: Path) -> dict[str, str | bool | int | float | list[str]]:
    """Where work goes that is larger than the memory limit: encrypted, for a delivery on the stage still holds names.

    DuckDB writes encrypted files only with OpenSSL from its extension `httpfs`, which an index need not have for this version, or
    when told that its own mbedTLS will do. That one draws the key of these files, which lives as long as the process, from a
    generator of 64 bits of state: it guards what a crash leaves behind, not a secret for years.
    """
    if not folder.exists():
        with suppress(OSError):  # a folder that cannot be written to is read only
            folder.mkdir(mode=0o700)
    return {"temp_directory": str(folder), "temp_file_encryption": True, "force_mbedtls_unsafe": True}


@contextmanager
def _told(sql: str) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise EngineError(str(error), sql) from error


def _in_use(path: Path | None, error: Exception) -> str:
    if "lock" in str(error).lower():
        return f"{path} is in use by another process. Wait until it has finished, or stop it (a worker keeps it; files for it go into HOME/landing)."
    return f"{path} cannot be opened: {error}"
