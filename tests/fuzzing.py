"""Asking the API whatever its own description allows and forbids, by schemathesis over WSGI."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

OPERATIONS = ["send_events", "list_referrals", "read_referral", "answer_referral"]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


def described() -> Any:
    return schemathesis.openapi.from_wsgi("/api/openapi.json", get_wsgi_application())


def _must_be_rejected(case: Any, status: int) -> bool:
    """It takes 413 for an acceptance; and where headers alone are wrong, ours are sent in their place."""
    wrong = {place for place, part in case.meta.components.items() if part.mode is GenerationMode.NEGATIVE}
    return status != 413 and not wrong <= {ParameterLocation.HEADER}


def ask(operation_id: str, mode: GenerationMode, token: str, examples: int, **path: Any) -> set[int]:
    """Ask one operation; each answer must be as described. Gives the statuses that came."""
    with _one_connection():
        return _asked(operation_id, mode, token, examples, path)


def _asked(
    operation_id: str, mode: GenerationMode, token: str, examples: int, path: dict[str, Any]
) -> set[int]:
    operations = {
        found.ok().definition.raw["operationId"]: found.ok() for found in described().get_all_operations()
    }
    assert sorted(operations) == sorted(OPERATIONS)
    operation, statuses = operations[operation_id], set[int]()
    strategy = operation.as_strategy(generation_mode=mode)
    if path:
        strategy |= operation.as_strategy(generation_mode=mode, path_parameters=path)

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=strategy)
    def asked(case: Any) -> None:
        response = case.call(headers={"Authorization": f"Bearer {token}"})
        statuses.add(response.status_code)
        checks = [
            check
            for check in CHECKS
            if check is not negative_data_rejection or _must_be_rejected(case, response.status_code)
        ]
        case.validate_response(response, checks=checks)

    asked()
    return statuses


@contextmanager
def _one_connection() -> Iterator[None]:
    """A request does not close the test's connection, as with Django's own client."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)
