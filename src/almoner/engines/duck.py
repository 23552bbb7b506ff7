"""DuckDB in this process: the default engine.

One `DuckEngine` is one open database: a file, attached under the name `installation`, or one in memory. It
works in one of two modes. Normally, statements are about many rows: results are temporary tables, and all
threads work. Within `DuckEngine.small_batch` (a slice of a stream) results are Arrow tables in memory, one
thread works on each of two connections, and plans are kept (`almoner.engines.plans`). Both modes give the
same rows.

Parameters are bound, or written as literals of their type where a plan is kept; bytes are never written
(`almoner.engines.values`). Errors are EngineError and quote neither literals nor rows
(`almoner.engines.faults`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from copy import copy
from functools import partial
from pathlib import Path
from threading import Timer
from types import MappingProxyType
from typing import Any

import duckdb
import pyarrow as pa

from almoner.engines import hashes
from almoner.engines.base import Engine, Join, Parameters, T, quote, with_columns
from almoner.engines.faults import RaisedFor
from almoner.engines.plans import PlanCache, Plans
from almoner.engines.values import bindable
from almoner.errors import EngineError, HomeError

FEWEST_FOR_TWO = 2  # statements for which the second thread is woken
LOG_MOVED = (
    "4MiB"  # size of the log at which it is written into the file where plans are kept: no commit waits long
)
CHANGEABLE = ("threads", "checkpoint_threshold", "enable_external_access")  # once the database is open


class DuckEngine(Engine):
    """A DuckDB database in the file `path`, or in memory when it is None.

    `memory_limit` is DuckDB's ("4GB"); work beyond it goes, encrypted, into `path`.tmp. `passes_as_tables` is
    the number of small batches that run before plans are kept; None: they are kept once `cache_plans` was
    called. `quoting`: errors say all that DuckDB says, for a database that holds no records. Raises HomeError
    when the file is in use or cannot be opened.

    Extensions are never loaded, and the configuration is locked but for what the engine itself sets. Where no
    plans are kept, the first `views`, and so all SQL of a pack, comes with `deny_files`.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        read_only: bool = False,
        memory_limit: str | None = None,
        passes_as_tables: int | None = None,
        quoting: bool = False,
    ) -> None:
        config: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "allow_extension_repositories": "forbidden",
            "allow_persistent_secrets": False,
        }
        if memory_limit:
            config["memory_limit"] = memory_limit
        self._spill = Path(f"{path}.tmp") if path else None
        if self._spill:
            config |= _spilling(self._spill)
        self._connection = duckdb.connect(":memory:", config=config)
        self._quoting = quoting
        self._cache = PlanCache()
        self._plans = Plans(self._connection, self._cache)
        self._second: tuple[Plans, duckdb.DuckDBPyConnection, ThreadPoolExecutor] | None = (
            None  # of another processor
        )
        self._temp_tables: set[str] = set()
        self._small_batch = False  # whether statements are about few rows now, and plans are kept
        self._passes_as_tables = passes_as_tables
        self._threads: int | None = None  # the number to give back after small-batch mode
        self._attached = path is not None
        self._files_denied = False
        hashes.register(self._connection)
        if path:
            self._attach(path, read_only)
        self._connection.execute("SET enable_progress_bar = false")
        self._connection.execute(f"SET allowed_configs = {list(CHANGEABLE)}")
        self._connection.execute("SET lock_configuration = true")

    def _attach(self, path: Path, read_only: bool) -> None:
        """Attach the file as `installation`: under its own name, `facts`, it would hide a schema."""
        access = "READ_ONLY" if read_only else "READ_WRITE"
        file = str(path).replace("'", "''")
        try:
            self._connection.execute(f"ATTACH '{file}' AS installation ({access})")
            self._connection.execute("USE installation")
        except duckdb.IOException as error:
            self._connection.close()
            raise HomeError(_in_use(path, error)) from None

    def deny_files(self) -> None:
        """Open no file from now on but the database's own.

        An engine that keeps plans goes on: it finds its rows in a way that DuckDB counts among files
        (`almoner.engines.statements`).
        """
        if self._files_denied or self._passes_as_tables is not None:
            return
        self.execute("SET enable_external_access = false")
        self._files_denied = True

    @contextmanager
    def limited(self, seconds: float) -> Iterator[None]:
        """Within the block a statement that has not ended after `seconds` fails with EngineError."""
        timer = Timer(seconds, self._connection.interrupt)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()

    def _errors(self, sql: str) -> RaisedFor:
        """A block that runs `sql`: what fails in it is an EngineError."""
        return RaisedFor(sql, quoting=self._quoting)

    def execute(self, sql: str, parameters: Parameters | None = None) -> None:
        with self._errors(sql):
            if self._small_batch:
                self._plans.define()
            self._connection.execute(sql, bindable(parameters))

    def table(self, sql: str, parameters: Parameters | None = None) -> pa.Table:
        with self._errors(sql):
            if self._small_batch:
                return self._plans.arrow(sql, parameters)
            return self._connection.sql(sql, params=bindable(parameters)).to_arrow_table()

    def rows(self, sql: str, parameters: Parameters | None = None) -> list[tuple[Any, ...]]:
        with self._errors(sql):
            if self._small_batch:
                return self._plans.rows(sql, parameters)
            return self._connection.execute(sql, bindable(parameters)).fetchall()

    def batches(
        self, sql: str, parameters: Parameters | None = None, rows: int = 65_536
    ) -> Iterator[pa.RecordBatch]:
        if self._small_batch:
            yield from self.table(sql, parameters).to_batches(max_chunksize=rows)
            return
        self._wake()
        with self._errors(sql):
            relation = self._connection.sql(sql, params=bindable(parameters))
            yield from relation.to_arrow_reader(rows)

    @contextmanager
    def register(self, name: str, data: pa.Table | pa.RecordBatch) -> Iterator[None]:
        if self._small_batch:
            self._cache.put(name, data if isinstance(data, pa.Table) else pa.Table.from_batches([data]), dict)
            yield
            self._cache.empty(name)
            return
        self._free_name(name)
        self._connection.register(name, data)
        try:
            yield
        except BaseException:
            with suppress(duckdb.Error):  # a failed transaction has removed it
                self._connection.unregister(name)
            raise
        self._connection.unregister(name)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        tables = set(self._temp_tables)
        self.execute("BEGIN TRANSACTION")
        try:
            yield
        except BaseException:
            self._connection.rollback()
            self._temp_tables = tables  # the rollback has restored these
            self._cache.clear()
            self._plans.lost()
            raise
        self.execute("COMMIT")

    @contextmanager
    def views(self, definitions: Mapping[str, str]) -> Iterator[None]:
        self.deny_files()
        outer = self._cache.views
        self._open({**outer, **definitions})
        try:
            yield
        except BaseException:
            with suppress(EngineError):  # a failed transaction has removed them
                self._restore(outer, definitions)
            raise
        self._restore(outer, definitions)

    def _open(self, views: Mapping[str, str]) -> None:
        self._cache.open(views)
        if not self._small_batch:
            with self._errors("CREATE TEMP VIEW"):
                self._plans.define_views()

    def _restore(self, outer: Mapping[str, str], inner: Mapping[str, str]) -> None:
        self._open(outer)
        if not self._small_batch:
            with self._errors("DROP VIEW"):
                self._plans.drop(inner.keys() - outer.keys())

    def materialize(self, name: str, select: str, parameters: Parameters | None = None) -> int:
        with self._errors(select):
            if self._small_batch:
                self._drop_tables([name])
                return self._plans.materialize(name, select, parameters)
            self._free_name(name)
            self._wake()
            made = self._connection.execute(
                f"CREATE OR REPLACE TEMP TABLE {quote(name)} AS {select}",
                bindable(parameters),
            )
        self._temp_tables.add(name)
        return _count(made)

    def append_rows(self, name: str, select: str) -> int:
        with self._errors(select):
            if self._small_batch and name not in self._temp_tables:
                return self._plans.append_rows(name, select)
            return _count(self._connection.execute(f"INSERT INTO temp.{quote(name)} {select}"))

    def delete_rows(self, name: str, condition: str) -> None:
        with self._errors(condition):
            if self._small_batch and name not in self._temp_tables:
                self._plans.materialize(
                    name, f"SELECT * FROM {quote(name)} WHERE ({condition}) IS NOT true", None
                )
                return
            self._connection.execute(f"DELETE FROM temp.{quote(name)} WHERE {condition}")

    def materialize_each(self, selects: Iterable[tuple[str, str, Parameters | None]]) -> None:
        if not self._small_batch:
            super().materialize_each(selects)
            return
        pending = list(selects)
        self._drop_tables([name for name, _, _ in pending])
        self.run_parallel([partial(_materialize, *one) for one in pending])

    def run_parallel(self, tasks: Sequence[Callable[[Engine], T]]) -> list[T]:
        """In small-batch mode on two connections, which take tasks from either end: so a task mostly meets
        the connection that has its plan."""
        if not self._small_batch or len(tasks) < FEWEST_FOR_TWO:
            return super().run_parallel(tasks)
        pending, done = deque(enumerate(tasks)), dict[int, T]()
        other, helper = self._second_engine()
        theirs = helper.submit(_do_all, other, pending.pop, done)
        try:
            _do_all(self, pending.popleft, done)
        finally:
            pending.clear()
            theirs.result()
        return [done[n] for n in range(len(tasks))]

    def _second_engine(self) -> tuple[DuckEngine, ThreadPoolExecutor]:
        """This engine on its second connection, and the thread for it; for `run_parallel` only."""
        if self._second is None:
            second = self._connection.cursor()
            if self._attached:
                second.execute("USE installation")
            self._second = Plans(second, self._cache), second, ThreadPoolExecutor(1, "engine")
        other = copy(self)
        other._plans, other._connection, helper = self._second
        return other, helper

    def materialize_join(
        self, name: str, select: str, tables: Sequence[Join], more: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """In small-batch mode columns are put together in memory: a join would copy every column of a wide
        row."""
        if not self._small_batch:
            super().materialize_join(name, select, tables, more)
            return
        bare = f"{name} bare" if more else name
        with self._errors(select):
            self._drop_tables([bare])
            self._plans.materialize_join(bare, select, tables)
        if more:
            self.materialize(name, with_columns(f"SELECT * FROM {quote(bare)}", more))
            self.drop(bare)

    def _drop_tables(self, names: Sequence[str]) -> None:
        for name in self._temp_tables.intersection(names):
            self._connection.execute(f"DROP TABLE IF EXISTS temp.{quote(name)}")
            self._temp_tables.discard(name)

    def _free_name(self, name: str) -> None:
        """Free a name that a table needs."""
        self._plans.drop([name])
        self._cache.empty(name)

    def drop(self, *names: str) -> None:
        for name in names:
            if name not in self._temp_tables:
                self._cache.empty(name)
                continue
            with suppress(
                duckdb.TransactionException
            ):  # a transaction that has failed lets go of all by itself
                self._connection.execute(f"DROP TABLE IF EXISTS temp.{quote(name)}")
            self._temp_tables.discard(name)

    @contextmanager
    def small_batch(self) -> Iterator[None]:
        """One thread a connection, because waking others takes longer than a few rows; and kept plans."""
        if self._threads is None:
            self._threads = int(self.value("SELECT current_setting('threads')"))
            self.execute("SET threads = 1")
        if self._passes_as_tables is not None:
            self._small_batch = self._passes_as_tables <= 0
            self._passes_as_tables -= 1
        try:
            yield
        finally:
            self._small_batch = False
            if not self._cache.repeats:  # else another small batch follows, and threads are slow to wake
                self._wake()

    def _wake(self) -> None:
        """Give back the threads that small-batch mode left idle."""
        if self._threads is not None:
            with suppress(EngineError):  # a failed transaction allows no SET
                self.execute(f"SET threads = {self._threads}")
                self._threads = None

    def cache_plans(self) -> None:
        self._passes_as_tables, self._cache.repeats = 0, True
        self.execute(f"SET checkpoint_threshold = '{LOG_MOVED}'")

    def close(self) -> None:
        if self._second:
            self._second[2].shutdown()
        self._connection.close()
        if self._spill:
            with suppress(OSError):  # another process still uses it
                self._spill.rmdir()


def _count(ran: duckdb.DuckDBPyConnection) -> int:
    """The number of rows that a statement wrote."""
    found = ran.fetchone()
    return int(found[0]) if found else 0


def _materialize(name: str, select: str, parameters: Parameters | None, engine: Engine) -> None:
    engine.materialize(name, select, parameters)


def _do_all(
    engine: Engine, take: Callable[[], tuple[int, Callable[[Engine], T]]], done: dict[int, T]
) -> None:
    """Take tasks and do them until none is left."""
    while True:
        try:
            n, task = take()
        except IndexError:
            return
        done[n] = task(engine)


def _spilling(folder: Path) -> dict[str, str | bool | int | float | list[str]]:
    """Where work goes that is larger than the memory limit: encrypted, for a delivery on the stage still
    holds names.

    DuckDB writes encrypted files only with OpenSSL from its extension `httpfs`, which an index need not
    have for this version, or when told that its own mbedTLS will do. That one draws the key of these
    files, which lives as long as the process, from a generator of 64 bits of state: it guards what a crash
    leaves behind, not a secret for years.
    """
    if not folder.exists():
        with suppress(OSError):  # the database is read-only in a folder without write access
            folder.mkdir(mode=0o700)
    return {"temp_directory": str(folder), "temp_file_encryption": True, "force_mbedtls_unsafe": True}


def _in_use(path: Path | None, error: Exception) -> str:
    if "lock" in str(error).lower():
        return (
            f"{path} is in use by another process. Wait until it has finished, or stop it (a worker keeps it;"
            " files for it go into HOME/landing)."
        )
    return f"{path} cannot be opened: {error}"
