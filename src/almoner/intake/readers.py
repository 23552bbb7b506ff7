"""Opens a delivery of any kind as slices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from almoner.intake import columnar, delimited, json_lines, sheets, source
from almoner.intake.slices import Reading
from almoner.policy.model import Feed

_READERS = {"csv": delimited.read, "xlsx": sheets.read, "parquet": columnar.read, "jsonl": json_lines.read}
_RANDOM_ACCESS = {"xlsx", "parquet"}


@contextmanager
def open_delivery(
    path: Path, feed: Feed, advance: Callable[[int], None] = lambda _: None
) -> Iterator[Reading]:
    """The delivery in `path`, to be read while the block lasts; `advance` is told the rows of each slice that was used.

    Raises DeliveryRefused, also half way, when the file as a whole cannot be taken in.
    """
    kind = source.kind(path)
    with source.opened(path) as stream:
        source.refuse_disguise(path, stream, kind)
        ready = source.in_memory(path, stream) if kind in _RANDOM_ACCESS else stream
        yield _READERS[kind](path, ready, feed, advance)
