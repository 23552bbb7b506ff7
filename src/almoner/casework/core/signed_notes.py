"""Sign and verify short texts as signed notes (C2SP signed-note): Ed25519, one line for each signature.

A public key reads `name+id+key`, as the Go checksum database and transparency logs write it, so that other
tools verify our notes too.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from almoner.errors import AlmonerError

ED25519 = b"\x01"
ID_BYTES = 4
BEGINS = "\N{EM DASH} "
LONGEST = 1 << 16  # characters of a note


class NoteRefused(AlmonerError):  # noqa: N818 - a refusal is an answer
    """The text is no signed note, or not one of this signer; the message says which."""


@dataclass(frozen=True)
class NoteKey:
    """A signer's name and public key."""

    name: str
    key: bytes

    @property
    def id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.key).digest()[:ID_BYTES]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(ED25519 + self.key).decode()}"


@dataclass(frozen=True)
class NoteSigner:
    """A private key with its public one. The name is made from the key, so that each key has its own."""

    private: Ed25519PrivateKey = field(repr=False)

    @property
    def public(self) -> NoteKey:
        raw = self.private.public_key().public_bytes_raw()
        return NoteKey(f"almoner-{hashlib.sha256(raw).hexdigest()[:16]}", raw)

    def sign(self, text: str) -> str:
        """The note: the text, which ends with a line break, an empty line and the signature."""
        signature = base64.b64encode(self.public.id + self.private.sign(text.encode())).decode()
        return f"{text}\n{BEGINS}{self.public.name} {signature}\n"


def open_signer(path: Path) -> NoteSigner:
    """The signer whose private key is in `path`; a new one, readable by its owner only, where there is none.

    Raises AlmonerError for a damaged file.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read_signer(path)
    made = Ed25519PrivateKey.generate()
    with os.fdopen(handle, "wb") as file:
        file.write(
            made.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
    return NoteSigner(made)


def _read_signer(path: Path) -> NoteSigner:
    try:
        found = serialization.load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError):
        found = None
    if not isinstance(found, Ed25519PrivateKey):
        raise AlmonerError(f"The key that signs checkpoints is damaged: {path}. Restore it from its copy.")
    return NoteSigner(found)


def read_key(text: str) -> NoteKey:
    """A public key as `name+id+key`. Raises NoteRefused for anything else."""
    try:
        name, number, encoded = text.strip().split("+", 2)
        data = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error):
        raise NoteRefused("This is no public key. Write it as `almoner audit key` printed it.") from None
    key = NoteKey(name, data[1:])
    if data[:1] != ED25519 or len(key.key) != 32 or not name or key.id.hex() != number:
        raise NoteRefused("This is no public key. Write it as `almoner audit key` printed it.")
    return key


def open_note(note: str, key: NoteKey) -> str:
    """The text of a note that `key` signed. Raises NoteRefused when it did not, or for a damaged note."""
    text, cut, signatures = note.replace("\r\n", "\n").rpartition("\n\n")  # as mail programs store it
    if not cut or len(note) > LONGEST or not signatures.endswith("\n"):
        raise NoteRefused("This is no signed checkpoint, or it is damaged. Take another copy of it.")
    text += "\n"
    for line in signatures.splitlines():
        name, _space, encoded = line.removeprefix(BEGINS).partition(" ")
        try:
            data = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            continue
        if line.startswith(BEGINS) and (name, data[:ID_BYTES]) == (key.name, key.id):
            try:
                Ed25519PublicKey.from_public_bytes(key.key).verify(data[ID_BYTES:], text.encode())
            except InvalidSignature:
                raise NoteRefused(
                    f"The signature of {key.name} is not of this text: it was changed."
                ) from None
            return text
    raise NoteRefused(f"This checkpoint is not signed by {key.name}. Give the key that signed it.")
