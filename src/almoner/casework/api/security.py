"""Authentication by departments' bearer tokens, and the check of their scopes."""

from __future__ import annotations

from django.http import HttpRequest
from ninja.security import HttpBearer

from almoner.casework.api import limits, tokens
from almoner.casework.api.problems import Problem
from almoner.casework.api.tokens import Caller
from almoner.casework.core.origin import network_of


class DepartmentToken(HttpBearer):
    """Authenticates a request by its token, which must have the required scope."""

    def __init__(self, scope: str) -> None:
        super().__init__()
        self.scope = scope

    def authenticate(self, request: HttpRequest, token: str) -> Caller | None:
        caller = tokens.caller_of(token)
        if caller is None:
            limits.count(limits.WRONG_TOKENS, network_of(request))
            return None
        if self.scope not in caller.scopes:
            detail = f"This token may not do that: it lacks the scope {self.scope}."
            raise Problem(403, "scope", "Not in the token's scopes", detail)
        limits.count(limits.BY_SCOPE[self.scope], caller.token)
        return caller


def caller(request: HttpRequest) -> Caller:
    """The caller that was authenticated for this request."""
    found = request.auth  # type: ignore[attr-defined]
    assert isinstance(found, Caller)  # noqa: S101 - the operation asks for a token
    return found
