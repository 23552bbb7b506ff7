"""Small-batch mode: saves the cost of starting a statement that is run for each slice of a stream.

For a few hundred rows DuckDB takes longer to plan a statement than to run it, and a stream runs the same 250
statements for each slice. So intermediate results are held in memory, as Arrow tables behind fixed names
(`Buffer`), and a statement that reads nothing else is prepared once and executed from then on. A statement
that reads a database table is run as it is, because DuckDB binds it anew each time.

DuckDB since 2.0.1 binds anew what reads its catalogue's views too, so a kept statement reads none: see
`almoner.engines.statements` and docs/decisions/0004-plans-are-kept.md.

A plan belongs to one connection and is kept until the connection is closed. It is used for as long as its
text with its literals, the open views and the columns of all buffers stay the same. It reads the rows that
are there when it runs. What is kept is bounded, the least recently used going first:

- `MOST_PLANS` prepared statements a connection;
- `MOST_SEEN` statements of which it is remembered that they ran once, or that they read tables;
- `MOST_VIEW_SETS` sets of open views.

The memory of buffers is given back as `DuckEngine.drop` empties them; only their names and columns stay.
"""

from __future__ import annotations

import re
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from almoner.engines.base import Join, Parameters, quote
from almoner.engines.statements import clash, names_read, seeing, unlisted, with_queries
from almoner.engines.values import Literals

ROWS_AT_ONCE = 1_000_000  # of an Arrow table's batch
MOST_PLANS = 4_000
MOST_VIEW_SETS = 100  # those of a sweep name a moment, so they are new each time
MOST_SEEN = 20_000

# The statement as it is run, the number of the open set of views, and how often a buffer's columns changed.
Key = tuple[str, int, int]

_OF_BYTES = pa.schema([("value", pa.binary())])
# A table with its schema: found without parsing, for statements that are new each time.
_OF_A_SCHEMA = re.compile(r'\b(?:FROM|JOIN)\s+(?:\w+|"[^"]*")\.')


class Buffer:
    """The rows behind one name; DuckDB reads them by the Arrow PyCapsule interface.

    `rows` is None while nothing is held; to read it then is an error (ValueError).
    """

    def __init__(self, schema: pa.Schema, types: Mapping[str, str]) -> None:
        self.schema = schema
        self.types = types  # as the engine calls them, by column; empty for rows from outside
        self.rows: pa.Table | None = None

    def __arrow_c_schema__(self) -> object:
        return self.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        if self.rows is None:
            raise ValueError("this table is not kept any more")
        return self.rows.__arrow_c_stream__(requested_schema)


class Prepared(NamedTuple):
    """What to run, and the buffers that it reads by a name that the catalogue does not know."""

    statement: str
    tables: Mapping[str, Buffer]


@dataclass(kw_only=True)
class PlanCache:
    """What the plans of all connections to one database read: buffers by name, and the open views."""

    buffers: dict[str, Buffer] = field(default_factory=dict)
    exchanged: int = 0  # how often a buffer got other columns, which makes older plans useless
    made: int = 0  # number of buffers that were made
    views: Mapping[str, str] = field(default_factory=dict)
    view_set: int = 0  # the number of the open view set
    repeats: bool = False  # whether statements are expected to be run again
    _seen: OrderedDict[Key, None] = field(default_factory=OrderedDict)
    _view_sets: OrderedDict[frozenset[tuple[str, str]], int] = field(default_factory=OrderedDict)
    _opened: int = 0
    _lock: Lock = field(default_factory=Lock)

    def open(self, views: Mapping[str, str]) -> None:
        """From now on bare names mean these views. The catalogue follows before the next statement."""
        self.views = dict(views)
        names = frozenset(views.items())
        if names not in self._view_sets:
            self._opened += 1  # a number is never used again, even when its set was dropped
            self._view_sets[names] = self._opened
            if len(self._view_sets) > MOST_VIEW_SETS:
                self._view_sets.popitem(last=False)
        self._view_sets.move_to_end(names)
        self.view_set = self._view_sets[names]

    def put(self, name: str, rows: pa.Table, types: Callable[[], Mapping[str, str]]) -> None:
        """Let `name` stand for `rows`; `types` gives DuckDB's types by column, and is asked for once."""
        with self._lock:  # both connections put
            buffer = self.buffers.get(name)
            if buffer is None or buffer.schema != rows.schema:
                self.exchanged += buffer is not None
                buffer = self.buffers[name] = Buffer(rows.schema, types())
                self.made += 1  # after the buffer, so that a reader of the number finds it
            buffer.rows = rows

    def all_buffers(self) -> dict[str, Buffer]:
        """The buffers by name, as they are now: another connection may add one meanwhile."""
        with self._lock:
            return dict(self.buffers)

    def clear(self) -> None:
        for name in self.all_buffers():
            self.empty(name)

    def was_seen(self, key: Key) -> bool:
        """Whether a statement was run before. Remembers that it was."""
        if key in self._seen:
            return True
        self._seen[key] = None
        if len(self._seen) > MOST_SEEN:
            self._seen.popitem(last=False)
        return False

    def empty(self, name: str) -> None:
        if name in self.buffers:
            self.buffers[name].rows = None


