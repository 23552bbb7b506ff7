"""Look into a workbook's archive before it is read.

Is it one, how large does it become, what is merged in it.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from almoner.errors import DeliveryRefused
from almoner.intake import limits, signatures

_AES = 99  # the ZIP method that stands for encrypted with AES
_STRICT = b"purl.oclc.org/ooxml"
_BOOK, _TYPES = "xl/workbook.xml", "[Content_Types].xml"
_MERGED = re.compile(
    rb"<(?:\w+:)?mergeCell\s[^>]*?\bref=[\"']([A-Z]{1,3})([0-9]{1,7}):([A-Z]{1,3})([0-9]{1,7})[\"']"
)
_CHUNK_BYTES = 4 * 1024 * 1024
_LONGEST_TAG = 256  # bytes, of a merged range


@dataclass(frozen=True)
class Range:
    """Merged cells. Rows count from 1, columns from 0."""

    first_row: int
    last_row: int
    first_column: int
    last_column: int


def refuse_unreadable(path: Path, stream: IO[bytes]) -> None:
    """Refuse what is no workbook, or none that can be read, and say what it is. Rewinds the stream."""
    try:
        archive = zipfile.ZipFile(stream)
        entries = archive.infolist()
    except Exception:  # noqa: BLE001 - whatever a damaged archive leads to
        raise unreadable(path) from None
    names = {entry.filename for entry in entries}
    if any(entry.compress_type == _AES or entry.flag_bits & 1 for entry in entries):
        raise DeliveryRefused(
            f"{path.name} is protected by a password (its entries are encrypted). Take the password off,"
            f" and save it"
            " again as .xlsx."
        )
    if _TYPES not in names or not any(name.startswith("xl/") for name in names) or "xl/workbook.bin" in names:
        raise DeliveryRefused(f"{path.name} is {signatures.archive(stream)}")
    _refuse_large(path, entries)
    if _BOOK in names and _STRICT in _start(path, archive, _BOOK):
        raise DeliveryRefused(
            f'{path.name} is a workbook in the form "Strict Open XML". Save it as .xlsx ("Excel Workbook").'
        )
    stream.seek(0)


def unreadable(path: Path) -> DeliveryRefused:
    """The refusal of a workbook that is damaged."""
    return DeliveryRefused(
        f"{path.name} is not a readable .xlsx workbook: it is damaged or of another kind. Save it again as"
        f" .xlsx or"
        " .csv."
    )


def _refuse_large(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > limits.MOST_PARTS:
        raise DeliveryRefused(f"{path.name} has {len(entries):,} parts. Save it again as .xlsx or .csv.")
    sheets = sum(entry.file_size for entry in entries if _is_sheet(entry.filename))
    others = sum(entry.file_size for entry in entries if not _is_media(entry.filename)) - sheets
    for size, most, what in (
        (sheets, limits.MOST_SHEET_BYTES, "its sheets"),
        (others, limits.MOST_STRINGS_BYTES, "its texts and formats"),
    ):
        if size > most:
            raise DeliveryRefused(
                f"{path.name} is too large: {what} unpack to {size // limits.MIB:,} MB, and"
                f" {most // limits.MIB:,} MB"
                " can be read. Deliver several files, or CSV."
            )


def _is_sheet(name: str) -> bool:
    return name.startswith("xl/worksheets/") and name.endswith(".xml")


def _is_media(name: str) -> bool:
    return name.startswith(("xl/media/", "xl/embeddings/"))


def _start(path: Path, archive: zipfile.ZipFile, name: str) -> bytes:
    try:
        with archive.open(name) as file:
            return file.read(65_536)
    except Exception:  # noqa: BLE001 - whatever a damaged archive leads to
        raise unreadable(path) from None


def merged(stream: IO[bytes], part: str) -> list[Range]:
    """The merged ranges of a sheet, by their first row. The stream is not rewound."""
    found: list[Range] = []
    with zipfile.ZipFile(stream) as archive, archive.open(part) as sheet:
        for text in _overlapping(sheet):
            found += (
                Range(int(top), int(bottom), _column(left), _column(right))
                for left, top, right, bottom in _MERGED.findall(text)
            )
            if len(found) > limits.MOST_MERGED:
                raise DeliveryRefused(
                    f"A sheet has more than {limits.MOST_MERGED:,} merged ranges. Unmerge them."
                )
    return sorted(set(found), key=lambda r: r.first_row)


def _overlapping(sheet: IO[bytes]) -> Iterator[bytes]:
    """The text in chunks; each begins with the end of the one before. Ranges may come twice."""
    before = b""
    while chunk := sheet.read(_CHUNK_BYTES):
        yield before + chunk
        before = chunk[-_LONGEST_TAG:]


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


class MergedRows:
    """Says of rows, which come in order, whether one of some columns is merged with another row or column."""

    def __init__(self, ranges: list[Range], columns: list[int]) -> None:
        wanted = set(columns)
        self._ahead = [
            r for r in reversed(ranges) if any(r.first_column <= c <= r.last_column for c in wanted)
        ]
        self._open: list[Range] = []

    def touch(self, row: int) -> bool:
        while self._ahead and self._ahead[-1].first_row <= row:
            self._open.append(self._ahead.pop())
        if self._open:
            self._open = [r for r in self._open if r.last_row >= row]
        return bool(self._open)
