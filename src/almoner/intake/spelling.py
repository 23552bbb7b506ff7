"""Give codes the one spelling that they are meant in: numbers of people, households, areas, and all keys.

Codes come with another width of signs, with signs that nobody sees, and as spreadsheets and data tools leave
them. Almost no column has such cells. A look at its bytes shows that; only odd cells are read one by one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from almoner.policy.model.feeds import Feed, Property, Role

CAPITAL_ROLES = frozenset({Role.RESIDENT_ID, Role.HOUSEHOLD})  # in upper case, and without any blank
EXACT_DIGITS = 15  # digits of a number that spreadsheets and data tools keep
NO_CODE = "-"  # one spelling for cells of punctuation only
_DIGITS, _SMALL = b"0123456789", b"abcdfghijklmnopqrstuvwxyz"  # without e, as in 5.2e+11
_PLAIN, _EXPONENT = _DIGITS + _SMALL.upper(), b"Ee"
_FINE_CAPITALS, _FINE = r"^[0-9A-Z][0-9A-Z_/:-]*$", r"^[0-9A-Za-z][0-9A-Za-z_/:-]*$"
_SPANS = (  # not told by their category: joiners, fillers, variation selectors, the empty Braille cell
    *((0x34F, 0x34F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2800, 0x2800)),
    *((0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFFA0, 0xFFA0), (0xE0100, 0xE01EF)),
)
_UNSEEN = frozenset(chr(c) for first, last in _SPANS for c in range(first, last + 1))
_BLANKS = frozenset("\t\n\r")
_QUOTES = "'\"`´‘’‚‛“”„′″ʼʹ"
_HYPHENS = re.compile("[‐‑‒–—―−﹘]")
_AS_FORMULA = re.compile(r'=\s*"([^"]*)"')  # how a text is kept from being read as a number
_WHOLE = re.compile(rf"(\d{{1,{EXACT_DIGITS}}})[.,]0*", re.ASCII)
_BETWEEN_WORDS = re.compile(r"(?<=[A-Za-z]) +(?=[A-Za-z])")


@dataclass(frozen=True)
class Spelled:
    """How a column of codes came: the `column` of spelled cells, where some are odd; whether some may have
    an exponent."""

    column: str | None
    exponents: bool

    @property
    def fine(self) -> bool:
        """Whether all cells are letters and digits that mean themselves."""
        return self.column is None and not self.exponents


def respell(text: str, *, capitals: bool) -> str:
    """A code as it is meant: half width, nothing unseen, no blanks, apostrophes at its ends, or `.0`.

    A name that serves as a code, such as New York, keeps the blanks between its words, unless in `capitals`.
    What is damaged beyond that stays as it is.
    """
    text = unicodedata.normalize("NFKC", text)
    wrapped = _AS_FORMULA.fullmatch(text.strip())
    text = "".join(_seen(wrapped[1] if wrapped else text)).strip(" " + _QUOTES)
    text = _HYPHENS.sub("-", text)
    if " " in text:
        kept = [text] if capitals or any(map(str.isdigit, text)) else _BETWEEN_WORDS.split(text)
        text = " ".join(part.replace(" ", "") for part in kept)
    text = text.upper() if capitals else text
    whole = _WHOLE.fullmatch(text)
    if whole:
        return whole[1]
    return text if not text or any(c.isalnum() or c in "*?=#\ufffd" or c < " " for c in text) else NO_CODE


def _seen(text: str) -> Iterator[str]:
    """The signs that are seen; every blank as one sign, every digit as 0 to 9."""
    for c in text:
        if c.isascii():
            yield " " if c in _BLANKS else c
            continue
        kind = unicodedata.category(c)
        if kind in ("Zs", "Zl", "Zp"):
            yield " "
        elif kind == "Nd":
            yield str(unicodedata.decimal(c))
        elif kind != "Cf" and c not in _UNSEEN:
            yield c


def spell(feed: Feed, table: pa.Table) -> tuple[pa.Table, dict[str, Spelled]]:
    """The table with a further column for each column of codes with odd cells; by property, how it came."""
    found: dict[str, Spelled] = {}
    for prop in feed.properties:
        if not prop.is_code or prop.name not in table.column_names:
            continue
        column = table.column(prop.name)
        odd, exponents = _look(column, prop)
        name = f"_spelled_{prop.name}" if odd else None
        if name:
            table = table.append_column(name, _respelled(column, prop))
        found[prop.name] = Spelled(name, exponents)
    return table, found


def _look(column: pa.ChunkedArray, prop: Property) -> tuple[bool, bool]:
    """Whether cells are odd, and whether some may have an exponent."""
    if not _is_text(column.type):
        return False, False
    fine = _PLAIN if prop.role in CAPITAL_ROLES else _PLAIN + _SMALL
    rest = b"".join(_bytes(chunk).translate(None, fine) for chunk in column.chunks)
    return bool(rest.translate(None, b"E" if prop.role in CAPITAL_ROLES else _EXPONENT)), bool(rest)


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _bytes(chunk: pa.Array) -> bytes:
    """The bytes of all cells, one after the other."""
    _, offsets, data = chunk.buffers()
    if data is None or not len(chunk):
        return b""
    width = np.int64 if pa.types.is_large_string(chunk.type) else np.int32
    ends = np.frombuffer(offsets, width)
    start, end = int(ends[chunk.offset]), int(ends[chunk.offset + len(chunk)])
    found: bytes = data.slice(start, end - start).to_pybytes()
    return found


def _respelled(column: pa.ChunkedArray, prop: Property) -> pa.Array:
    import pyarrow.compute as pc  # takes long to load, and few deliveries have odd cells

    capitals = prop.role in CAPITAL_ROLES
    whole = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    fine = pc.match_substring_regex(whole, _FINE_CAPITALS if capitals else _FINE)
    odd = pc.invert(pc.fill_null(fine, True))
    kinds = pc.filter(whole, odd).dictionary_encode()
    spelled = [respell(text, capitals=capitals) for text in kinds.dictionary.to_pylist()]
    return pc.replace_with_mask(whole, odd, pa.array(spelled, whole.type).take(kinds.indices))
