"""How the value of a parameter gets into a statement whose plan is kept.

DuckDB takes no parameters where a prepared plan is run (`EXECUTE`), so numbers, texts and dates are written
into the statement. Bytes may be a key. They never become text, which errors quote and the catalogue of
prepared plans lists: the statement reads them from a table of one row that is exchanged before each run.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

import duckdb

from almoner.engines.base import Parameters, quote

MOST_LITERALS = 20_000  # whose text is remembered

_PARAMETER = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|\$\$.*?\$\$|\$(?P<name>[A-Za-z_]\w*)", re.DOTALL
)
_PLAIN = (bool, int, float, str, dt.date, dt.time, dt.timedelta, Decimal, UUID)  # a datetime is a date too
_BYTES = (bytes, bytearray, memoryview)


class Literals:
    """Writes plain values into statements, each as a literal of the type that it would have as a parameter.

    Remembers the texts of at most `MOST_LITERALS` values, for as long as the connection is open.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._texts: dict[tuple[type, Any], str] = {}

    def written(self, sql: str, parameters: Parameters | None) -> tuple[str, dict[str, bytes]]:
        """`sql` without parameters, and by table name the bytes that it reads (`table_of_bytes`). Raises
        TypeError as `bindable`."""
        texts, tables = {}, {}
        for name, value in (bindable(parameters) or {}).items():
            if isinstance(value, _BYTES):
                tables[table_of_bytes(name)] = value if isinstance(value, bytes) else bytes(value)
                texts[name] = f"(SELECT value FROM {quote(table_of_bytes(name))})"
            else:
                texts[name] = self._text(value)
        return _PARAMETER.sub(lambda found: _replaced(found, texts), sql), tables

    def _text(self, value: Any) -> str:
        if value is None:
            return "NULL"
        key = None if isinstance(value, list | tuple) else (type(value), value)
        if key in self._texts:
            return self._texts[key]
        found = self._connection.execute(
            "SELECT $value::VARCHAR, typeof($value)", {"value": value}
        ).fetchall()
        text, kind = found[0]
        literal = f"CAST('{text.replace(chr(39), chr(39) * 2)}' AS {kind})"
        if key and len(self._texts) < MOST_LITERALS:
            self._texts[key] = literal
        return literal


def bindable(parameters: Parameters | None) -> dict[str, Any] | None:
    """The parameters of a statement; None when there is none.

    Raises TypeError for a value that is no number, text, date, UUID, bytes or list of such but bytes: it
    could not be given to a kept plan. The error names the parameter and the type, never the value.
    """
    for name, value in (parameters or {}).items():
        odd = None if isinstance(value, _BYTES) else _odd(value)
        if odd:
            raise TypeError(
                f"The parameter ${name} is or holds a value of type {odd}, which a kept plan cannot be given."
                " Give numbers, texts, dates, or bytes by themselves; offer anything else as a table."
            )
    return dict(parameters) if parameters else None


def _odd(value: Any) -> str | None:
    """The name of the first type in a value that cannot be written as a literal."""
    if isinstance(value, list | tuple):
        return next((odd for odd in map(_odd, value) if odd), None)
    return None if value is None or isinstance(value, _PLAIN) else type(value).__name__


def table_of_bytes(parameter: str) -> str:
    """The table of one row and one column, `value`, that stands for a parameter's bytes."""
    return f"bytes of {parameter}"


def _replaced(found: re.Match[str], texts: Mapping[str, str]) -> str:
    return texts[found["name"]] if found["name"] else found[0]
