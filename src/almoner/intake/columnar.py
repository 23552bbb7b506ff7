"""Read Parquet files; typed columns keep their types."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from almoner.errors import DeliveryRefused
from almoner.intake import headers
from almoner.intake.slices import COLUMN_ROWS, LINE, Reading, Slice
from almoner.policy.model.feeds import Feed, Property

PART_ROWS = 122_880  # rows; the engine's threads take a part each


def read(path: Path, stream: IO[bytes], feed: Feed, advance: Callable[[int], None]) -> Reading:
    """Open a Parquet file. Raises DeliveryRefused for another kind of file, or a column of a wrong type."""
    try:
        file = pq.ParquetFile(stream)
        schema = file.schema_arrow
    except (pa.ArrowException, OSError):
        raise _damaged(path) from None
    header = headers.match(feed, schema.names)
    for position, prop in header.columns:
        _refuse_type(prop, schema.field(position).type)
    return Reading(path, _slices(path, file, header, advance), list(header.unknown))


def _slices(
    path: Path, file: pq.ParquetFile, header: headers.Header, advance: Callable[[int], None]
) -> Iterator[Slice]:
    names = [file.schema_arrow.names[position] for position, _ in header.columns]
    line = 1
    try:
        for batch in file.iter_batches(COLUMN_ROWS, columns=names):
            columns = [_plain(batch.column(name)) for name in names]
            lines = pa.array(range(line, line + batch.num_rows), pa.int64())
            whole = pa.RecordBatch.from_arrays([lines, *columns], names=[LINE, *header.names])
            parts = [whole.slice(start, PART_ROWS) for start in range(0, max(batch.num_rows, 1), PART_ROWS)]
            yield Slice(pa.Table.from_batches(parts))
            line += batch.num_rows
            advance(batch.num_rows)
    except (pa.ArrowException, OSError):
        raise _damaged(path) from None


def _plain(column: pa.Array) -> pa.Array:
    """Dictionaries and other text types as plain text."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    return column.cast(pa.string()) if _is_text(kind) and column.type != pa.string() else column


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type is read as text cells."""
    return _is_text(kind.value_type if pa.types.is_dictionary(kind) else kind)


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_null(kind)
    )


def _refuse_type(prop: Property, kind: pa.DataType) -> None:
    if is_text(kind) or _fits(prop, kind):
        return
    raise DeliveryRefused(
        f"Column {prop.name} has the type {kind} in the file; the contract says {prop.type}. Deliver it as "
        f"{prop.type} or as text."
    )


def _fits(prop: Property, kind: pa.DataType) -> bool:
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    match prop.type:
        case "integer" | "number":
            return bool(number)
        case "date":
            return bool(pa.types.is_date(kind) or _is_local_timestamp(kind))
        case "timestamp":
            return _is_local_timestamp(kind) or bool(pa.types.is_date(kind))
        case "boolean":
            return bool(pa.types.is_boolean(kind))
        case _:
            return bool(pa.types.is_integer(kind))


def _is_local_timestamp(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind)) and kind.tz is None


def _damaged(path: Path) -> DeliveryRefused:
    return DeliveryRefused(
        f"{path.name} is not a readable Parquet file: truncated, damaged or of another kind. Deliver "
        "it again."
    )
