"""Read the outbox: changes in order, in slices, for casework to apply."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any

from almoner.assessment import records
from almoner.assessment.templates import Template
from almoner.engines import Engine
from almoner.support.changes import Change
from almoner.support.payloads import Body

SLICE = 5_000
_COLUMNS = tuple(field.name for field in fields(Change) if field.name != "body")


def changes_after(engine: Engine, seq: int, rows: int = SLICE) -> Iterator[list[Change]]:
    """Changes with a larger `seq`, oldest first, in slices of at most `rows`."""
    templates: dict[str, Template] = {}
    while found := records.changes_after(engine, _COLUMNS, seq, rows):
        _read_templates(engine, templates, {row[-2] for row in found if row[-2]})
        changes = [_change(row, templates) for row in found]
        yield changes
        seq = changes[-1].seq
        if len(found) < rows:
            return


def _read_templates(engine: Engine, templates: dict[str, Template], wanted: Iterable[str]) -> None:
    for digest, text in records.template_texts(engine, set(wanted) - templates.keys()).items():
        templates[digest] = Template.of(text)


def _change(row: tuple[Any, ...], templates: dict[str, Template]) -> Change:
    *values, template, body = row
    return Change(
        **dict(zip(_COLUMNS, values, strict=True)), body=Body(body, templates[template] if template else None)
    )
