"""Check files for cases: JPEG, PNG and PDF, recognised by content and never by name.

Pictures are encoded again from their pixels, which removes all metadata, such as location and camera, and
appended files. A PDF is stored unchanged, and refused when it has active content.
"""

from __future__ import annotations

import re
import struct
import unicodedata
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO

from django.utils.translation import gettext as _
from PIL import Image, ImageFile, ImageOps

JPEG, PNG, PDF = "image/jpeg", "image/png", "application/pdf"
ENDINGS = {JPEG: ".jpg", PNG: ".png", PDF: ".pdf"}
LONGEST_SIDE = 3_200  # pixels; larger pictures are scaled down
LONGEST_NAME = 80
LARGEST_UNPACKED = 32 * 1024 * 1024  # bytes of a PDF's unpacked object streams
DAMAGED = (OSError, SyntaxError, ValueError, KeyError, IndexError, EOFError, struct.error, zlib.error)
ACTIVE = re.compile(
    rb"/(?:JavaScript|JS|Launch|EmbeddedFiles?|RichMedia|SubmitForm|ImportData|GoToE|XFA|Encrypt)"
    rb"(?![A-Za-z0-9])"
)
STREAM = re.compile(rb"stream\r?\n(.*?)endstream", re.DOTALL)
ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")


class Unfit(Exception):  # noqa: N818 - a refusal is an answer
    """The file is not accepted; the text says why and what to do instead."""


@dataclass(frozen=True)
class Medium:
    media: str
    content: bytes


def fit(data: bytes, most_pixels: int) -> Medium:
    """The file in the form in which it is stored. Raises Unfit."""
    if data.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")):
        return _picture(data, most_pixels)
    if data.startswith(b"%PDF-"):
        return _paper(data)
    raise Unfit(
        _(
            "Only photos (JPEG, PNG) and PDF can be kept. The file's content is none of these, whatever its"
            " name."
        )
    )


def _picture(data: bytes, most_pixels: int) -> Medium:
    ImageFile.LOAD_TRUNCATED_IMAGES = False  # the PDF library sets it to True for the whole process
    try:
        with _without_notes(), Image.open(BytesIO(data), formats=("JPEG", "PNG")) as image:
            if image.width * image.height > most_pixels:
                most = f"{most_pixels // 1_000_000}"
                raise Unfit(
                    _("The picture has more than %(most)s million pixels. Make a smaller one.")
                    % {"most": most}
                )
            media = PNG if image.format == "PNG" else JPEG
            image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
            image.load()
            return Medium(media, _anew(ImageOps.exif_transpose(image), media))
    except (*DAMAGED, Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Unfit(_("The picture is damaged or cut off. Send it again.")) from None


@contextmanager
def _without_notes() -> Iterator[None]:
    """Ignore warnings about damaged metadata, which is discarded anyway."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def _anew(image: Image.Image, media: str) -> bytes:
    mode = "RGBA" if media == PNG and ("A" in image.getbands() or "transparency" in image.info) else "RGB"
    pixels = image.convert(mode)
    pixels.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    clean, kept = Image.new(mode, pixels.size), BytesIO()
    clean.paste(pixels)
    clean.save(kept, "PNG" if media == PNG else "JPEG", quality=88)
    return kept.getvalue()


def _paper(data: bytes) -> Medium:
    end = data.rfind(b"%%EOF")
    if end < 0 or b"startxref" not in data[max(0, end - 64) : end]:
        raise Unfit(_("The PDF is damaged or cut off. Send it again."))
    if data[end + 5 :].strip(b"\r\n\t \0") or b"PK\x05\x06" in data or b"PK\x03\x04" in data[:1_024]:
        raise Unfit(_("The PDF contains another file. Print the paper to a new PDF, or photograph it."))
    if any(ACTIVE.search(_unescaped(part)) for part in (data, *_packed(data))):
        raise Unfit(
            _(
                "The PDF is encrypted, contains files or can run code. Print it to a new PDF, or"
                " photograph it."
            )
        )
    return Medium(PDF, data)


def _unescaped(text: bytes) -> bytes:
    """Replace escapes such as #41 in names."""
    return ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), text)


def _packed(data: bytes) -> Iterator[bytes]:
    """The unpacked object streams, which could hide the same content."""
    left = LARGEST_UNPACKED
    for found in STREAM.finditer(data):
        head = data[max(0, found.start() - 512) : found.start()]
        if b"ObjStm" not in _unescaped(head[head.rfind(b"obj") :]):
            continue
        try:
            part = zlib.decompressobj().decompress(found[1], left + 1)
        except zlib.error:
            raise Unfit(_("The PDF is damaged or cut off. Send it again.")) from None
        left -= len(part)
        if left < 0:
            raise Unfit(
                _("The PDF's content is too large to check. Print it to a new PDF, or photograph it.")
            )
        yield part


def safe_name(given: str, media: str) -> str:
    """A name that is safe on every system: without folders, control or direction characters, and with the
    file type's extension."""
    base = unicodedata.normalize("NFC", re.split(r"[/\\]", given)[-1])
    stem = base.rpartition(".")[0] or base
    letters = "".join(c for c in stem if unicodedata.category(c)[0] != "C" and c not in '<>:"|?*%')
    kept = " ".join(letters.split()).strip(". ")[:LONGEST_NAME].strip(". ")
    return (kept or "file") + ENDINGS[media]
