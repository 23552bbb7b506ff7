"""The shapes of a pack's YAML files, as Pydantic models, and their faults in words with file and line."""

from __future__ import annotations

import datetime as dt
import types
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from almoner.policy.document import Document, Path
from almoner.policy.model.support import Participation
from almoner.policy.reading import units
from almoner.policy.report import Report, instead

Words = Annotated[dict[str, str], Field(min_length=1)]
SqlText = str | int | float | bool  # `value: 800` and `when: true` are SQL too
Day = dt.date


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
    calendar: Calendar = Calendar()
    panel: PanelShape | None = None


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
    columns: Annotated[dict[str, ColumnShape], Field(min_length=1)]


class TimelineShape(Shape):
    subject: Literal["person", "household"]
    label: Words
    unit: str | int | None = None
    meaning: dict[str, str] = {}


class NaiveRuleShape(Shape):
    subject: Literal["person", "household"]
    label: Words
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


@cache
def _adapter(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)


def fit(document: Document, shape: Any, report: Report) -> Any:
    """The document as `shape`; None when it does not fit, and then every misfit is in `report`."""
    try:
        return _adapter(shape).validate_python(document.data)
    except ValidationError as error:
        seen: set[Path] = set()
        for fault in error.errors(include_url=False):
            path = _path(document, fault["loc"])
            if path not in seen or fault["type"] == "missing":
                seen.add(path)
                _tell(document, shape, path, fault, report)
        return None


def _path(document: Document, loc: tuple[int | str, ...]) -> Path:
    """The part of Pydantic's `loc` that is a path in the data: it adds names of union members."""
    path: Path = ()
    value: Any = document.data
    for step in loc:
        held = (
            value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
        )
        if step not in held:
            break
        value = value[step]
        path = (*path, step)
    return path


def _tell(document: Document, shape: Any, path: Path, fault: ErrorDetails, report: Report) -> None:
    name = path[-1] if path else "the file"
    if fault["type"] == "extra_forbidden":
        advice = instead(str(name), _keys(shape, path[:-1]))
        report.at(document, path, "unknown-key", f"`{name}` is not a key here.", advice)
    elif fault["type"] == "missing":
        missing = fault["loc"][-1]
        report.at(document, path, "missing-key", f"`{missing}` is missing{_of(path)}.", f"Add `{missing}:`.")
    elif fault["type"] == "literal_error":
        value, known = fault["input"], fault["ctx"]["expected"].replace("'", "`")
        report.at(
            document,
            path,
            "wrong-value",
            f"`{name}: {value}` is not one of the values there are.",
            f"Write {known}.",
        )
    else:
        message = f"`{name}` has the wrong form: {fault['msg'][0].lower()}{fault['msg'][1:]}."
        report.at(document, path, "wrong-type", message, _form_advice(fault))


def _of(path: Path) -> str:
    return f" in `{'.'.join(str(p) for p in path)}`" if path else ""


_FORMS = {
    "int_type": "Write a whole number.",
    "float_type": "Write a number.",
    "list_type": "Write a list, for example [one, another].",
    "too_short": "Write at least one.",
    "string_too_short": "Write a text.",
}


def _form_advice(fault: ErrorDetails) -> str:
    kind, value = fault["type"], fault["input"]
    if kind == "string_type":
        return f'Write it in quotes: "{value}".' if isinstance(value, (int, float, bool)) else "Write a text."
    if kind == "bool_type":
        return "Write true or false."
    if kind.startswith("date"):
        return "Write a date as 2026-01-31."
    if kind in _FORMS:
        return _FORMS[kind]
    if kind == "greater_than_equal":
        return f"Write a number of at least {fault['ctx']['ge']:g}."
    if kind == "dict_type":
        return "Write one line per language, for example {en: ..., zh: ...}, or the keys that belong here."
    return "See docs/packs.md for the form."


def _keys(shape: Any, path: Path) -> Iterable[str]:
    """The keys that `shape` has at `path`."""
    for step in path:
        shape = _child(_bare(shape), step)
    shape = _bare(shape)
    return tuple(shape.model_fields) if isinstance(shape, type) and issubclass(shape, BaseModel) else ()


def _child(shape: Any, step: str | int) -> Any:
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        field = shape.model_fields.get(str(step))
        return field.annotation if field else None
    arguments = get_args(shape)
    return arguments[-1] if get_origin(shape) in {dict, list} and arguments else None


def _bare(shape: Any) -> Any:
    """Without Annotated and Optional."""
    while get_origin(shape) is Annotated:
        shape = get_args(shape)[0]
    if get_origin(shape) in {Union, types.UnionType}:
        inner = [a for a in get_args(shape) if a is not type(None)]
        return _bare(inner[0]) if len(inner) == 1 else None
    return shape


def words(document: Document, path: Path, languages: Iterable[str], report: Report) -> None:
    """Words need every language of the pack, and none of them empty."""
    found = document.get(*path)
    short = [language.split("-")[0] for language in languages]
    if not isinstance(found, Mapping) or not short:
        return
    missing = [language for language in short if not str(found.get(language) or "").strip()]
    if missing:
        listed = ", ".join(missing)
        report.at(
            document,
            path,
            "missing-translation",
            f"`{path[-1]}` has no words in: {listed}.",
            f"Add `{missing[0]}:`.",
        )
    for language in set(map(str, found)) - set(short):
        advice = instead(language, short)
        report.at(
            document,
            (*path, language),
            "unknown-language",
            f"`{language}` is not a language of this pack.",
            advice,
        )


def all_words(document: Document, languages: Iterable[str], report: Report, names: Iterable[str]) -> None:
    """Check every mapping that stands under one of the keys `names`, anywhere in the document."""
    wanted = set(names)
    for path in list(document.positions):
        if path and path[-1] in wanted and isinstance(document.get(*path), Mapping):
            words(document, path, languages, report)


def unit(document: Document, path: Path, value: Any, atoms: Iterable[str], report: Report) -> units.Unit:
    """The unit written at `path`; UNKNOWN, and a finding, when it is none."""
    known = frozenset(atoms)
    try:
        return units.parse(None if value is None else str(value), known)
    except ValueError as error:
        word = str(error)
        close = units.closest(word, known)
        advice = f"Write `{close}` instead?" if close else instead(word, units.ATOMS | known)
        report.at(
            document,
            path,
            "unknown-unit",
            f"`{word}` is no unit.",
            f"{advice} New ones go under `units` in pack.yaml.",
        )
        return units.UNKNOWN
