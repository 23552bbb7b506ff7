"""The shapes of a pack's YAML files, as Pydantic models: which keys a file has, and of what type."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from almoner.policy.model.support import Participation

Words = Annotated[dict[str, str], Field(min_length=1)]
SqlText = str | int | float | bool  # `value: 800` and `when: true` are SQL too
Day = dt.date
_Place = Annotated[int, Field(ge=1, le=64)]  # in a number


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Calendar(Shape):
    holidays: list[Day] = []
    working_weekends: list[Day] = []


class PanelShape(Shape):
    package: str
    dataset: str
    columns: dict[str, dict[str, str]]
    period: str
    poor: str
    person: str
    order_by: dict[str, str] = {}


class PackShape(Shape):
    name: str
    version: str
    label: Words
    languages: Annotated[list[str], Field(min_length=1)]
    currency: str
    extends: str | None = None
    purposes: dict[str, Words]
    units: dict[str, Words] = {}  # words for the letters of units
    placeholders: list[str] = []  # what stands for a code that is missing
    calendar: Calendar = Calendar()
    panel: PanelShape | None = None


class BirthDateShape(Shape):
    at: _Place  # of the first digit, from 1
    format: Literal["yyyyMMdd"]


class IdentifierShape(Shape):
    label: Words
    length: _Place | list[_Place] | None = None
    pattern: str | None = None
    birth_date: BirthDateShape | None = None
    check_digit: str | None = None
    reference: Annotated[str, Field(min_length=1)]


class Hours(Shape):
    opens: str
    closes: str


class DepartmentShape(Shape):
    label: Words
    inbox: str = "console"
    identity: list[Literal["number", "name", "phone", "address"]] = ["number", "name"]
    hours: Hours | None = None  # none: the office hours of terms.yaml


class ColumnShape(Shape):
    label: Words
    unit: str | int | None = None
    meaning: dict[str, str] = {}


class IndicatorShape(Shape):
    subject: Literal["person", "household"]
    label: Words
    holes: dict[str, Annotated[str, Field(min_length=1)]] = {}  # by feed, why a missing period does no harm
    columns: Annotated[dict[str, ColumnShape], Field(min_length=1)]


class TimelineShape(Shape):
    subject: Literal["person", "household"]
    label: Words
    holes: dict[str, Annotated[str, Field(min_length=1)]] = {}
    unit: str | int | None = None
    meaning: dict[str, str] = {}


class NaiveRuleShape(Shape):
    subject: Literal["person", "household"]
    label: Words
    holes: dict[str, Annotated[str, Field(min_length=1)]] = {}
    need: str


class TermShape(Shape):
    amount: Annotated[int, Field(ge=1)] | str  # ":name" is a parameter; see `almoner.policy.clocks`
    unit: Literal["hours", "days", "working_days"]


class LevelShape(Shape):
    level: str  # one of `levels` in terms.yaml
    when: SqlText | None = None
    within: TermShape


class Confirm(Shape):
    department: str


class SignalShape(Shape):
    label: Words
    subject: Literal["person", "household"]
    theme: str
    purpose: str
    when: SqlText
    severity: SqlText | None = None
    levels: Annotated[list[LevelShape], Field(min_length=1)]
    confirm: Confirm
    check: Words
    why: Words
    expires_days: Annotated[int, Field(ge=1)]
    needs: list[str] = []


class ExclusionShape(Shape):
    label: Words
    when: SqlText


class StepShape(Shape):
    id: str
    label: Words
    value: SqlText


class AddonShape(StepShape):
    stacks: bool = True


class CapShape(Shape):
    label: Words
    value: SqlText


class CauseShape(Shape):
    id: str
    label: Words
    signals: Annotated[list[str], Field(min_length=1)]
    helped: SqlText


class OnceShape(Shape):
    months: Annotated[int, Field(ge=1)]
    causes: Annotated[list[CauseShape], Field(min_length=1)]


class GradualExitShape(Shape):
    label: Words
    when: SqlText
    since: SqlText
    months: SqlText
    amount: SqlText


class SpanShape(Shape):
    amount: Annotated[int, Field(ge=1)]
    unit: Literal["days", "months", "years"]


class LocalCheckShape(Shape):
    department: str
    within: TermShape


class ProgrammeShape(Shape):
    label: Words
    subject: Literal["person", "household"]
    kind: Literal["cash", "service"]
    purpose: str | None = None
    purposes: Annotated[list[str], Field(min_length=1)] | None = None
    order: int = 100
    signals: list[str] = []
    categories: list[str] = []
    eligible: SqlText
    exclusions: list[ExclusionShape] = []
    instead_of: list[str] = []
    not_with: list[str] = []
    once: OnceShape | None = None
    amount: Annotated[list[StepShape], Field(min_length=1)]
    addons: list[AddonShape] = []
    cap: CapShape | None = None
    total: Words | None = None
    gradual_exit: GradualExitShape | None = None
    unit: str
    department: str
    within: TermShape
    pays_first: bool = False
    verify_within: TermShape | None = None
    lasts: SpanShape | None = None
    participation: Participation
    notice: TermShape | None = None
    local_check: LocalCheckShape | None = None
    authorises: list[str] = []
    reference: str


class ReviewShape(Shape):
    months: Annotated[int, Field(ge=1)]
    question: Words
    within: TermShape


class ExitShape(Shape):
    question: Words
    when: SqlText
    guards: Annotated[list[ExclusionShape], Field(min_length=1)]
    check: Words
    department: str | None = None
    within: TermShape


class CategoryShape(Shape):
    label: Words
    subject: Literal["person", "household"]
    tier: Annotated[int, Field(ge=1)]
    purpose: str | None = None
    purposes: Annotated[list[str], Field(min_length=1)] | None = None
    signals: Annotated[list[str], Field(min_length=1)]
    when: SqlText
    held: SqlText
    unless: list[str] = []
    since: SqlText | None = None
    valid_months: Annotated[int, Field(ge=1)] | None = None
    review: ReviewShape | None = None
    exit: ExitShape | None = None
    department: str
    within: TermShape
    check: Words
    reference: str


DEPARTMENTS = dict[str, DepartmentShape]
