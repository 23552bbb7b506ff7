"""Read workbooks and Parquet in a process of their own.

Their libraries are large, partly in C, and unpack what others have packed. Whatever a file leads to there,
be it an endless loop, no memory or a crash, ends that process only, and the file is refused. The process is
kept for the next file. Rows come back in Arrow's stream format; all else as JSON, so that the process
cannot make this one run anything.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import pickle
import select
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from time import monotonic
from typing import IO, Any

import pyarrow as pa

from almoner.errors import DeliveryRefused
from almoner.intake import limits
from almoner.intake.faults import Broken
from almoner.intake.slices import Reading, Slice
from almoner.policy.model.feeds import Feed

HEAD, BROKEN, TABLE, END, REFUSED, FAILED, NO_MEMORY = b"H", b"B", b"T", b"E", b"R", b"F", b"M"
FRAME = struct.Struct("<cQ")  # what a message is, and how many bytes it has
_MOST_BYTES = 2 * limits.READER_MEMORY_BYTES  # of a message
_log = logging.getLogger(__name__)


class _Ended(Exception):  # noqa: N818 - a state
    """The process has ended, or says nothing."""


class _Reader:
    """One such process."""

    def __init__(self) -> None:
        # Arrow's own allocators reserve address space that is never used.
        env = os.environ | {"ARROW_DEFAULT_MEMORY_POOL": "system", "OPENBLAS_NUM_THREADS": "1"}
        words = [sys.executable, "-m", "almoner.intake.reader_child"]
        self._process = Popen(  # noqa: S603 - our own
            words, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, bufsize=0, env=env
        )
        assert self._process.stdin is not None  # noqa: S101 - they are pipes
        assert self._process.stdout is not None  # noqa: S101
        self._to, self._from = self._process.stdin, self._process.stdout
        self.owner = os.getpid()

    def ask(self, path: Path, kind: str, feed: Feed) -> None:
        try:
            data = pickle.dumps((str(path.absolute()), kind, feed))
            self._to.write(struct.pack("<Q", len(data)) + data)
        except OSError:
            raise _Ended from None

    def receive(self) -> tuple[bytes, memoryview]:
        what, size = FRAME.unpack(self._exactly(FRAME.size))
        if size > _MOST_BYTES:
            raise _Ended
        return what, self._exactly(size)

    def _exactly(self, size: int) -> memoryview:
        data = memoryview(bytearray(size))
        done, end = 0, monotonic() + limits.READER_SILENT_SECONDS
        while done < size:
            if not select.select([self._from], [], [], max(end - monotonic(), 0))[0]:
                raise _Ended
            count = self._from.readinto(data[done:])  # type: ignore[attr-defined]
            if not count:
                raise _Ended
            done += count
        return data

    def end(self) -> None:
        """Kill the process. One that this process has inherited from its parent is only let go."""
        for pipe in (self._to, self._from):
            pipe.close()
        if self.owner == os.getpid():
            self._process.kill()
            self._process.wait()
        else:
            self._process.returncode = 0  # another process waits for it


_idle: list[_Reader] = []
_lock = threading.Lock()


def _take() -> _Reader:
    with _lock:
        while _idle:
            reader = _idle.pop()
            if reader.owner == os.getpid() and reader._process.poll() is None:
                return reader
            reader.end()
    return _Reader()


def end_all() -> None:
    """End the processes that wait for a file."""
    with _lock:
        while _idle:
            _idle.pop().end()


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()
    end_all()


atexit.register(end_all)
os.register_at_fork(after_in_child=_after_fork)


@contextmanager
def read_apart(path: Path, kind: str, feed: Feed, advance: Callable[[int], None]) -> Iterator[Reading]:
    """The delivery in `path`, to be read within the block.

    Raises DeliveryRefused, also midway, whatever happens in the other process.
    """
    reader = _take()
    reusable = False
    messages = _Messages(path, reader)
    try:
        reader_asked(reader, path, kind, feed)
        reading = messages.open()
        reading.slices = messages.slices(advance)
        yield reading
        reusable = messages.finished and messages.memory_bytes <= limits.READER_KEPT_BYTES
    except DeliveryRefused:
        reusable = messages.finished and messages.memory_bytes <= limits.READER_KEPT_BYTES
        raise
    finally:
        if reusable:
            with _lock:
                _idle.append(reader)
        else:
            reader.end()


def reader_asked(reader: _Reader, path: Path, kind: str, feed: Feed) -> None:
    """Ask the reader for a file. Raises DeliveryRefused when it does not even take the question."""
    try:
        reader.ask(path, kind, feed)
    except _Ended:
        raise _ended(path) from None


class _Messages:
    """The messages about one file. `finished`: the last one came, so that the process can be asked again."""

    def __init__(self, path: Path, reader: _Reader) -> None:
        self._path, self._reader = path, reader
        self.finished, self.memory_bytes = False, 0

    def open(self) -> Reading:
        what, data = self._next()
        if what != HEAD:
            raise _ended(self._path)
        head = json.loads(bytes(data))
        return Reading(
            self._path, iter(()), unknown_columns=head["unknown"], unread=head["unread"], notes=head["notes"]
        )

    def slices(self, advance: Callable[[int], None]) -> Iterator[Slice]:
        broken: tuple[Broken, ...] = ()
        while True:
            what, data = self._next()
            if what == END:
                return
            if what == BROKEN:
                broken = tuple(Broken(**row) for row in json.loads(bytes(data)))
            elif what == TABLE:
                part = Slice(pa.ipc.open_stream(pa.py_buffer(data)).read_all(), broken)
                broken = ()
                yield part
                advance(part.rows)

    def _next(self) -> tuple[bytes, memoryview]:
        try:
            what, data = self._reader.receive()
        except _Ended:
            _log.warning("the reader of a file ended")
            raise _ended(self._path) from None
        if what in (END, REFUSED, FAILED):
            said: dict[str, Any] = json.loads(bytes(data))
            self.finished, self.memory_bytes = True, int(said["memory_bytes"])
            if what == REFUSED:
                raise DeliveryRefused(said["message"])
            if what == FAILED:
                _log.warning("a reader failed: %s in %s", said["error"], said["where"])
                raise cannot_read(self._path, said["error"])
        elif what == NO_MEMORY:
            raise DeliveryRefused(
                f"{self._path.name} needs more than {limits.READER_MEMORY_BYTES // limits.MIB:,} MB of"
                f" memory to be"
                " read. It is damaged, or too large: deliver it in several files, or as CSV."
            )
        return what, data


def cannot_read(path: Path, error: str) -> DeliveryRefused:
    """The refusal of a file at which a reader failed in a way that it does not know.

    `error` is a type's name.
    """
    return DeliveryRefused(
        f"{path.name} cannot be read ({error}): it is damaged, or of a kind that is not known. Save it"
        f" again, and"
        " deliver it again or as CSV."
    )


def _ended(path: Path) -> DeliveryRefused:
    return DeliveryRefused(
        f"{path.name} cannot be read: it ended the reader, for instance because it needs too much memory or"
        f" time. It"
        " is damaged, or too large. Save it again, and deliver it again, in several files, or as CSV."
    )


def frame(out: IO[bytes], what: bytes, *parts: Any) -> None:
    """Write one message, of buffers."""
    out.write(FRAME.pack(what, sum(memoryview(part).nbytes for part in parts)))
    for part in parts:
        view = memoryview(part).cast("B")
        while view:
            view = view[out.write(view) or 0 :]