class Plans:
    """Runs the statements of one connection, keeping plans. Not shared between threads."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, cache: PlanCache) -> None:
        self._connection, self._cache = connection, cache
        self._defined: dict[str, str | Buffer] = {}  # views in the catalogue, open or not
        self._possibly_defined: set[str] = set()  # views that a rollback may have left
        self._view_set: int | None = None  # the set that the catalogue has now, if any
        self._buffers_seen = (
            -1
        )  # how many slots had been made when it was last looked which of them are not in the catalogue
        self._undefined: set[str] = set()  # those; the name of one without rows may be a table's
        self._rows_of: dict[str, str] = {}  # by buffer, a query for its rows in the engine's own types
        self._prepared: OrderedDict[Key, Prepared] = OrderedDict()
        self._not_cacheable: OrderedDict[Key, None] = OrderedDict()
        self._made = 0
        self._literals = Literals(connection)
        self._bytes: dict[str, Buffer] = {}
        self._registered: set[str] = set()  # names of those that are in the catalogue

    def define(self) -> None:
        """Define in the catalogue the buffers and views that were added or changed."""
        buffers = self._cache.buffers
        if self._buffers_seen != self._cache.made:
            self._buffers_seen = self._cache.made  # before the buffers, so that none made meanwhile is missed
            self._undefined = {
                name
                for name, buffer in self._cache.all_buffers().items()
                if self._defined.get(name) is not buffer
            }
        for name in [n for n in self._undefined if buffers[n].rows is not None]:
            self._define_buffer(name, buffers[name])
            self._undefined.discard(name)
        self.define_views()

    def define_views(self) -> None:
        """Define in the catalogue the open views that are not there, or there with another text."""
        if self._view_set == self._cache.view_set:
            return
        for name, select in self._cache.views.items():
            if self._defined.get(name) != select:
                self._connection.execute(f"CREATE OR REPLACE TEMP VIEW {quote(name)} AS {select}")
                self._defined[name] = select
        self._view_set = self._cache.view_set

    def drop(self, names: Iterable[str]) -> None:
        """Take views out of the catalogue, because tables need their names or nobody reads them."""
        for name in sorted((self._defined.keys() | self._possibly_defined) & set(names)):
            self._connection.execute(f"DROP VIEW IF EXISTS temp.{quote(name)}")
            self._defined.pop(name, None)
            self._possibly_defined.discard(name)
            self._view_set, self._buffers_seen = None, -1

    def lost(self) -> None:
        """A transaction was rolled back, and with it the views that were made in it. Which those were is
        not known, so all are defined anew when they are needed."""
        self._possibly_defined |= self._defined.keys()
        self._defined.clear()
        self._registered.clear()
        self._view_set, self._buffers_seen = None, -1

    def rows(self, sql: str, parameters: Parameters | None) -> list[tuple[Any, ...]]:
        """The rows of a query as tuples."""
        with self._ready(sql, parameters) as (statement, tables):
            rows: list[tuple[Any, ...]] = seeing(_fetch, tables)(self._connection, statement)
            return rows

    def arrow(self, sql: str, parameters: Parameters | None) -> pa.Table:
        """The rows of a query as an Arrow table."""
        with self._ready(sql, parameters) as (statement, tables):
            return seeing(as_arrow, tables)(self._connection, statement)

    @contextmanager
    def _ready(self, sql: str, parameters: Parameters | None) -> Iterator[Prepared]:
        """Gives the statement to run for `sql`; within the block the bytes that it reads are in place."""
        written, tables = self._literals.written(sql, parameters)
        for name, value in tables.items():
            self._put_bytes(name, value)
        try:
            yield self._planned(written)
        finally:
            for name in tables:
                self._bytes[name].rows = None

    def _put_bytes(self, name: str, value: bytes) -> None:
        """Let `name` stand for these bytes, in this connection only."""
        buffer = self._bytes.setdefault(name, Buffer(_OF_BYTES, {}))
        if name not in self._registered:
            self._connection.register(name, buffer)
            self._registered.add(name)
        buffer.rows = pa.table([[value]], _OF_BYTES)

    def _planned(self, written: str) -> Prepared:
        """The statement itself, or the EXECUTE of its plan. A plan is made when the statement is run for
        the second time, or for the first time where repetition is expected."""
        key = (written, self._cache.view_set, self._cache.exchanged)
        plan = self._prepared.get(key)
        if plan is None or not plan.tables:
            self.define()
        if plan is None:
            if not (self._cache.repeats or self._cache.was_seen(key)) or not self._is_cacheable(key):
                return Prepared(key[0], {})
            plan = self._prepare(key)
        self._prepared.move_to_end(key)
        return plan

    def materialize(self, name: str, sql: str, parameters: Parameters | None) -> int:
        """Compute `sql` and let `name` stand for its rows. Gives their number."""
        rows = self.arrow(sql, parameters)
        self._cache.put(name, rows, lambda: self._columns(self._literals.written(sql, parameters)[0]))
        return int(rows.num_rows)

    def append_rows(self, name: str, sql: str) -> int:
        """Compute `sql` and append its rows to those of `name`. Gives the number of new rows."""
        buffer = self._cache.buffers[name]
        if buffer.rows is None:
            raise ValueError("this table is not kept any more")
        rows = self.arrow(sql, None)
        buffer.rows = pa.concat_tables(
            [buffer.rows, rows.rename_columns(buffer.schema.names).cast(buffer.schema)]
        )
        return int(rows.num_rows)

    def materialize_join(self, name: str, select: str, tables: Sequence[Join]) -> None:
        """Let `name` stand for the rows of `select` joined with those of `tables`, which are buffers."""
        import pyarrow.compute as pc  # takes long to load, and most commands keep nothing so

        rows = self.arrow(select, None)
        columns = dict(zip(rows.column_names, rows.columns, strict=True))
        for t in tables:
            buffer = self._cache.buffers[t.table]
            if buffer.rows is None:
                raise ValueError("this table is not kept any more")
            places = pc.index_in(rows.column(t.on), value_set=buffer.rows.column(t.key)).combine_chunks()
            columns |= {new: buffer.rows.column(column).take(places) for column, new in t.columns.items()}
            columns |= {t.present: pc.is_valid(places)} if t.present else {}
        self._cache.put(name, pa.table(columns), lambda: self._joined_types(select, tables))

    def _joined_types(self, select: str, tables: Sequence[Join]) -> dict[str, str]:
        types = self._columns(select)
        for t in tables:
            theirs = self._cache.buffers[t.table].types
            types |= {new: theirs[column] for column, new in t.columns.items() if column in theirs}
        return types

    def _define_buffer(self, name: str, buffer: Buffer) -> None:
        """Make a view of a buffer. Types that Arrow does not know (HUGEINT, JSON) are cast back."""
        bare = f"bare {name}"
        self._connection.register(bare, buffer)
        listed = ", ".join(
            (
                f"CAST({quote(c)} AS {buffer.types[c]}) AS {quote(c)}"
                if buffer.types.get(c, kind) != kind
                else quote(c)
            )
            for c, kind in self._columns(f"SELECT * FROM {quote(bare)}").items()
        )
        self._connection.execute(
            f"CREATE OR REPLACE TEMP VIEW {quote(name)} AS SELECT {listed} FROM {quote(bare)}"
        )
        self._rows_of[name] = f"SELECT {listed} FROM {quote(unlisted(name))}"
        self._defined[name] = buffer
        self._view_set = None

    def _columns(self, sql: str) -> dict[str, str]:
        return {row[0]: row[1] for row in self._connection.execute(f"DESCRIBE {sql}").fetchall()}

    def _is_cacheable(self, key: Key) -> bool:
        """Whether a plan may be kept: not where a table is read, for DuckDB binds that anew each time."""
        if key in self._not_cacheable:
            return False
        if self._reads_buffers_only(key[0]):
            return True
        self._not_cacheable[key] = None
        if len(self._not_cacheable) > MOST_SEEN:
            self._not_cacheable.popitem(last=False)
        return False

    def _reads_buffers_only(self, sql: str) -> bool:
        if _OF_A_SCHEMA.search(sql):
            return False
        try:
            names = names_read(sql)
        except duckdb.Error:  # it binds joins with USING to tables without columns
            return False
        views, buffers = self._cache.views, self._cache.buffers
        return all(
            self._reads_buffers_only(views[n]) if n in views else n in buffers or n in self._bytes
            for n in names
        )

    def _prepare(self, key: Key) -> Prepared:
        """DuckDB binds anew at each run what reads a view of the catalogue, from 2.0.1 on. So views become
        queries of the statement itself, and buffers are found beside the catalogue."""
        self._made += 1
        name, sql, tables = f"plan_{self._made}", key[0], dict[str, Buffer]()
        queries = self._queries(sql)
        if not clash(queries, [sql, *queries.values()]):
            sql = with_queries(sql, queries)
            buffers = self._cache.buffers
            own = {n for n in queries if n not in self._cache.views}
            tables = {unlisted(n): self._bytes[n] if n in self._bytes else buffers[n] for n in own}
        seeing(_fetch, tables)(self._connection, f"PREPARE {name} AS {sql}")
        plan = self._prepared[key] = Prepared(f"EXECUTE {name}", tables)
        if len(self._prepared) > MOST_PLANS:
            _, old = self._prepared.popitem(last=False)
            self._connection.execute(old.statement.replace("EXECUTE", "DEALLOCATE", 1))
        return plan

    def _queries(self, sql: str) -> dict[str, str]:
        """What the views and buffers stand for that `sql` reads, each after those that it reads itself."""
        found: dict[str, str] = {}
        for name in sorted(names_read(sql)):
            view = self._cache.views.get(name)
            if view is not None:
                found |= {**self._queries(view), name: view}
            elif name in self._bytes:
                found[name] = f"SELECT * FROM {quote(unlisted(name))}"
            elif name in self._rows_of:
                found[name] = self._rows_of[name]
        return found


def _fetch(connection: duckdb.DuckDBPyConnection, statement: str) -> list[tuple[Any, ...]]:
    return connection.execute(statement).fetchall()


def as_arrow(connection: duckdb.DuckDBPyConnection, statement: str, *, directly: bool = True) -> pa.Table:
    """Run a statement; its rows as an Arrow table.

    DuckDB writes rows as Arrow `directly` for what it knows as a relation, and a plan is none: what
    `execute` gives is copied by a second statement, which takes a sixth of a round. The relations' own way
    to ask is private; where it is missing it is done without.
    """
    ask = getattr(connection, "_submit", None) if directly else None
    if ask is not None:
        return ask(statement, None, "arrow", ROWS_AT_ONCE).arrow_table()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Arrow output on a DB-API result")
        return connection.execute(statement).to_arrow_table()
