"""Compares two compiled packs, for reviewers: one line for each thing that changed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from almoner.policy.model.legal_terms import TermValue, in_brief
from almoner.policy.model.pack import Pack, ParameterValue
from almoner.policy.model.terms import Condition

_NOT_POLICY = frozenset(
    {"hash", "scenarios"}
)  # scenarios decide nothing; the hash says only that something differs
_FIRST = (
    "parameters",
    "terms",
    "signals",
    "categories",
    "programmes",
    "indicators",
    "timelines",
    "feeds",
    "watch",
)
_DERIVED = frozenset({"reads", "feeds"})  # found by walking the SQL: they change with it
_DATED = (ParameterValue, TermValue)
_NAMES = ("id", "name", "level")  # what a member of a list is known by


@dataclasses.dataclass(frozen=True)
class PackChange:
    """One difference. `before` is None for what is new, `after` for what is gone.

    `part` is the pack's part (`parameters`, `signals`, ...), `item` the id in it, `path` the place in the
    item; the path is empty where a whole item came or went.
    """

    part: str
    item: str
    path: str
    before: str | None
    after: str | None


def changes(old: Pack, new: Pack) -> list[PackChange]:
    """All differences in what the packs decide, rules before names and calendars; empty when there are
    none."""
    parts = [field.name for field in dataclasses.fields(Pack) if field.name not in _NOT_POLICY]
    ordered = sorted(parts, key=lambda part: _FIRST.index(part) if part in _FIRST else len(_FIRST))
    return [c for part in ordered for c in _part(part, getattr(old, part), getattr(new, part))]


def _part(part: str, old: Any, new: Any) -> Iterator[PackChange]:
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        yield from _leaves(part, "", _flat(old), _flat(new))
        return
    for item in dict.fromkeys([*old, *new]):
        name = str(item)
        if item not in old or item not in new:
            words = _summary(old.get(item, new.get(item)), name)
            yield PackChange(part, name, "", words if item in old else None, words if item in new else None)
        else:
            yield from _leaves(part, name, _flat(old[item]), _flat(new[item]))


def _leaves(part: str, item: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[PackChange]:
    for path in dict.fromkeys([*old, *new]):
        if old.get(path) != new.get(path):
            yield PackChange(part, item, path, old.get(path), new.get(path))


def _summary(value: Any, name: str) -> str:
    label = getattr(value, "label", None)
    return " / ".join(label.values()) if isinstance(label, Mapping) and label else name


def _flat(value: Any, path: str = "") -> dict[str, str]:
    """Every leaf of a value by its dotted path."""
    if value is None or value == () or (isinstance(value, Mapping) and not value):
        return {}
    if isinstance(value, Condition):
        return {path: " ".join(value.sql.split())}
    if isinstance(value, ParameterValue):
        shown = "ended" if value.value is None else _plain(value.value)
        return {path: f"{shown} ({value.reference})"}
    if isinstance(value, TermValue):
        return {path: f"{in_brief(value.value)} ({value.reference})"}
    if dataclasses.is_dataclass(value):
        fields = [f.name for f in dataclasses.fields(value) if f.name not in _DERIVED]
        return _joined({name: getattr(value, name) for name in fields}, path)
    if isinstance(value, Mapping):
        return _joined({"default" if k is None else str(k): v for k, v in value.items()}, path)
    if isinstance(value, tuple | list):
        return _members(value, path)
    return {path: _plain(value)}


def _members(values: tuple[Any, ...] | list[Any], path: str) -> dict[str, str]:
    """A list of named things by their names, and their order; a list of plain ones as one text."""
    if not any(dataclasses.is_dataclass(v) for v in values):
        return {path: ", ".join(_plain(v) for v in values)}
    keys = [_key(v, n) for n, v in enumerate(values, 1)]
    order = {} if isinstance(values[0], _DATED) else {_under(path, "order"): ", ".join(keys)}
    return _joined(dict(zip(keys, values, strict=True)), path) | order


def _key(value: Any, position: int) -> str:
    if isinstance(value, _DATED):
        return value.since.isoformat()
    return next((str(getattr(value, name)) for name in _NAMES if hasattr(value, name)), str(position))


def _joined(values: Mapping[str, Any], path: str) -> dict[str, str]:
    return {k: v for name, value in values.items() for k, v in _flat(value, _under(path, name)).items()}


def _under(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, frozenset | set):
        return ", ".join(sorted(map(str, value)))
    return " ".join(str(value).split()) if isinstance(value, str) else str(value)
