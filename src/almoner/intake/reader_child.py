"""The process that reads workbooks and Parquet for `reader_process`.

It is asked for one file after the other.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import signal
import struct
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from almoner.errors import DeliveryRefused
from almoner.intake import columnar, limits, reader_process, sheets, source
from almoner.intake.slices import Slice
from almoner.policy.model.feeds import Feed

READERS = {"xlsx": sheets.read, "parquet": columnar.read}


def main() -> None:
    """Answer questions until the asking process closes the pipe."""
    # A terminal or service manager signals both processes; this one ends when its parent closes the pipe.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    _limit_memory()
    asked = os.fdopen(0, "rb", closefd=False)
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what a library prints is no answer
    while size := asked.read(8):
        question = asked.read(struct.unpack("<Q", size)[0])
        path, kind, feed = pickle.loads(question)  # noqa: S301 - from our parent
        if not _answered(answers, Path(path), kind, feed):
            return


def _limit_memory() -> None:
    """A file that needs more memory fails here, before the machine has none left."""
    try:
        import resource
    except ImportError:  # no such limits on this system
        return
    for limit in (resource.RLIMIT_DATA, resource.RLIMIT_CORE):
        most = limits.READER_MEMORY_BYTES if limit == resource.RLIMIT_DATA else 0
        _, hard = resource.getrlimit(limit)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (most, most))


def _answered(answers: IO[bytes], path: Path, kind: str, feed: Feed) -> bool:
    """Read one file. Gives whether another can be read by this process."""
    try:
        _read(answers, path, kind, feed)
    except DeliveryRefused as refused:
        _say(answers, reader_process.REFUSED, message=str(refused), memory_bytes=_memory_bytes())
    except MemoryError:
        reader_process.frame(answers, reader_process.NO_MEMORY)
        return False
    except BrokenPipeError:
        return False
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this file's refusal
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}:{last.lineno}"  # no values: they may be data
        _say(
            answers,
            reader_process.FAILED,
            error=type(error).__name__,
            where=where,
            memory_bytes=_memory_bytes(),
        )
    return True


def _read(answers: IO[bytes], path: Path, kind: str, feed: Feed) -> None:
    with source.opened(path) as stream:
        source.refuse_disguise(path, stream, kind)
        reading = READERS[kind](path, source.in_memory(path, stream), feed, lambda _: None)
        _say(
            answers,
            reader_process.HEAD,
            unknown=reading.unknown_columns,
            unread=reading.unread,
            notes=reading.notes,
        )
        for part in reading.slices:
            _send(answers, part)
    _say(answers, reader_process.END, memory_bytes=_memory_bytes())


def _send(answers: IO[bytes], part: Slice) -> None:
    if part.broken:
        rows = [dataclasses.asdict(row) for row in part.broken]
        reader_process.frame(answers, reader_process.BROKEN, json.dumps(rows).encode())
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, part.table.schema) as writer:
        writer.write_table(part.table)
    reader_process.frame(answers, reader_process.TABLE, sink.getvalue())


def _say(answers: IO[bytes], what: bytes, **values: Any) -> None:
    reader_process.frame(answers, what, json.dumps(values).encode())


def _memory_bytes() -> int:
    """What this process holds now, or elsewhere than on Linux at most held; 0 where the system does not say.

    On Linux the peak begins with what the parent held when it started this process.
    """
    with suppress(OSError):
        resident = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return resident * os.sysconf("SC_PAGE_SIZE")
    try:
        import resource
    except ImportError:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    main()
