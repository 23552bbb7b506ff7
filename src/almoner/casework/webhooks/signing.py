"""Signatures as Standard Webhooks has them: HMAC-SHA256 over id, time and body, one for each secret that
is valid now."""

from __future__ import annotations

import base64
import datetime as dt
import hmac
import secrets
from collections.abc import Mapping, Sequence

PREFIX = "whsec_"
SECRET_BYTES = 32


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def headers(id: str, at: dt.datetime, body: bytes, keys: Sequence[str]) -> Mapping[str, str]:  # noqa: A002
    """The three headers of a delivery. `at` is the time of this try, which a receiver compares with its
    own clock."""
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
