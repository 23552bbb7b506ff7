"""Make pictures anew from their pixels, which removes all metadata, such as location and camera, and appended
files. Runs in the process of `media_child`."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

from PIL import Image, ImageFile, ImageOps

from almoner.casework.cases.media_faults import JPEG, PNG, MediaFault, UnfitContent

LONGEST_SIDE = 3_200  # pixels; larger pictures are scaled down
_DAMAGED = (OSError, SyntaxError, ValueError, KeyError, IndexError, EOFError, struct.error, zlib.error)


def anew(data: bytes, most_pixels: int) -> tuple[str, bytes]:
    """The media type and the picture made anew. Raises UnfitContent."""
    ImageFile.LOAD_TRUNCATED_IMAGES = False  # a library may have set it for the whole process
    try:
        with _without_notes(), Image.open(BytesIO(data), formats=("JPEG", "PNG")) as image:
            if image.width * image.height > most_pixels:
                raise UnfitContent(MediaFault.PIXELS)
            media = PNG if image.format == "PNG" else JPEG
            image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
            image.load()
            return media, _drawn(ImageOps.exif_transpose(image), media)
    except (*_DAMAGED, Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UnfitContent(MediaFault.PICTURE_DAMAGED) from None


@contextmanager
def _without_notes() -> Iterator[None]:
    """Ignore warnings about damaged metadata, which is discarded anyway."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def _drawn(image: Image.Image, media: str) -> bytes:
    mode = "RGBA" if media == PNG and ("A" in image.getbands() or "transparency" in image.info) else "RGB"
    pixels = image.convert(mode)
    pixels.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    clean, kept = Image.new(mode, pixels.size), BytesIO()
    clean.paste(pixels)
    clean.save(kept, "PNG" if media == PNG else "JPEG", quality=88)
    return kept.getvalue()
