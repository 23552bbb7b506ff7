"""Read Parquet files; typed columns keep their types."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from almoner.errors import DeliveryRefused
from almoner.intake import headers, limits
from almoner.intake.faults import Broken
from almoner.intake.slices import COLUMN_ROWS, LINE, Reading, Slice
from almoner.policy.model.feeds import Feed, Property

PART_ROWS = 122_880  # rows; the engine's threads take a part each
_BYTES_AT_ONCE = 256 * limits.MIB  # of a slice


def read(path: Path, stream: IO[bytes], feed: Feed, advance: Callable[[int], None]) -> Reading:
    """Open a Parquet file. Raises DeliveryRefused for another kind of file, or a column of a wrong type."""
    try:
        file = pq.ParquetFile(stream)
        schema = file.schema_arrow
        names, rows, size = schema.names, file.metadata.num_rows, _size(file)
    except UnicodeDecodeError:
        raise DeliveryRefused(
            f"{path.name} has names of columns that are not UTF-8. Write the file with the contract's names."
        ) from None
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - whatever the library raises
        raise _damaged(path) from None
    limits.refuse_columns(path.name, len(names))
    limits.refuse_rows(path.name, rows)
    header = headers.match(feed, names)
    for position, prop in header.columns:
        _refuse_type(prop, schema.field(position).type)
    at_once = max(1_000, min(COLUMN_ROWS, _BYTES_AT_ONCE * max(rows, 1) // max(size, 1)))
    return Reading(path, _slices(path, file, header, at_once, advance), list(header.unknown))


def _size(file: pq.ParquetFile) -> int:
    """Bytes of all columns, unpacked, as the file says."""
    groups = range(file.metadata.num_row_groups)
    return sum(max(file.metadata.row_group(n).total_byte_size, 0) for n in groups)


def _slices(
    path: Path, file: pq.ParquetFile, header: headers.Header, at_once: int, advance: Callable[[int], None]
) -> Iterator[Slice]:
    positions = [position for position, _ in header.columns]
    names = [file.schema_arrow.names[position] for position in positions]
    line = 1
    try:
        for batch in file.iter_batches(at_once, columns=names):
            columns = [_plain(batch.column(name)) for name in names]
            lines = pa.array(range(line, line + batch.num_rows), pa.int64())
            whole = pa.RecordBatch.from_arrays([lines, *columns], names=[LINE, *header.names])
            whole, broken = _without_undecodable(whole)
            parts = [whole.slice(start, PART_ROWS) for start in range(0, max(whole.num_rows, 1), PART_ROWS)]
            yield Slice(pa.Table.from_batches(parts), tuple(broken))
            line += batch.num_rows
            limits.refuse_rows(path.name, line)
            advance(batch.num_rows)
    except (DeliveryRefused, MemoryError, GeneratorExit):
        raise
    except Exception:  # noqa: BLE001 - whatever the library raises
        raise _damaged(path) from None


def _without_undecodable(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, list[Broken]]:
    """The batch without rows whose text is not UTF-8: the engine ends at them."""
    try:
        batch.validate(full=True)
    except pa.ArrowInvalid:
        pass
    else:
        return batch, []
    texts = [n for n, field in enumerate(batch.schema) if pa.types.is_string(field.type)]
    plain = {n: batch.column(n).cast(pa.binary()).to_pylist() for n in texts}
    wrong = {
        row for row in range(batch.num_rows) if any(not _decodes(values[row]) for values in plain.values())
    }
    others = [n for n in range(1, batch.num_columns) if n not in plain]
    broken = []
    for row in sorted(wrong):
        cells = {batch.schema.names[n]: _readable(values[row]) for n, values in plain.items()}
        cells |= {batch.schema.names[n]: str(batch.column(n)[row].as_py()) for n in others}
        line = batch.column(0)[row].as_py()
        broken.append(Broken(line, "encoding", json.dumps(cells, ensure_ascii=True)))
    kept = batch.filter(pa.array([row not in wrong for row in range(batch.num_rows)]))
    kept.validate(full=True)
    return kept, broken


def _decodes(value: bytes | None) -> bool:
    try:
        return value is None or value.decode() is not None
    except UnicodeDecodeError:
        return False


def _readable(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "surrogateescape")


def _plain(column: pa.Array) -> pa.Array:
    """Dictionaries and other text types as plain text, and numbers of rare widths as common ones."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if _is_text(kind):
        return column.cast(pa.string()) if column.type != pa.string() else column
    if column.type != kind:
        column = column.cast(kind)
    if pa.types.is_float16(kind):
        return column.cast(pa.float32())
    if pa.types.is_decimal(kind) and kind.bit_width != 128:
        return column.cast(pa.decimal128(38, kind.scale) if 0 <= kind.scale <= 38 else pa.float64())
    if pa.types.is_timestamp(kind) and kind.unit in ("s", "ms"):
        return column.cast(pa.timestamp("us"))  # the engine would stop at those that are too far away
    return column


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
        f"Column {prop.name} has the type {str(kind)[:80]} in the file; the contract says {prop.type}."
        f" Deliver it"
        f" as {prop.type} or as text."
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
