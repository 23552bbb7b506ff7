"""Write tables as departments' files, byte for byte the same each time."""

from __future__ import annotations

import gzip
import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from openpyxl import Workbook
from pyarrow import csv

Shape = Literal["csv", "csv-bom", "csv-gb18030", "xlsx", "jsonl.gz", "parquet"]
SUFFIX: dict[Shape, str] = {
    "csv": ".csv",
    "csv-bom": ".csv",
    "csv-gb18030": ".csv",
    "xlsx": ".xlsx",
    "jsonl.gz": ".jsonl.gz",
    "parquet": ".parquet",
}
_ENCODING = {"csv": "utf-8", "csv-bom": "utf-8-sig", "csv-gb18030": "gb18030"}
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the first time that a zip archive can hold
_ROWS_A_GROUP = 400_000


def write(tables: Iterable[pa.Table], path: Path, shape: Shape) -> int:
    """Write the tables one after another into one file, and return the number of rows."""
    if shape == "parquet":
        return _write_parquet(tables, path)
    table = pa.concat_tables(list(tables))
    if shape == "xlsx":
        _write_workbook(table, path)
    elif shape == "jsonl.gz":
        _write_json_lines(table, path)
    else:
        _write_csv(table, path, _ENCODING[shape])
    return len(table)


def _write_parquet(tables: Iterable[pa.Table], path: Path) -> int:
    rows, writer = 0, None
    for table in _grouped(tables):
        writer = writer or pq.ParquetWriter(
            path, table.schema, compression="zstd", compression_level=1, use_dictionary=_repeating(table)
        )
        writer.write_table(table)
        rows += len(table)
    if writer is not None:
        writer.close()
    return rows


def _grouped(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Join the tables of months until they are large enough for a row group."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(map(len, waiting)) >= _ROWS_A_GROUP:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def _repeating(table: pa.Table) -> list[str]:
    """The columns with few values. A dictionary of the others would only cost time."""
    unique = {"resident_no", "settlement_no", "payment_no", "address", "phone", "household_no", "name"}
    return [name for name in table.column_names if name not in unique]


def _write_csv(table: pa.Table, path: Path, encoding: str) -> None:
    buffer = io.BytesIO()
    csv.write_csv(_months_as_text(table), buffer)
    text = buffer.getvalue()
    path.write_bytes(text if encoding == "utf-8" else text.decode("utf-8").encode(encoding))


def _months_as_text(table: pa.Table) -> pa.Table:
    if "month" not in table.column_names or not pa.types.is_date(table.schema.field("month").type):
        return table
    months = pc.utf8_slice_codeunits(table["month"].cast(pa.string()), 0, 7)
    return table.set_column(table.schema.get_field_index("month"), "month", months)


def _write_json_lines(table: pa.Table, path: Path) -> None:
    with path.open("wb") as plain, gzip.GzipFile("", "wb", 6, plain, mtime=0) as packed:
        for batch in table.to_batches(65_536):
            lines = (json.dumps(row, default=str, ensure_ascii=False) for row in batch.to_pylist())
            packed.write("".join(f"{line}\n" for line in lines).encode())


def _write_workbook(table: pa.Table, path: Path) -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Sheet1")
    sheet.append(table.column_names)
    for batch in _months_as_text(table).to_batches():
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            sheet.append(row)
    book.properties.created = datetime(*_LONG_AGO)
    buffer = io.BytesIO()
    book.save(buffer)
    path.write_bytes(_without_times(buffer))


def _without_times(archive: io.BytesIO) -> bytes:
    """The same archive without the time at which it was made."""
    still = io.BytesIO()
    with zipfile.ZipFile(archive) as moving, zipfile.ZipFile(still, "w", zipfile.ZIP_DEFLATED) as packed:
        for entry in moving.infolist():
            content = re.sub(
                rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>1980-01-01T00:00:00Z", moving.read(entry)
            )
            packed.writestr(zipfile.ZipInfo(entry.filename, _LONG_AGO), content, zipfile.ZIP_DEFLATED)
    return still.getvalue()
