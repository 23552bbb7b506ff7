"""The vault's suites: which cipher seals, and which hash makes blind indexes.

`aes-sha256` is AES-256-GCM (NIST SP 800-38D) with SHA-256; `sm4-sm3` is SM4-GCM (GB/T 32907, RFC 8998) with
SM3 (GB/T 32905), for places whose rules ask for national algorithms. All are those of `cryptography`.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import NamedTuple, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256, SM3, HashAlgorithm
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from almoner.errors import VaultError

TAG_BYTES = 16


class Secret(bytes):
    """Key material: bytes that are never shown, for texts of values end up in logs and tracebacks."""

    def __repr__(self) -> str:
        return f"Secret({len(self)} bytes)"

    __str__ = __repr__


class SealingCipher(Protocol):
    """Authenticated encryption: the tag follows the ciphertext. `decrypt` raises InvalidTag."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes: ...

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes: ...


class Sm4Gcm:
    """SM4 in Galois/Counter Mode, with a key of 16 bytes. Raises VaultError where the system lacks it."""

    def __init__(self, key: bytes) -> None:
        self._algorithm = algorithms.SM4(key)
        try:
            self.encrypt(bytes(12), b"", b"")
        except UnsupportedAlgorithm:
            raise VaultError(
                "This system's cryptography has no SM4. Use one that has, or aes-sha256."
            ) from None

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        encryptor = Cipher(self._algorithm, modes.GCM(nonce)).encryptor()
        encryptor.authenticate_additional_data(associated_data)
        return encryptor.update(data) + encryptor.finalize() + encryptor.tag

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        decryptor = Cipher(self._algorithm, modes.GCM(nonce, data[-TAG_BYTES:])).decryptor()
        decryptor.authenticate_additional_data(associated_data)
        return decryptor.update(data[:-TAG_BYTES]) + decryptor.finalize()


class Suite(NamedTuple):
    """`hash_sql` is the SQL of the hash of a BLOB, whose text stands for `{}`; it gives a BLOB."""

    name: str
    cipher: Callable[[bytes], SealingCipher]
    cipher_key_bytes: int
    algorithm: HashAlgorithm
    hash_sql: str

    def derive(self, key: bytes, purpose: bytes, length: int = 32) -> Secret:
        """A key of its own for each purpose, by HKDF (RFC 5869)."""
        return Secret(HKDF(algorithm=self.algorithm, length=length, salt=None, info=purpose).derive(key))

    def mac(self, key: bytes, data: bytes) -> bytes:
        """HMAC (RFC 2104), 32 bytes."""
        if self.algorithm.name == "sha256":
            return hmac.digest(key, data, "sha256")
        code = HMAC(key, self.algorithm)
        code.update(data)
        return code.finalize()


AES_SHA256 = Suite("aes-sha256", AESGCM, 32, SHA256(), "unhex(sha256({}))")
SM4_SM3 = Suite("sm4-sm3", Sm4Gcm, 16, SM3(), "sm3({})")
SUITES = {suite.name: suite for suite in (AES_SHA256, SM4_SM3)}
DEFAULT = AES_SHA256.name


def suite_named(name: str) -> Suite:
    """Raises VaultError for a name that is none."""
    try:
        return SUITES[name]
    except KeyError:
        raise VaultError(
            f"There is no suite {name!r} of the vault. Choose one of: {', '.join(SUITES)}."
        ) from None
