"""Seal names, identity numbers, phones and addresses before they are written anywhere.

Each field is sealed by AES-256-GCM, with the person's id and the field's name as associated data, so that a
sealed value cannot be moved to another person or column. Look-up goes through a blind index: HMAC-SHA256
under a key derived from the vault's key. The sealed rows are in the casework database (`IdentityStore`), the
key is outside it.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from almoner.errors import VaultError

FIELDS = ("number", "name", "phone", "address")
NONCE_BYTES = 12
_PLACE = b"\x1f"  # begins no field's name
_OTHER_KEY = "This record was not sealed with the vault's present key. Restore the right key file."


class SealedIdentity(NamedTuple):
    """One person's sealed fields; None leaves what is stored as it is."""

    person_id: int
    number_index: bytes
    number: bytes | None = None
    name: bytes | None = None
    name_index: bytes | None = None
    phone: bytes | None = None
    address: bytes | None = None


class BegunDelivery(NamedTuple):
    """A delivery with new people, `first` to `last` by id, that the facts may never commit. They hold
    deliveries up to `after_delivery`."""

    after_delivery: int
    first: int
    last: int


class IdentityStore(Protocol):
    """Where sealed identities are kept."""

    def expecting(self, persons: int, begun: BegunDelivery | None = None) -> AbstractContextManager[None]:
        """A block around the writes of one delivery, with its number of persons. The first write also notes
        that it has `begun`, if it has new people."""

    def write(self, identities: Sequence[SealedIdentity]) -> None:
        """Insert or update by `person_id`, in one transaction."""

    def discard_unfinished(self, person_id: int, delivery_id: int) -> int:
        """Delete persons with a larger id than the facts' last one, `person_id`, which a begun delivery left
        that was never committed: the facts' last delivery is `delivery_id`. Gives their number.

        Raises HomeError when there are other such persons. Then nothing is deleted.
        """


class Secret(bytes):
    """Key material: bytes that are never shown, for texts of values end up in logs and tracebacks."""

    def __repr__(self) -> str:
        return f"Secret({len(self)} bytes)"

    __str__ = __repr__


class Vault:
    """Seals, opens and indexes with a key of 32 bytes. Raises VaultError for a wrong key."""

    def __init__(self, key: bytes) -> None:
        key = Secret(key)
        if len(key) != 32:
            raise VaultError("The vault's key must have 32 bytes. Restore the key file from its backup.")
        self._cipher = AESGCM(_derive(key, b"almoner vault seal"))
        self.index_key = _derive(key, b"almoner vault index")
        self._proof_key = _derive(key, b"almoner vault proof")

    def seal(self, person_id: int, field: str, text: str | None) -> bytes | None:
        return self.seal_all([person_id], field, [text])[0]

    def seal_all(
        self, person_ids: Sequence[int], field: str, texts: Sequence[str | None]
    ) -> list[bytes | None]:
        """One field of many persons, sealed; None where a text is empty."""
        encrypt, nonces, bound_to = self._cipher.encrypt, _nonces(len(texts)), f"{field}:".encode()
        return [
            nonce + encrypt(nonce, text.encode(), b"%s%d" % (bound_to, person_id)) if text else None
            for nonce, person_id, text in zip(nonces, person_ids, texts, strict=True)
        ]

    def open(self, person_id: int, field: str, sealed: bytes | None) -> str | None:
        if sealed is None:
            return None
        data = bytes(sealed)
        try:
            plain = self._cipher.decrypt(
                data[:NONCE_BYTES], data[NONCE_BYTES:], f"{field}:{person_id}".encode()
            )
        except InvalidTag:
            raise VaultError(_OTHER_KEY) from None
        return plain.decode()

    def seal_bytes(self, place: str, data: bytes) -> bytes:
        """Seal data that is no field of a person, such as a file. It opens only under the same `place`."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, data, _PLACE + place.encode())

    def open_bytes(self, place: str, sealed: bytes) -> bytes:
        data = bytes(sealed)
        try:
            return self._cipher.decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], _PLACE + place.encode())
        except InvalidTag:
            raise VaultError(_OTHER_KEY) from None

    def proof(self, purpose: str, data: bytes) -> str:
        """A keyed hash (64 hex digits): only who has the key can make it. Each purpose has its own."""
        return hmac.digest(self._proof_key, purpose.encode() + b"\0" + data, "sha256").hex()

    def index(self, text: str) -> bytes:
        """The blind index of a normalised number or name (32 bytes)."""
        return hmac.digest(self.index_key, text.encode(), "sha256")


def _nonces(count: int) -> list[bytes]:
    """Random nonces from one system call: one call for each would cost as much as the sealing."""
    random = os.urandom(NONCE_BYTES * count)
    return [random[start : start + NONCE_BYTES] for start in range(0, len(random), NONCE_BYTES)]


def _derive(key: bytes, purpose: bytes) -> Secret:
    return Secret(HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(key))


def create_key(path: Path) -> None:
    """Write a new random key, readable by its owner only. An existing key is never overwritten
    (FileExistsError)."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(base64.b64encode(os.urandom(32)) + b"\n")


def open_vault(path: Path) -> Vault:
    """The vault under the key in `path`. Raises VaultError when the file is missing or malformed."""
    try:
        return Vault(base64.b64decode(path.read_bytes().strip(), validate=True))
    except FileNotFoundError:
        raise VaultError(f"The vault's key is missing: {path}. Restore it from its backup.") from None
    except binascii.Error:
        raise VaultError(f"The vault's key is damaged: {path}. Restore it from its backup.") from None
