"""A department's own system that calls the API."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from django.test import Client

from almoner import casework
from almoner.casework.api import tokens
from almoner.casework.models import Referral, ReferralState
from casework.makers import Outbox

ALL = (tokens.EVENTS, tokens.READ, tokens.ANSWER)


class System:
    """A department's system, with its token."""

    def __init__(self, department: str, *scopes: str) -> None:
        self.token = tokens.issue(department, "system", scopes or ALL)
        self.client = Client(enforce_csrf_checks=True, raise_request_exception=False)

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(f"/api/{path}", query, headers={"Authorization": f"Bearer {self.token}"})

    def post(self, path: str, body: Any, kind: str = "application/json", key: str | None = None) -> Any:
        data = body if isinstance(body, str | bytes) else json.dumps(body)
        headers = {"Authorization": f"Bearer {self.token}"} | ({"Idempotency-Key": key} if key else {})
        return self.client.post(f"/api/{path}", data, content_type=kind, headers=headers)


def problem(answer: Any) -> tuple[int, str]:
    """Status and kind of a problem, in form."""
    assert answer["Content-Type"] == "application/problem+json"
    found = answer.json()
    assert {"type", "title", "status", "detail", "instance"} <= found.keys()
    assert found["status"] == answer.status_code
    return answer.status_code, found["type"].removeprefix("urn:almoner:problem:")


def more_referrals(outbox: Outbox, count: int) -> None:
    """Of other households, sent to the relief office."""
    casework.apply([[outbox.proposal(household) for household in range(2, 2 + count)]])
    Referral.objects.filter(state=ReferralState.PROPOSED).update(
        state=ReferralState.SENT, sent_at=dt.datetime(2026, 11, 9, 8)
    )
