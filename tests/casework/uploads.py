"""Files as people send them, made in memory: photos and papers, and others that should not be taken."""

from __future__ import annotations

import zlib
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


def paper(body: bytes = b"", after: bytes = b"") -> bytes:
    """A PDF of one empty page; `body` stands in it, `after` follows its end."""
    return (
        b"%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count"
        b" 1>>endobj\n3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\n"
        + body
        + b"xref\n0 1\n0000000000 65535 f \ntrailer<</Size 4/Root 1 0 R>>\nstartxref\n9\n%%EOF\n"
        + after
    )


def packed(objects: bytes) -> bytes:
    """Objects of a PDF in a compressed stream."""
    data = zlib.compress(objects)
    head = f"9 0 obj<</Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length {len(data)}>>".encode()
    return head + b"stream\n" + data + b"\nendstream endobj\n"


def _saved(image: Image.Image, form: str, **more: object) -> bytes:
    kept = BytesIO()
    image.save(kept, form, **more)
    return kept.getvalue()
