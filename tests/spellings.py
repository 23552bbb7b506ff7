"""How a secret would look in a text: every spelling of every part of it that errors, plans and logs use."""

from __future__ import annotations

import base64
from collections.abc import Iterator

BYTES = 4  # so few in a row give a secret away; fewer are found in any text by chance
BASE64_BYTES = 6


def shown_in(text: str, secrets: dict[str, bytes]) -> list[str]:
    """The secrets that a text shows: name, and spelling in the text."""
    small = text.lower()
    return [
        f"{name}: {part}"
        for name, secret in secrets.items()
        for part in {*_parts(secret.rstrip(secret[-1:]))}
        if part in text or (part.isalnum() and part.lower() == part and part in small)
    ]


def _parts(secret: bytes) -> Iterator[str]:
    for start in range(len(secret) - BYTES + 1):
        part = secret[start : start + BYTES]
        yield part.hex()
        yield part.hex(" ")
        yield ", ".join(map(str, part))
        if any(not 32 <= byte < 127 for byte in part):
            yield repr(part)[2:-1]
            yield "".join(chr(b) if 32 <= b < 127 and b not in b"'\"\\" else f"\\x{b:02X}" for b in part)
            yield "".join(f"\\x{b:02X}" for b in part)
            yield part.decode("latin-1")
    for start in range(len(secret) - BASE64_BYTES + 1):
        part = secret[start : start + BASE64_BYTES]
        yield base64.b64encode(part).decode()
        yield base64.urlsafe_b64encode(part).decode()
