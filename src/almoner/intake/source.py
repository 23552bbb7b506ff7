"""Open a file as bytes: its fingerprint, its kind, and the stream of its content."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from almoner.errors import DeliveryRefused
from almoner.intake import limits, signatures

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

KINDS = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "csv",
    ".xlsx": "xlsx",
    ".parquet": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
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
        other = signatures.OTHER_NAMES.get(name.suffix.lower())
        if other:
            raise DeliveryRefused(f"{path.name} is, by its name, {other}")
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
        if not packed:
            raise
        raise DeliveryRefused(
            f"{path.name}: the gzip archive is truncated or damaged. Deliver the file again."
        ) from None


class _Bounded(io.RawIOBase):
    """An unpacked stream that ends with a refusal where the file becomes larger than a text can be."""

    def __init__(self, path: Path, stream: IO[bytes]) -> None:
        self._path, self._stream, self._read = path, stream, 0
        times = path.stat().st_size * limits.MOST_UNPACKED_TIMES
        self._most = min(limits.MOST_UNPACKED_BYTES, max(times, limits.UNPACKED_ANYWAY_BYTES))

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._read = self._stream.seek(offset, whence)
        return self._read

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        data = self._stream.read(len(view))
        view[: len(data)] = data
        self._read += len(data)
        if self._read > self._most:
            raise DeliveryRefused(
                f"{self._path.name} unpacks to more than {self._most // limits.MIB:,} MB. Deliver several"
                f" smaller"
                " files."
            )
        return len(data)


def bounded(path: Path, stream: IO[bytes]) -> IO[bytes]:
    """The stream of a text.

    Reading it raises DeliveryRefused where it unpacks to more than `limits` allow.
    """
    if path.suffix.lower() != ".gz":
        return stream
    return io.BufferedReader(_Bounded(path, stream), 1024 * 1024)


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


def refuse_disguise(path: Path, stream: IO[bytes], expected: str, *, wide: bool = False) -> None:
    """Refuse an empty file, and one whose first bytes belong to another kind than its name. Rewinds.

    `wide`: the contract says that the text is in UTF-16.
    """
    start = stream.read(4)
    stream.seek(0)
    if not start:
        raise DeliveryRefused(f"{path.name} is empty. Deliver at least a header.")
    found = signatures.disguise(stream, expected)
    if found:
        raise DeliveryRefused(f"{path.name} is {found}")
    if start[:2] in _WIDE and not wide:
        raise DeliveryRefused(f"{path.name} is encoded in UTF-16. Save it as UTF-8.")
