"""The API's OpenAPI description: problem responses, their headers, and examples."""

from __future__ import annotations

from typing import Any

from ninja import NinjaAPI

PROBLEM = "application/problem+json"
REF = "#/components/schemas/ProblemDetails"
WORDS = {
    401: "The token is missing, unknown, ended or expired.",
    403: "The token lacks the scope.",
    404: "This department has no referral with that reference.",
    409: (
        "The referral has changed since it was read, or its state does not allow this; an event has the id of"
        " an earlier one, but other content."
    ),
    413: "The request is too large.",
    415: "The content type is not accepted.",
    422: "The request does not match its description; `errors` point to the faults.",
    429: "Too many requests, or too many events wait: try again after `Retry-After`.",
    503: "Not possible now: try again after `Retry-After`.",
}
HEADERS = {
    401: ("WWW-Authenticate", "How to sign a request.", {"type": "string"}),
    429: ("Retry-After", "Seconds.", {"type": "string", "pattern": "^[0-9]+$"}),
    503: ("Retry-After", "Seconds.", {"type": "string", "pattern": "^[0-9]+$"}),
}
LABEL = {"en": "Monthly relief", "zh": "每月救助金"}
ITEM = {
    "reference": "k7f2mq9xwa",
    "version": 2,
    "programme": "monthly_relief",
    "label": LABEL,
    "kind": "support",
    "state": "sent",
    "amount": "1702.50",
    "unit": "CNY/month",
    "sent_at": "2026-11-09T10:00:00+08:00",
    "due_at": "2026-12-21T17:00:00+08:00",
    "overdue": False,
    "answered_at": None,
    "note": "",
    "evidence_withdrawn_on": None,
}
FACT = {
    "sentence": {
        "en": "Income, 812.5 CNY a month, is below the line of 1,380 CNY a month.",
        "zh": "收入每月 812.5 元，低于每月 1,380 元的标准。",
    },
    "holds": True,
    "values": [
        {
            "name": "income_recent",
            "label": {"en": "Recent income", "zh": "近期收入"},
            "value": 812.5,
            "unit": "CNY/month",
        }
    ],
    "parameters": [
        {
            "name": "line",
            "label": {"en": "Living line", "zh": "生活标准"},
            "value": 1380.0,
            "unit": "CNY/month",
            "legal_reference": "Notice 12 of 2026",
            "since": "2026-01-01",
        }
    ],
}
EXAMPLES: dict[tuple[str, int], Any] = {
    ("send_events", 202): {
        "accepted": 1,
        "repeated": 0,
        "position": 1842,
        "received_at": "2026-11-09T10:00:00",
    },
    ("list_referrals", 200): {"items": [ITEM], "next": None},
    ("read_referral", 200): (
        ITEM
        | {
            "within": {"amount": 30, "unit": "working_days"},
            "people": [{"number": "11010119900307803X", "name": "Mei Fictional"}],
            "steps": [
                {
                    "id": "amount",
                    "label": {"en": "Amount"},
                    "sentence": {"en": "567.50 × 3 = 1,702.50 CNY a month"},
                    "value": 1702.5,
                }
            ],
            "eligible": [FACT],
            "exclusions": [{"label": {"en": "Receives it already"}, "holds": False, "facts": []}],
            "guards": [],
            "check": None,
            "legal_reference": "Relief regulation, article 9",
        }
    ),
    ("answer_referral", 200): {
        "reference": "k7f2mq9xwa",
        "version": 3,
        "state": "accepted",
        "answered_at": "2026-11-10T09:12:44+08:00",
    },
}


class DescribedAPI(NinjaAPI):
    """Adds what response models cannot express to the OpenAPI description: problems, headers and examples."""

    def get_openapi_schema(self, **options: Any) -> Any:
        schema = super().get_openapi_schema(**options)
        for path in schema["paths"].values():
            for operation in path.values():
                for status, response in operation["responses"].items():
                    _describe(operation["operationId"], int(status), response)
        return schema


def _describe(operation: str, status: int, response: dict[str, Any]) -> None:
    if status < 400:
        example = EXAMPLES.get((operation, status))
        if example is not None:
            response["content"]["application/json"]["example"] = example
        return
    response["description"] = WORDS[status]
    example = {
        "type": "urn:almoner:problem:name-of-the-problem",
        "title": "In a few words",
        "status": status,
        "detail": WORDS[status],
        "instance": "/api/",
    }
    response["content"] = {PROBLEM: {"schema": {"$ref": REF}, "example": example}}
    if status in HEADERS:
        name, words, form = HEADERS[status]
        response["headers"] = {name: {"description": words, "schema": form, "required": True}}
