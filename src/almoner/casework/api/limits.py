"""Rate limits of the API."""

from __future__ import annotations

from collections.abc import Hashable

from almoner.casework.api.problems import Problem
from almoner.casework.core.rates import Limit

BY_SCOPE = {
    "events:write": Limit(most=6_000),
    "referrals:read": Limit(most=600),
    "referrals:answer": Limit(most=300),
}
WRONG_TOKENS = Limit(most=60)  # requests with an invalid token, by network


def count(limit: Limit, asker: Hashable) -> None:
    """Count a request. Raises Problem 429 when the caller has exceeded the limit of a minute."""
    seconds = limit.wait(asker)
    if seconds:
        detail = f"At most {limit.most:,} requests a minute. Come again in {seconds} seconds."
        raise Problem(429, "too-often", "Too many requests", detail, retry_after=seconds)
