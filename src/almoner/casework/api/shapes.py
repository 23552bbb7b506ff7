"""Schemas of referrals in the API."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

Words = dict[str, str]  # by language
Value = float | bool | str | None
State = Literal["sent", "accepted", "done", "returned"]
Name = Literal["accept", "done", "return"]
PLAIN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"


def _printable(text: str) -> str:
    if any(ord(letter) < 32 and letter not in "\t\n\r" for letter in text):
        raise ValueError("No control characters.")
    return text


def _as_written(value: Any) -> Any:
    """Reject text that is not a date and time; the parser would read digits alone as seconds."""
    if isinstance(value, str) and not re.match(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}", value):
        raise ValueError("Write it as 2026-11-28T09:00:00+08:00.")
    return value


Moment = Annotated[dt.datetime, BeforeValidator(_as_written)]


class Item(Schema):
    """One referral, without personal data."""

    reference: str
    version: int = Field(description="Increases with each change. An answer names the version that was read.")
    programme: str
    label: Words
    kind: str = Field(description="support, or a question about a recognition: recognition, exit, review.")
    state: State
    amount: str | None = Field(description="A decimal number; null when the support has no amount.")
    unit: str
    sent_at: dt.datetime | None
    due_at: dt.datetime | None
    overdue: bool
    answered_at: dt.datetime | None
    note: str = Field(description="The department's note to its answer.")
    evidence_withdrawn_on: dt.date | None = Field(description="Since when the records no longer support it.")


class Page(Schema):
    items: list[Item]
    next: str | None = Field(description="The cursor of the next page; null on the last page.")


class Quantity(Schema):
    """A compared value. A parameter has its legal reference and the first day on which it is valid."""

    name: str
    label: Words
    value: Value
    unit: str | None
    legal_reference: str = ""
    since: dt.date | None = None


class Fact(Schema):
    """One condition; `holds` is null when it is unknown."""

    sentence: Words
    holds: bool | None
    values: list[Quantity]
    parameters: list[Quantity]


class Step(Schema):
    """One step of the amount's calculation; the last step is the amount."""

    id: str
    label: Words
    sentence: Words
    value: Value


class Named(Schema):
    """An exclusion or a guard; `holds` is null when it is unknown."""

    label: Words
    holds: bool | None
    facts: list[Fact]


class Within(Schema):
    amount: int
    unit: str


class Resident(Schema):
    """A person, with the fields that the department needs to deliver, as the pack says; other fields are
    absent."""

    number: str | None = None
    name: str | None = None
    phone: str | None = None
    address: str | None = None


class ReferralDetail(Item):
    """One referral with its persons and the facts that its programme reads. Each access is recorded."""

    within: Within
    people: list[Resident]
    steps: list[Step]
    eligible: list[Fact]
    exclusions: list[Named]
    guards: list[Named]
    check: Words | None
    legal_reference: str


class Answer(Schema):
    """The answer to a referral, for the `version` that was read."""

    model_config = ConfigDict(extra="forbid")
    version: Annotated[int, Field(ge=1, le=2**31 - 1, strict=True)]
    note: Annotated[str, Field(max_length=400, strict=True), AfterValidator(_printable)] = Field(
        "",
        description="The reason for returning it, without names or identity numbers.",
        json_schema_extra={"pattern": PLAIN},
    )


class Answered(Schema):
    reference: str
    version: int
    state: State
    answered_at: dt.datetime


class Fault(Schema):
    pointer: str
    detail: str


class ProblemDetails(Schema):
    """An error, as RFC 9457 defines it."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[Fault] | None = None
