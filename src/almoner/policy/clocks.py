"""Terms whose amount is a parameter, as in `within: {amount: ":days_to_check", unit: working_days}`.

A place changes such a term by its own dated parameter and leaves the rule as it is. The parameter is the same
in all areas, because a term belongs to the department that acts.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from almoner.policy.document import Document, Path
from almoner.policy.model.pack import Pack, Parameter
from almoner.policy.model.terms import Term
from almoner.policy.report import Report, instead

UNITS = ("hours", "days", "working_days")


def check(document: Document, parameters: Mapping[str, Parameter | None], report: Report) -> None:
    """Report every term in a rule's file whose amount names a parameter that cannot be a term."""
    for path in document.positions:
        amount = document.get(*path)
        if path[-1:] == ("amount",) and isinstance(amount, str) and document.get(*path[:-1], "unit") in UNITS:
            _check(document, path, amount, parameters, report)


def _check(
    document: Document, path: Path, amount: str, parameters: Mapping[str, Parameter | None], report: Report
) -> None:
    name = amount.removeprefix(":")
    if not amount.startswith(":"):
        advice = 'Write a number, or a parameter as ":name".'
        report.at(document, path, "wrong-type", f"`amount: {amount}` is not a number.", advice)
    elif name not in parameters:
        advice = instead(name, parameters)
        report.at(document, path, "unknown-parameter", f"There is no parameter `{name}`.", advice)
    elif (parameter := parameters[name]) is not None and not _can_be_a_clock(parameter):
        message = f"`{name}` cannot be a time allowed."
        advice = "Give it whole numbers of at least 1 that never end, the same in all areas."
        report.at(document, path, "parameter-clock", message, advice)


def _can_be_a_clock(parameter: Parameter) -> bool:
    values = [v.value for v in parameter.areas.get(None, ())]
    whole = all(isinstance(v, int) and not isinstance(v, bool) and v >= 1 for v in values)
    return whole and bool(values) and not parameter.by_area


_LATEST: list[tuple[Pack, dt.date, Pack]] = []


def on(pack: Pack, day: dt.date) -> Pack:
    """The pack with every term that is a parameter as it is on `day`.

    Before a parameter's first day its first value holds.
    """
    for original, moved_to, moved in _LATEST:  # a stream asks every second
        if original is pack and moved_to == day:
            return moved
    _LATEST[:] = [(pack, day, _moved_to(pack, day))]
    return _LATEST[0][2]


def _moved_to(pack: Pack, day: dt.date) -> Pack:
    return replace(
        pack,
        signals={n: _on(s, pack, day) for n, s in pack.signals.items()},
        programmes={n: _on(p, pack, day) for n, p in pack.programmes.items()},
        categories={n: _on(c, pack, day) for n, c in pack.categories.items()},
        watch=_on(pack.watch, pack, day),
    )


def _on(value: Any, pack: Pack, day: dt.date) -> Any:
    if isinstance(value, Term):
        return (
            replace(value, amount=_amount(pack.parameters[value.parameter], day))
            if value.parameter
            else value
        )
    if isinstance(value, tuple):
        return tuple(_on(v, pack, day) for v in value)
    if is_dataclass(value) and not isinstance(value, type):
        values = {f.name: getattr(value, f.name) for f in fields(value)}
        moved = {name: new for name, old in values.items() if (new := _on(old, pack, day)) != old}
        return replace(value, **moved) if moved else value
    return value


def _amount(parameter: Parameter, day: dt.date) -> int:
    found = parameter.at(day) or parameter.areas[None][0]
    return int(found.value or 0)
