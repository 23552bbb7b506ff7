"""Signatures by Standard Webhooks: HMAC-SHA256 over id, time and body, one for each valid secret."""

from __future__ import annotations

import base64
import datetime as dt
import hmac
import secrets
from collections.abc import Mapping, Sequence

PREFIX = "whsec_"
SECRET_BYTES = 32


def new_secret() -> str:
    """A new random secret."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def headers(id: str, at: dt.datetime, body: bytes, keys: Sequence[str]) -> Mapping[str, str]:  # noqa: A002
    """The three headers of a delivery. `at` is the time of this attempt; receivers compare it with their own
    clock."""
    seconds = str(int(at.timestamp()))
    signed = b".".join((id.encode(), seconds.encode(), body))
    signatures = (base64.b64encode(hmac.digest(_key(key), signed, "sha256")).decode() for key in keys)
    return {
        "webhook-id": id,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX))
