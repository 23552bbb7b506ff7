"""Files as people send them, made in memory: photos and papers, and others that should not be taken."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Mapping, Sequence
from io import BytesIO

from PIL import Image

GPS = 0x8825


def png(width: int = 40, height: int = 30) -> bytes:
    return _saved(Image.new("RGB", (width, height), "orange"), "PNG")


def photo(width: int = 40, height: int = 30, *, turned: bool = False) -> bytes:
    """A JPEG that says which camera took it, where, and how it is to be turned."""
    image = Image.new("RGB", (width, height), "orange")
    exif = image.getexif()
    exif[0x010F] = "Fictional Camera"
    exif[0x0112] = 6 if turned else 1
    exif.get_ifd(GPS).update({1: "N", 2: (26.0, 35.0, 12.0), 3: "E", 4: (106.0, 42.0, 7.0)})
    return _saved(image, "JPEG", exif=exif)


def paper(body: bytes = b"", after: bytes = b"", *, root: bytes = b"", page: bytes = b"") -> bytes:
    """A PDF of one empty page, with a right table of objects; `body` stands in it, `after` follows its end.

    `root` and `page` are further entries of the catalog and of the page.
    """
    objects = [
        b"<</Type/Catalog/Pages 2 0 R" + root + b">>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]" + page + b">>",
    ]
    data = b"%PDF-1.7\n" + b"".join(b"%d 0 obj%s endobj\n" % (n, o) for n, o in enumerate(objects, 1)) + body
    found = {int(m[1]): m.start() for m in re.finditer(rb"(?m)^(\d+) 0 obj", data)}
    rows = (b"%010d %05d %s \n" % _row(found, n) for n in range(max(found) + 1))
    table = b"xref\n0 %d\n" % (max(found) + 1) + b"".join(rows)
    end = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (max(found) + 1, len(data))
    return data + table + end + after


def _row(found: Mapping[int, int], number: int) -> tuple[int, int, bytes]:
    at = found.get(number)
    return (0, 65_535, b"f") if at is None else (at, 0, b"n")


SPACES = 2**24


def _zipped(data: bytes, spaces: int) -> bytes:
    """Data and `spaces` blanks behind it, compressed: the same packed block again and again."""
    pack = zlib.compressobj(9)
    start = pack.compress(data) + pack.flush(zlib.Z_FULL_FLUSH)
    block = pack.compress(b" " * SPACES) + pack.flush(zlib.Z_FULL_FLUSH) if spaces else b""
    return start + block * (spaces // SPACES) + pack.flush()


def packed_paper(objects: Sequence[bytes], *, root: bytes = b"", spaces: int = 0) -> bytes:
    """A PDF of one empty page whose objects, the given ones from number 10 on too, lie compressed in one
    stream, with `spaces` blanks behind them."""
    parts = {
        1: b"<</Type/Catalog/Pages 2 0 R" + root + b">>",
        2: b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
    } | dict(enumerate(objects, 10))
    places, text = b"", b""
    for number, part in parts.items():
        places += b"%d %d " % (number, len(text))
        text += part + b" "
    data = b"%PDF-1.7\n"
    stream_at, packed = len(data), _zipped(places + text, spaces)
    data += b"4 0 obj<</Type/ObjStm/N %d/First %d/Filter/FlateDecode/Length %d>>stream\n" % (
        len(parts),
        len(places),
        len(packed),
    )
    data += packed + b"\nendstream endobj\n"
    table_at, size = len(data), 10 + len(objects)
    order = {number: position for position, number in enumerate(parts)}
    rows = b"".join(
        struct.pack(">BIB", 2, 4, order[n])
        if n in order
        else struct.pack(">BIB", 1, {4: stream_at, 5: table_at}[n], 0)
        if n in (4, 5)
        else struct.pack(">BIB", 0, 0, 0)
        for n in range(size)
    )
    head = b"5 0 obj<</Type/XRef/Size %d/W[1 4 1]/Root 1 0 R/Length %d>>stream\n" % (size, len(rows))
    return data + head + rows + b"\nendstream endobj\nstartxref\n%d\n%%%%EOF\n" % table_at


def _saved(image: Image.Image, form: str, **more: object) -> bytes:
    kept = BytesIO()
    image.save(kept, form, **more)
    return kept.getvalue()
