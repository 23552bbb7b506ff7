"""Django's session engine that stores a hash of each session's key, and seals what the session holds.

Whoever reads the database, or a copy of it, cannot go on with anybody's session. Nor do they find the secret
of a second factor that is just being set up.
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore

if TYPE_CHECKING:
    from django.contrib.sessions.base_session import AbstractBaseSession

HASHED_BYTES = 30  # of SHA-256: the 40 characters for which the column has room


def stored_key(session_key: str) -> str:
    """The key under which a session is stored: a hash in URL-safe base 64, 40 characters."""
    digest = hashlib.sha256(session_key.encode()).digest()[:HASHED_BYTES]
    return base64.urlsafe_b64encode(digest).decode()


@lru_cache(maxsize=2)
def _seal(secret_key: str) -> Fernet:
    """The seal under a key derived from Django's secret key, which lies outside the database."""
    derived = HKDF(hashes.SHA256(), length=32, salt=None, info=b"almoner sessions").derive(
        secret_key.encode()
    )
    return Fernet(base64.urlsafe_b64encode(derived))


class SessionStore(DatabaseStore):
    """The cookie holds the key, the database its hash."""

    def encode(self, session_dict: dict[str, Any]) -> str:
        return _seal(settings.SECRET_KEY).encrypt(super().encode(session_dict).encode()).decode()

    def decode(self, session_data: bytes | str) -> dict[str, Any]:
        """What the session holds; empty where another key sealed it, which ends the session."""
        try:
            return super().decode(_seal(settings.SECRET_KEY).decrypt(session_data).decode())
        except InvalidToken:
            return {}

    def _get_session_from_db(self) -> AbstractBaseSession | None:
        key = self._session_key
        if key is None:
            return None
        self._session_key = stored_key(key)
        found: AbstractBaseSession | None = super()._get_session_from_db()  # type: ignore[misc]
        self._session_key = key if found else None
        return found

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        made = super().create_model_instance(data)
        made.session_key = stored_key(made.session_key)
        return made

    def exists(self, session_key: str) -> bool:
        return super().exists(stored_key(session_key))

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key is not None:
            super().delete(stored_key(key))
