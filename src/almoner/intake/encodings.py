"""Which encoding a text file has: UTF-8 with or without mark, or GB18030."""

from __future__ import annotations

import codecs
from typing import IO

_CHUNK_BYTES = 4 * 1024 * 1024
MARK = b"\xef\xbb\xbf"


def detect(stream: IO[bytes]) -> str:
    """The encoding of a seekable stream, read to the first byte that is not UTF-8. Rewinds."""
    marked = stream.read(len(MARK)) == MARK
    stream.seek(0)
    if marked:
        return "utf-8-sig"
    undecodable = _first_undecodable(stream)
    stream.seek(0)
    return _more_likely(undecodable) if undecodable else "utf-8"


def _first_undecodable(stream: IO[bytes]) -> bytes:
    """The first chunk that is not UTF-8, with the one after it; empty when all of it is."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    while chunk := stream.read(_CHUNK_BYTES):
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError:
            return chunk + stream.read(_CHUNK_BYTES)
    return b""


def _more_likely(data: bytes) -> str:
    """Text in GB18030 is hardly ever right as UTF-8; UTF-8 with damaged rows is mostly right."""
    as_utf8, as_gb = data.decode("utf-8", "replace"), data.decode("gb18030", "replace")
    wrong, right = _counts(as_utf8)
    return "utf-8" if right > wrong or as_gb.count("\ufffd") > wrong else "gb18030"


def _counts(text: str) -> tuple[int, int]:
    beyond = [c for c in text if c > "\x7f"]
    wrong = beyond.count("\ufffd")
    return wrong, len(beyond) - wrong
