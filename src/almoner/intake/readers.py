"""Open a delivery of any kind as slices. Whatever comes out of a file is that file's refusal."""

from __future__ import annotations

import codecs
import gzip
import io
import logging
import traceback
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from almoner.errors import AlmonerError, DeliveryRefused
from almoner.intake import delimited, encodings, json_lines, reader_process, source
from almoner.intake.sheets import SHEET_LINES
from almoner.intake.slices import Reading, Slice, Totals
from almoner.intake.trailers import taken_off
from almoner.policy.model.feeds import Feed

Advance = Callable[[int], None]
_TEXT_READERS = {"csv": delimited.read, "jsonl": json_lines.read}
_TABLES = ("csv", "xlsx")  # kinds that can have a row which is no record
_KNOWN = (AlmonerError, gzip.BadGzipFile, EOFError, zlib.error)  # `source.opened` refuses a damaged archive
_log = logging.getLogger(__name__)


@contextmanager
def open_delivery(path: Path, feed: Feed, advance: Advance = lambda _: None) -> Iterator[Reading]:
    """The delivery in `path`, to be read within the block; `advance` is called with the rows of each slice.

    Raises DeliveryRefused, also midway, when the file as a whole cannot be taken in.
    """
    kind = source.kind(path)
    if kind not in _TEXT_READERS:
        with reader_process.read_apart(path, kind, feed, advance) as reading:
            yield _without_totals(reading, kind, feed)
        return
    with source.opened(path) as stream, ExitStack() as closing:
        reading = _text(path, source.bounded(path, stream), kind, feed, advance, closing)
        reading.slices = _guarded(path, reading.slices)
        yield _without_totals(reading, kind, feed)


def _without_totals(reading: Reading, kind: str, feed: Feed) -> Reading:
    """The reading without its last row where that is one of totals."""
    if feed.trailer and kind in _TABLES:
        reading.totals = Totals()
        reading.slices = taken_off(reading.totals, reading.slices, SHEET_LINES if kind == "xlsx" else None)
    return reading


def _text(
    path: Path, stream: IO[bytes], kind: str, feed: Feed, advance: Advance, closing: ExitStack
) -> Reading:
    """A text. Undecodable bytes become surrogates, so that only their rows are refused."""
    try:
        wide = "16" in codecs.lookup(feed.encoding or "utf-8").name
        source.refuse_disguise(path, stream, kind, wide=wide)
        found = encodings.detect(stream, feed, path.name)
        text = closing.enter_context(io.TextIOWrapper(stream, found.name, "surrogateescape", newline=""))
        return _TEXT_READERS[kind](path, text, found, feed, advance)
    except _KNOWN:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this file's refusal
        raise _refusal(path, error) from None


def _guarded(path: Path, slices: Iterator[Slice]) -> Iterator[Slice]:
    try:
        yield from slices
    except (*_KNOWN, GeneratorExit):
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this file's refusal
        raise _refusal(path, error) from None


def _refusal(path: Path, error: Exception) -> DeliveryRefused:
    last = traceback.extract_tb(error.__traceback__)[-1]
    _log.warning("a reader failed: %s in %s:%s", type(error).__name__, Path(last.filename).name, last.lineno)
    return reader_process.cannot_read(path, type(error).__name__)
