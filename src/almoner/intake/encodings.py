"""Detect the encoding of a text file: UTF-8, with or without a byte order mark, or GB18030."""

from __future__ import annotations

import codecs
from typing import IO

_CHUNK_BYTES = 4 * 1024 * 1024
MARK = b"\xef\xbb\xbf"


def detect(stream: IO[bytes]) -> str:
    """The encoding of a seekable stream, which is rewound.

    It is read up to the first byte that is not UTF-8.
    """
    marked = stream.read(len(MARK)) == MARK
    stream.seek(0)
    if marked:
        return "utf-8-sig"
    undecodable = _first_undecodable(stream)
    stream.seek(0)
    return _more_likely(undecodable) if undecodable else "utf-8"


def _first_undecodable(stream: IO[bytes]) -> bytes:
    """The first chunk that is not UTF-8, with the next one; empty when all is UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    while chunk := stream.read(_CHUNK_BYTES):
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError:
            return chunk + stream.read(_CHUNK_BYTES)
    return b""


def _more_likely(data: bytes) -> str:
    """Which encoding fits better: GB18030 text is rarely valid UTF-8, damaged UTF-8 mostly is."""
    as_utf8, as_gb = data.decode("utf-8", "replace"), data.decode("gb18030", "replace")
    wrong, right = _counts(as_utf8)
    return "utf-8" if right > wrong or as_gb.count("\ufffd") > wrong else "gb18030"


def _counts(text: str) -> tuple[int, int]:
    beyond = [c for c in text if c > "\x7f"]
    wrong = beyond.count("\ufffd")
    return wrong, len(beyond) - wrong
