"""Open a file as bytes: its fingerprint, its kind, and the stream of its content."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from almoner.errors import DeliveryRefused

KINDS = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "csv",
    ".xlsx": "xlsx",
    ".parquet": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
_SIGNATURES = {
    b"PAR1": ("parquet", "a Parquet file"),
    b"PK\x03\x04": ("xlsx", "a ZIP or .xlsx file"),
    b"\xd0\xcf\x11\xe0": ("xls", "an old .xls workbook"),
    b"\x1f\x8b": ("gz", "compressed by gzip"),
    b"%PDF": ("pdf", "a PDF"),
}
_WIDE = (b"\xff\xfe", b"\xfe\xff")
LARGEST_IN_MEMORY_BYTES = 512 * 1024 * 1024  # of a compressed file whose kind needs random access


def fingerprint(path: Path) -> str:
    """SHA-256 of the file's bytes. Raises DeliveryRefused when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DeliveryRefused(f"{path.name} cannot be read: {error.strerror}.") from None


def kind(path: Path) -> str:
    """csv, xlsx, parquet or jsonl, by the file's name, which may end in `.gz`."""
    name = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    found = KINDS.get(name.suffix.lower())
    if found is None:
        raise DeliveryRefused(
            f"{path.name}: unknown kind of file. Deliver .csv, .xlsx, .parquet or .jsonl, plain or .gz."
        )
    return found


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The content, unpacked where the name ends in `.gz`. Raises DeliveryRefused for a damaged archive."""
    packed = path.suffix.lower() == ".gz"
    try:
        with gzip.open(path, "rb") if packed else path.open("rb") as file:
            yield file  # type: ignore[misc]
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise DeliveryRefused(
            f"{path.name}: the gzip archive is truncated or damaged. Deliver the file again."
        ) from None


def in_memory(path: Path, stream: IO[bytes]) -> IO[bytes]:
    """A stream with random access, without a copy of the content on disk."""
    if path.suffix.lower() != ".gz":
        return stream
    data = stream.read(LARGEST_IN_MEMORY_BYTES + 1)
    if len(data) > LARGEST_IN_MEMORY_BYTES:
        raise DeliveryRefused(
            f"{path.name} is too large to unpack. Deliver it without gzip (the format is packed inside)."
        )
    return io.BytesIO(data)


def refuse_disguise(path: Path, stream: IO[bytes], expected: str) -> None:
    """Refuse an empty file, and one whose first bytes belong to another kind than its name. Rewinds."""
    start = stream.read(4)
    stream.seek(0)
    if not start:
        raise DeliveryRefused(f"{path.name} is empty. Deliver at least a header.")
    for signature, (found, words) in _SIGNATURES.items():
        if start.startswith(signature) and found != expected:
            raise DeliveryRefused(f"{path.name} is {words}, not what its name says. Rename or save it again.")
    if start[:2] in _WIDE:
        raise DeliveryRefused(f"{path.name} is encoded in UTF-16. Save it as UTF-8.")
