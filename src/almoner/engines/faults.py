"""What an error of DuckDB may say outside the engine.

DuckDB quotes in its errors the statement, with the literals in it, and the value of the row that it failed
on. Such texts reach terminals, logs and status files, and a value may be a name or an identity number. So an
error that leaves the engine says which kind it is, which names and types it is about and in which line of
the statement it arose, but quotes neither statement nor value.
"""

from __future__ import annotations

import re
from types import TracebackType

import duckdb
import pyarrow as pa

from almoner.errors import EngineError

# Names are quoted "so", literals 'so'. Any error of another kind is about rows, or may be.
_ABOUT_NAMES = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ParserException,
    duckdb.SyntaxException,
    duckdb.NotImplementedException,
    duckdb.IOException,
    duckdb.OutOfMemoryException,
    duckdb.PermissionException,
    duckdb.InterruptException,
    duckdb.ConnectionException,
)
# What is quoted "so" may be a key that is there already; else they say why nothing could be written.
_ABOUT_WRITING = (duckdb.TransactionException, duckdb.FatalException)
_LEFT_OUT = "what it was about is left out, because it may be a value of a record"
_LITERAL = re.compile(r"'(?:[^']|'')*('|\Z)", re.DOTALL)
_QUOTED = re.compile(rf'{_LITERAL.pattern}|"[^"]*("|\Z)', re.DOTALL)
_KIND = re.compile(r"[A-Z][A-Za-z ]{2,40} Error(?=:)")
_LINE = re.compile(r"^LINE (\d+):", re.MULTILINE)
_TYPE = re.compile(r"\b(?:to|type|into) (?:type )?([A-Z][A-Z0-9_]*(?:\(\d+, ?\d+\))?)(?![\w'\"])")


class RaisedFor:
    """Within the block an error of DuckDB or Arrow becomes an EngineError about `sql`.

    The new error has no cause, and no frame of its traceback holds the old one, whose text a log with local
    variables would show. `quoting`: with everything that DuckDB says, for an engine that holds no records.
    """

    def __init__(self, sql: str, *, quoting: bool) -> None:
        self._sql, self._quoting = sql, quoting

    def __enter__(self) -> None:
        """Nothing is to be prepared."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, duckdb.Error | pa.ArrowInvalid):
            failed = EngineError(str(error) if self._quoting else without_values(error), self._sql)
            del error, trace
            raise failed from None


def without_values(error: Exception) -> str:
    """The text of an error of DuckDB or Arrow without literals, values of rows and the quoted statement."""
    text = str(error)
    line = _LINE.search(text)
    if isinstance(error, (*_ABOUT_NAMES, *_ABOUT_WRITING)):
        quoted = _LITERAL if isinstance(error, _ABOUT_NAMES) else _QUOTED
        said = quoted.sub("'…'", text[: line.start()] if line else text).strip()
    else:
        kind, types = _KIND.match(text), _TYPE.findall(text.partition("\n\nLINE ")[0])
        said = f"{kind[0] if kind else type(error).__name__}: {_LEFT_OUT}"
        said += f" (type {types[-1]})." if types else "."
    return f"{said}\n\nLINE {line[1]}: of the statement" if line else said
