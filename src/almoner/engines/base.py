"""The seam: what the stages above ask of an engine. One engine is `almoner.engines.duck`.

SQL is DuckDB's dialect on every engine (DESIGN section 6). Named parameters are written `$name`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pyarrow as pa

Parameters = Mapping[str, Any]


def quote(name: str) -> str:
    """An identifier, quoted."""
    return '"' + name.replace('"', '""') + '"'


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
    def offer(self, name: str, data: pa.Table | pa.RecordBatch) -> AbstractContextManager[None]:
        """Within the block, SQL can read `data` as a table called `name`."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """Within the block all statements belong together: an exception undoes them all."""

    @abstractmethod
    def views(self, definitions: Mapping[str, str]) -> AbstractContextManager[None]:
        """Within the block, bare table names mean the views of `definitions` (name to SELECT); nobody else sees them.
        Blocks may be nested; the inner one's hide the outer one's."""

    @abstractmethod
    def keep(self, name: str, select: str, parameters: Parameters | None = None) -> None:
        """Compute `select` once and keep it as a table called `name` until the engine is closed or it is kept anew."""

    def keep_each(self, selects: Iterable[tuple[str, str, Parameters | None]]) -> None:
        """As `keep` for each name, SELECT and parameters, in any order or at once: none reads another, or what is not committed."""
        for name, select, parameters in selects:
            self.keep(name, select, parameters)

    @abstractmethod
    def forget(self, *names: str) -> None:
        """Let go of what `keep` kept."""

    def few_rows(self) -> AbstractContextManager[None]:
        """Within the block statements are about few rows: what it costs to begin one counts, not how it is spread over processors."""
        return nullcontext()

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

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
