"""DuckDB in this process: the default engine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from copy import copy
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import duckdb
import pyarrow as pa

from almoner.engines.base import Beside, Engine, Parameters, T, quote, with_columns
from almoner.engines.faults import RaisedFor
from almoner.engines.plans import PlanCache, Plans
from almoner.engines.values import bindable
from almoner.errors import EngineError, HomeError

FEWEST_FOR_TWO = 2  # statements that a second thread is woken for
# of a database whose statements repeat: its log goes into the file that soon, so that no commit takes long
# for it
LOG_MOVED = "4MiB"
PASSES_AS_TABLES = 2  # over few rows before plans are kept: to keep them costs as much as to plan twice


class DuckEngine(Engine):
    """A DuckDB database in a file, or in memory when `path` is None."""

    def __init__(
        self,
        path: Path | None = None,
        *,
        read_only: bool = False,
        memory_limit: str | None = None,
        passes_as_tables: int = PASSES_AS_TABLES,
        quoting: bool = False,
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
        self._quoting = quoting
        self._cache = PlanCache()
        self._plans = Plans(self._connection, self._cache)
        self._second: tuple[Plans, duckdb.DuckDBPyConnection, ThreadPoolExecutor] | None = (
            None  # of another processor
        )
        self._kept: set[str] = set()  # names of temporary tables
        self._few = False  # whether statements are about few rows now, and plans are kept
        self._passes_as_tables = passes_as_tables
        self._threads: int | None = None  # how many there are for many rows, while they rest
        self._attached = path is not None
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

    def _errors(self, sql: str) -> RaisedFor:
        """Around whatever runs `sql`."""
        return RaisedFor(sql, quoting=self._quoting)

    def execute(self, sql: str, parameters: Parameters | None = None) -> None:
        with self._errors(sql):
            if self._few:
                self._plans.define()
            self._connection.execute(sql, bindable(parameters))

    def table(self, sql: str, parameters: Parameters | None = None) -> pa.Table:
        with self._errors(sql):
            if self._few:
                return self._plans.arrow(sql, parameters)
            return self._connection.sql(sql, params=bindable(parameters)).to_arrow_table()

    def rows(self, sql: str, parameters: Parameters | None = None) -> list[tuple[Any, ...]]:
        with self._errors(sql):
            if self._few:
                return self._plans.rows(sql, parameters)
            return self._connection.execute(sql, bindable(parameters)).fetchall()

    def batches(
        self, sql: str, parameters: Parameters | None = None, rows: int = 65_536
    ) -> Iterator[pa.RecordBatch]:
        if self._few:
            yield from self.table(sql, parameters).to_batches(max_chunksize=rows)
            return
        self._wake()
        with self._errors(sql):
            relation = self._connection.sql(sql, params=bindable(parameters))
            yield from relation.to_arrow_reader(rows)

    @contextmanager
    def register(self, name: str, data: pa.Table | pa.RecordBatch) -> Iterator[None]:
        if self._few:
            self._cache.put(name, data if isinstance(data, pa.Table) else pa.Table.from_batches([data]), dict)
            yield
            self._cache.empty(name)
            return
        self._make_way(name)
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
        tables = set(self._kept)
        self.execute("BEGIN TRANSACTION")
        try:
            yield
        except BaseException:
            self._connection.rollback()
            self._kept = tables  # those that were made are gone, those that were dropped are back
            self._cache.clear()
            self._plans.lost()
            raise
        self.execute("COMMIT")

    @contextmanager
    def views(self, definitions: Mapping[str, str]) -> Iterator[None]:
        outer = self._cache.views
        self._open({**outer, **definitions})
        try:
            yield
        except BaseException:
            with suppress(EngineError):  # in a transaction that has failed they are gone already
                self._back_to(outer, definitions)
            raise
        self._back_to(outer, definitions)

    def _open(self, views: Mapping[str, str]) -> None:
        self._cache.open(views)
        if not self._few:
            with self._errors("CREATE TEMP VIEW"):
                self._plans.define_views()

    def _back_to(self, outer: Mapping[str, str], inner: Mapping[str, str]) -> None:
        self._open(outer)
        if not self._few:
            with self._errors("DROP VIEW"):
                self._plans.drop(inner.keys() - outer.keys())

    def materialize(self, name: str, select: str, parameters: Parameters | None = None) -> int:
        with self._errors(select):
            if self._few:
                self._give_up_tables([name])
                return self._plans.materialize(name, select, parameters)
            self._make_way(name)
            self._wake()
            made = self._connection.execute(
                f"CREATE OR REPLACE TEMP TABLE {quote(name)} AS {select}",
                bindable(parameters),
            )
        self._kept.add(name)
        return _count(made)

    def append_rows(self, name: str, select: str) -> int:
        with self._errors(select):
            if self._few and name not in self._kept:
                return self._plans.append_rows(name, select)
            return _count(self._connection.execute(f"INSERT INTO temp.{quote(name)} {select}"))

    def delete_rows(self, name: str, condition: str) -> None:
        with self._errors(condition):
            if self._few and name not in self._kept:
                self._plans.materialize(
                    name, f"SELECT * FROM {quote(name)} WHERE ({condition}) IS NOT true", None
                )
                return
            self._connection.execute(f"DELETE FROM temp.{quote(name)} WHERE {condition}")

    def materialize_each(self, selects: Iterable[tuple[str, str, Parameters | None]]) -> None:
        if not self._few:
            super().materialize_each(selects)
            return
        waiting = list(selects)
        self._give_up_tables([name for name, _, _ in waiting])
        self.run_parallel([partial(_keep, *one) for one in waiting])

    def run_parallel(self, tasks: Sequence[Callable[[Engine], T]]) -> list[T]:
        """Over few rows on two connections, which take from either end: so most plans are needed on one side."""
        if not self._few or len(tasks) < FEWEST_FOR_TWO:
            return super().run_parallel(tasks)
        waiting, done = deque(enumerate(tasks)), dict[int, T]()
        other, helper = self._beside()
        theirs = helper.submit(_do_all, other, waiting.pop, done)
        try:
            _do_all(self, waiting.popleft, done)
        finally:
            waiting.clear()
            theirs.result()
        return [done[n] for n in range(len(tasks))]

    def _beside(self) -> tuple[DuckEngine, ThreadPoolExecutor]:
        """The same for a second thread, with a connection of its own; it is good for what `run_parallel` asks only."""
        if self._second is None:
            second = self._connection.cursor()
            if self._attached:
                second.execute("USE installation")
            self._second = Plans(second, self._cache), second, ThreadPoolExecutor(1, "engine")
        other = copy(self)
        other._plans, other._connection, helper = self._second
        return other, helper

    def materialize_join(
        self, name: str, select: str, tables: Sequence[Beside], more: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Few rows are put side by side as they lie in memory: each join of a wide row makes all of its
        columns anew."""
        if not self._few:
            super().materialize_join(name, select, tables, more)
            return
        bare = f"{name} bare" if more else name
        with self._errors(select):
            self._give_up_tables([bare])
            self._plans.materialize_join(bare, select, tables)
        if more:
            self.materialize(name, with_columns(f"SELECT * FROM {quote(bare)}", more))
            self.drop(bare)

    def _give_up_tables(self, names: Sequence[str]) -> None:
        for name in self._kept.intersection(names):
            self._connection.execute(f"DROP TABLE IF EXISTS temp.{quote(name)}")
            self._kept.discard(name)

    def _make_way(self, name: str) -> None:
        """A table needs the name."""
        self._plans.drop([name])
        self._cache.empty(name)

    def drop(self, *names: str) -> None:
        for name in names:
            if name not in self._kept:
                self._cache.empty(name)
                continue
            with suppress(
                duckdb.TransactionException
            ):  # a transaction that has failed lets go of all by itself
                self._connection.execute(f"DROP TABLE IF EXISTS temp.{quote(name)}")
            self._kept.discard(name)

    @contextmanager
    def small_batch(self) -> Iterator[None]:
        """One thread, for to wake the others for a few rows takes longer than the rows; and plans that are
        kept."""
        if self._threads is None:
            self._threads = int(self.value("SELECT current_setting('threads')"))
            self.execute("SET threads = 1")
        self._few = self._passes_as_tables <= 0
        self._passes_as_tables -= 1
        try:
            yield
        finally:
            self._few = False
            if (
                not self._cache.repeats
            ):  # where few rows follow, threads rest until there are many: to wake them takes a while
                self._wake()

    def _wake(self) -> None:
        """For many rows: the threads that rested over few."""
        if self._threads is not None:
            with suppress(EngineError):  # in a transaction that has failed nothing can be set
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
            with suppress(OSError):  # another process still works there
                self._spill.rmdir()


def _count(ran: duckdb.DuckDBPyConnection) -> int:
    """How many rows a statement wrote."""
    found = ran.fetchone()
    return int(found[0]) if found else 0


def _keep(name: str, select: str, parameters: Parameters | None, engine: Engine) -> None:
    engine.materialize(name, select, parameters)


def _do_all(
    engine: Engine, take: Callable[[], tuple[int, Callable[[Engine], T]]], done: dict[int, T]
) -> None:
    """Do what waits, until nothing waits any more."""
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
        with suppress(OSError):  # a folder that cannot be written to is read only
            folder.mkdir(mode=0o700)
    return {"temp_directory": str(folder), "temp_file_encryption": True, "force_mbedtls_unsafe": True}


def _in_use(path: Path | None, error: Exception) -> str:
    if "lock" in str(error).lower():
        return (
            f"{path} is in use by another process. Wait until it has finished, or stop it (a worker keeps it;"
            " files for it go into HOME/landing)."
        )
    return f"{path} cannot be opened: {error}"
