"""Open a delivery of any kind as slices."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from almoner.intake import columnar, delimited, encodings, json_lines, sheets, source
from almoner.intake.slices import Reading
from almoner.policy.model.feeds import Feed

Advance = Callable[[int], None]
_TEXT_READERS = {"csv": delimited.read, "jsonl": json_lines.read}
_BINARY_READERS = {"xlsx": sheets.read, "parquet": columnar.read}


@contextmanager
def open_delivery(path: Path, feed: Feed, advance: Advance = lambda _: None) -> Iterator[Reading]:
    """The delivery in `path`, to be read within the block; `advance` is called with the rows of each slice.

    Raises DeliveryRefused, also midway, when the file as a whole cannot be taken in.
    """
    kind = source.kind(path)
    with source.opened(path) as stream:
        source.refuse_disguise(path, stream, kind)
        if kind in _BINARY_READERS:
            yield _BINARY_READERS[kind](path, source.in_memory(path, stream), feed, advance)
            return
        with _text(stream) as text:
            yield _TEXT_READERS[kind](path, text, feed, advance)


def _text(stream: IO[bytes]) -> IO[str]:
    """The stream as text. Undecodable bytes become surrogates, so that only their rows are refused."""
    return io.TextIOWrapper(stream, encodings.detect(stream), "surrogateescape", newline="")
