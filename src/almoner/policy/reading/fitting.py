"""Checks YAML documents against their shapes, translations and units, and reports what does not fit."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from almoner.policy.document import Document, Path
from almoner.policy.reading import units
from almoner.policy.report import Report, instead


@cache
def _adapter(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)


def fit(document: Document, shape: Any, report: Report) -> Any:
    """The document as `shape`, a Pydantic model or a type made of models.

    None when the document does not fit; `report` then has a finding for every misfit.
    """
    try:
        return _adapter(shape).validate_python(document.data)
    except ValidationError as error:
        seen: set[Path] = set()
        for fault in error.errors(include_url=False):
            path = _path(document, fault["loc"])
            if path not in seen or fault["type"] == "missing":
                seen.add(path)
                _report_misfit(document, shape, path, fault, report)
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


def _report_misfit(document: Document, shape: Any, path: Path, fault: ErrorDetails, report: Report) -> None:
    name = path[-1] if path else "the file"
    if fault["type"] == "extra_forbidden":
        advice = instead(str(name), _keys(shape, path[:-1]))
        report.at(document, path, "unknown-key", f"`{name}` is not a key here.", advice)
    elif fault["type"] == "missing":
        missing = fault["loc"][-1]
        report.at(
            document, path, "missing-key", f"`{missing}` is missing{_within(path)}.", f"Add `{missing}:`."
        )
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


def _within(path: Path) -> str:
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


def check_translations(document: Document, path: Path, languages: Iterable[str], report: Report) -> None:
    """Report the languages in which the text at `path` is missing, and those that the pack does not have."""
    texts = document.get(*path)
    short = [language.split("-")[0] for language in languages]
    if not isinstance(texts, Mapping) or not short:
        return
    missing = [language for language in short if not str(texts.get(language) or "").strip()]
    if missing:
        listed = ", ".join(missing)
        report.at(
            document,
            path,
            "missing-translation",
            f"`{path[-1]}` has no words in: {listed}.",
            f"Add `{missing[0]}:`.",
        )
    for language in set(map(str, texts)) - set(short):
        advice = instead(language, short)
        report.at(
            document,
            (*path, language),
            "unknown-language",
            f"`{language}` is not a language of this pack.",
            advice,
        )


def check_all_translations(
    document: Document, languages: Iterable[str], report: Report, names: Iterable[str]
) -> None:
    """Check the translations of every text that stands under one of the keys `names`, at any depth."""
    keys = set(names)
    for path in list(document.positions):
        if path and path[-1] in keys and isinstance(document.get(*path), Mapping):
            check_translations(document, path, languages, report)


def unit(document: Document, path: Path, value: Any, atoms: Iterable[str], report: Report) -> units.Unit:
    """The unit that `value`, written at `path`, stands for; UNKNOWN, and a finding, when it is not a unit.

    `atoms` are the units that the pack adds to those of `units.ATOMS`.
    """
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
            f"`{word}` is not a unit.",
            f"{advice} New ones go under `units` in pack.yaml.",
        )
        return units.UNKNOWN
