"""Hashes that DuckDB lacks, as functions of its SQL."""

from __future__ import annotations

import duckdb
import pyarrow as pa
from cryptography.hazmat.primitives.hashes import SM3, Hash
from duckdb.func import PythonUDFType


def register(connection: duckdb.DuckDBPyConnection) -> None:
    """Add `sm3(BLOB)`, which gives 32 bytes, to all connections of the database. A pack cannot call it."""
    connection.create_function("sm3", _sm3, ["BLOB"], "BLOB", type=PythonUDFType.ARROW)


def _sm3(column: pa.ChunkedArray) -> pa.Array:
    return pa.array((None if data is None else sm3(data) for data in column.to_pylist()), pa.binary())


def sm3(data: bytes) -> bytes:
    """The SM3 hash (GB/T 32905), 32 bytes."""
    digest = Hash(SM3())
    digest.update(data)
    return digest.finalize()
