"""The interface between the stages above and the database that runs their SQL.

`almoner.engines.duck` implements it. SQL is written in DuckDB's dialect, whatever the engine (see
docs/architecture.md). Named parameters are written `$name`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Self, TypeVar

import pyarrow as pa

Parameters = Mapping[str, Any]
T = TypeVar("T")


def quote(name: str) -> str:
    """An identifier, quoted."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True)
class Join:
    """A materialized table to be left-joined to other rows.

    A row of theirs takes the row, at most one, whose column `key` equals their column `on`. `columns` maps
    its columns to the names that they get. `present` names a further column, which says whether there is a
    row.
    """

    table: str
    key: str
    on: str
    columns: Mapping[str, str]
    present: str = ""


def join_select(select: str, tables: Sequence[Join]) -> str:
    """The SELECT of a left join of `select` with `tables`."""
    listed, joins = "", ""
    for n, t in enumerate(tables):
        listed += "".join(f", t{n}.{quote(column)} AS {quote(name)}" for column, name in t.columns.items())
        listed += f", t{n}.{quote(t.key)} IS NOT NULL AS {quote(t.present)}" if t.present else ""
        joins += f" LEFT JOIN {quote(t.table)} AS t{n} ON t{n}.{quote(t.key)} = s.{quote(t.on)}"
    return f"SELECT s.*{listed} FROM ({select}) AS s{joins}"


def with_columns(select: str, more: Mapping[str, str]) -> str:
    """The SELECT of all columns and of further ones, given as SQL by name."""
    columns = "".join(f", {sql} AS {quote(name)}" for name, sql in more.items())
    return f"SELECT *{columns} FROM ({select})" if columns else select


class _Undone(Exception):  # noqa: N818 - ends a transaction on purpose
    """Raised to undo a practice."""


class Engine(ABC):
    """One open database. Not shared between threads; `close` it or use it in a `with` block."""

    @abstractmethod
    def execute(self, sql: str, parameters: Parameters | None = None) -> None:
        """Run a statement. Raises EngineError, which carries the SQL."""

    @abstractmethod
    def table(self, sql: str, parameters: Parameters | None = None) -> pa.Table:
        """The rows of a query as an Arrow table."""

    @abstractmethod
    def batches(
        self, sql: str, parameters: Parameters | None = None, rows: int = 65_536
    ) -> Iterator[pa.RecordBatch]:
        """The rows of a query in slices of at most `rows`, for results that need not fit in memory."""

    @abstractmethod
    def register(self, name: str, data: pa.Table | pa.RecordBatch) -> AbstractContextManager[None]:
        """Within the block, SQL can read `data` as a table called `name`."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """Within the block all statements belong together: an exception undoes them all."""

    @contextmanager
    def rolled_back(self) -> Iterator[None]:
        """A transaction that is undone at the end of the block."""
        with suppress(_Undone), self.transaction():
            yield
            raise _Undone

    @abstractmethod
    def views(self, definitions: Mapping[str, str]) -> AbstractContextManager[None]:
        """Within the block, bare table names mean the views of `definitions` (name to SELECT).

        Blocks may be nested: inner views hide outer ones.
        """

    @abstractmethod
    def materialize(self, name: str, select: str, parameters: Parameters | None = None) -> int:
        """Compute `select` and keep it as the table `name`, until it is dropped or the engine is closed.

        It may read an earlier table of that name. Gives the number of rows.
        """

    @abstractmethod
    def append_rows(self, name: str, select: str) -> int:
        """Append the rows of `select` to a materialized table with the same columns. Gives their number."""

    @abstractmethod
    def delete_rows(self, name: str, condition: str) -> None:
        """Delete the rows of a materialized table for which `condition` is true."""

    def materialize_each(self, selects: Iterable[tuple[str, str, Parameters | None]]) -> None:
        """As `materialize` for each name, SELECT and parameters, in any order or in parallel.

        None may read another, or anything that is not committed.
        """
        for name, select, parameters in selects:
            self.materialize(name, select, parameters)

    def run_parallel(self, tasks: Sequence[Callable[[Engine], T]]) -> list[T]:
        """The results of the tasks, in their order; tasks run in any order or in parallel.

        Each gets the engine to use. A task may materialize and register tables under names of its own. It may
        read these, tables from before, and what is committed.
        """
        return [task(self) for task in tasks]

    def materialize_join(
        self, name: str, select: str, tables: Sequence[Join], more: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """As `materialize` of `join_select(select, tables)`.

        `more` adds columns, given by name as SQL over all of these.
        """
        self.materialize(name, with_columns(join_select(select, tables), more))

    @abstractmethod
    def drop(self, *names: str) -> None:
        """Drop tables that were materialized."""

    def small_batch(self) -> AbstractContextManager[None]:
        """Within the block statements are about few rows, so that their overhead counts more than their
        speed.
        """
        return nullcontext()

    @abstractmethod
    def cache_plans(self) -> None:
        """From now on the same statements about few rows are repeated, so that preparing them pays."""

    @abstractmethod
    def close(self) -> None: ...

    def rows(self, sql: str, parameters: Parameters | None = None) -> list[tuple[Any, ...]]:
        """All rows of a small result as tuples."""
        columns = [column.to_pylist() for column in self.table(sql, parameters).columns]
        return list(zip(*columns, strict=True))

    def value(self, sql: str, parameters: Parameters | None = None) -> Any:
        """The single value of a query of one row and one column; None when there is no row."""
        found = self.rows(sql, parameters)
        return found[0][0] if found else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
