"""What the tests of the county read back from its files, of any shape."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet as pq
from stdnum.iso7064 import mod_11_2


def manifest(place: Path) -> list[dict[str, str]]:
    listed = json.loads((place / "deliveries" / "manifest.json").read_text(encoding="utf-8"))
    deliveries: list[dict[str, str]] = listed["deliveries"]
    return deliveries


def read(path: Path) -> list[dict[str, Any]]:
    """Rows of a delivered file of any shape; values of text files are text, and empty ones None."""
    if path.suffix == ".parquet":
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
        return rows
    if path.suffix == ".gz":
        return [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode().splitlines()]
    if path.suffix == ".xlsx":
        book = openpyxl.load_workbook(io.BytesIO(path.read_bytes()))
        header, *lines = book.active.iter_rows(values_only=True)
        return [dict(zip(header, line, strict=True)) for line in lines]
    return [
        {name: value or None for name, value in row.items()}
        for row in csv.DictReader(io.StringIO(text(path)))
    ]


def text(path: Path) -> str:
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("gb18030")


def rows_of(place: Path, feed: str, contains: str = "") -> list[dict[str, Any]]:
    files = [
        entry["file"] for entry in manifest(place) if entry["feed"] == feed and contains in entry["file"]
    ]
    return [row for file in files for row in read(place / "deliveries" / file)]


def is_number(text: str) -> bool:
    """Whether it has the length and the check digit of a resident number."""
    return len(text) == 18 and mod_11_2.is_valid(text)
