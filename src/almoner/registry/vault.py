"""Seal names, identity numbers, phones and addresses before they are written anywhere.

Each field is sealed by AES-256-GCM or SM4-GCM (`almoner.registry.suites`), with the person's id and the
field's name as associated data, so that a sealed value cannot be moved to another person or column. Look-
up goes through a blind index: an HMAC under a key derived from the vault's key. The sealed rows are in
the casework database (`IdentityStore`), the key is outside it.

The key's file holds 32 random bytes in base64, for a vault of the first suite that was never changed;
else a JSON object with the suite, the key, and the index keys of the keys before it. What those sealed
cannot be opened with it. While the key is changed (`almoner.installation.rotation`), the next one lies
beside it, and nobody but that change opens the vault.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from cryptography.exceptions import InvalidTag

from almoner.errors import VaultError
from almoner.registry.suites import AES_SHA256, DEFAULT, TAG_BYTES, Secret, Suite, suite_named

FIELDS = ("number", "name", "phone", "address")
NONCE_BYTES = 12
INDEX_BYTES = KEY_BYTES = 32
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


class IndexLayer(NamedTuple):
    """An index is the HMAC of a text under the first layer, then of that under the next, and so on."""

    suite: Suite
    key: Secret


class Vault:
    """Seals, opens and indexes with a key of 32 bytes. Raises VaultError for a wrong key.

    `former` are the index layers of the keys before this one, oldest first. An index cannot be opened, so a
    new key makes an index of the index, not another one of the text.
    """

    def __init__(self, key: bytes, suite: Suite = AES_SHA256, former: Sequence[IndexLayer] = ()) -> None:
        key = Secret(key)
        if len(key) != KEY_BYTES:
            raise VaultError("The vault's key must have 32 bytes. Restore the key file from its backup.")
        self.suite = suite
        self._cipher = suite.cipher(suite.derive(key, b"almoner vault seal", suite.cipher_key_bytes))
        self.layers = (*former, IndexLayer(suite, suite.derive(key, b"almoner vault index")))
        self._proof_key = suite.derive(key, b"almoner vault proof")

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
        return None if sealed is None else self._decrypted(sealed, f"{field}:{person_id}".encode()).decode()

    def seal_bytes(self, place: str, data: bytes) -> bytes:
        """Seal data that is no field of a person, such as a file. It opens only under the same `place`."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, data, _PLACE + place.encode())

    def open_bytes(self, place: str, sealed: bytes) -> bytes:
        return self._decrypted(sealed, _PLACE + place.encode())

    def _decrypted(self, sealed: bytes, bound_to: bytes) -> bytes:
        data = bytes(sealed)
        try:
            if len(data) >= NONCE_BYTES + TAG_BYTES:
                return self._cipher.decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], bound_to)
        except InvalidTag:
            pass
        raise VaultError(_OTHER_KEY)

    def proof(self, purpose: str, data: bytes) -> str:
        """A keyed hash (64 hex digits): only who has the key can make it. Each purpose has its own."""
        return self.suite.mac(self._proof_key, purpose.encode() + b"\0" + data).hex()

    def index(self, text: str, length: int = INDEX_BYTES) -> bytes:
        """The blind index of a normalised number or name: 32 bytes, or its first ones."""
        found = text.encode()
        for layer in self.layers:
            found = layer.suite.mac(layer.key, found)[:length]
        return found

    def index_again(self, index: bytes) -> bytes:
        """The index under this key of what has this `index` under the key before it; as long as it."""
        suite, key = self.layers[-1]
        return suite.mac(key, index)[: len(index)]


def _nonces(count: int) -> list[bytes]:
    """Random nonces from one system call: one call for each would cost as much as the sealing."""
    random = os.urandom(NONCE_BYTES * count)
    return [random[start : start + NONCE_BYTES] for start in range(0, len(random), NONCE_BYTES)]


def create_key(path: Path, suite: str = DEFAULT) -> None:
    """Write a new random key, readable by its owner only. An existing key is never overwritten
    (FileExistsError). Raises VaultError for an unknown suite."""
    _write(path, os.urandom(KEY_BYTES), suite_named(suite), ())


def create_next(path: Path, suite: str) -> None:
    """Write the key that is to follow the one in `path` beside it, if it is not there yet."""
    layers = read_vault(path).layers
    if not next_of(path).exists():
        _write(next_of(path), os.urandom(KEY_BYTES), suite_named(suite), layers)


def replace_key(path: Path) -> Path:
    """Put the next key in the place of the one in `path`, which is kept under a name of its own: it opens
    backups of before. Gives that name."""
    number = 1
    while (former := path.with_name(f"{path.name}.former-{number}")).exists() and not former.samefile(path):
        number += 1
    if not former.exists():
        os.link(path, former)
    next_of(path).replace(path)
    _unfinished(next_of(path)).unlink(missing_ok=True)
    handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    return former


def next_of(path: Path) -> Path:
    """The file of the next key, while the key in `path` is changed."""
    return path.with_name(f"{path.name}.next")


def key_state(path: Path) -> tuple[int, int]:
    """Changes when another key comes to lie in `path`, so that nobody goes on with the former one. Raises
    VaultError as `open_vault` does."""
    _refuse_unfinished_change(path)
    try:
        found = path.stat()
    except FileNotFoundError:
        raise _missing(path) from None
    return found.st_ino, found.st_mtime_ns


def open_vault(path: Path) -> Vault:
    """The vault under the key in `path`. Raises VaultError when the file is missing or malformed, and while
    the key is being changed."""
    _refuse_unfinished_change(path)
    return read_vault(path)


def _refuse_unfinished_change(path: Path) -> None:
    if next_of(path).exists():
        raise VaultError(
            f"The change of the vault's key was not finished ({next_of(path)}). Stop console and worker, and"
            " finish it with: almoner rotate HOME"
        )


def _missing(path: Path) -> VaultError:
    return VaultError(f"The vault's key is missing: {path}. Restore it from its backup.")


def read_vault(path: Path) -> Vault:
    """As `open_vault`, also while the key is being changed."""
    try:
        text = path.read_bytes().strip()
        if not text.startswith(b"{"):
            return Vault(base64.b64decode(text, validate=True))
        held = json.loads(text)
        former = [IndexLayer(suite_named(one["suite"]), _decoded(one["index_key"])) for one in held["former"]]
        return Vault(_decoded(held["key"]), suite_named(held["suite"]), former)
    except FileNotFoundError:
        raise _missing(path) from None
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise VaultError(f"The vault's key is damaged: {path}. Restore it from its backup.") from None


def _write(path: Path, key: bytes, suite: Suite, former: tuple[IndexLayer, ...]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = _encoded(key) if suite is AES_SHA256 and not former else json.dumps(_described(key, suite, former))
    unfinished = _unfinished(path)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(unfinished, path)  # whole or not at all, and never over another key
    finally:
        unfinished.unlink()


def _unfinished(path: Path) -> Path:
    return path.with_name(f"{path.name}.partial")


def _described(key: bytes, suite: Suite, former: tuple[IndexLayer, ...]) -> dict[str, Any]:
    layers = [{"suite": layer.suite.name, "index_key": _encoded(layer.key)} for layer in former]
    return {"suite": suite.name, "key": _encoded(key), "former": layers}


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decoded(text: str) -> Secret:
    return Secret(base64.b64decode(text, validate=True))
