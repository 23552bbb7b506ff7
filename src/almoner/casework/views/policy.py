"""Pages of the pack in use: its rules in words, with dates and legal references."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from almoner.casework.accounts.access import Right, may_or_404
from almoner.casework.core import words
from almoner.casework.core.legal_terms import TERM, level_names, said
from almoner.casework.figures.areas import Areas
from almoner.casework.models import Department, Label, PackInUse, Rule
from almoner.policy.model.terms import Words

KINDS = {
    "signal": gettext_lazy("Signals"),
    "category": gettext_lazy("Categories"),
    "programme": gettext_lazy("Programmes"),
    "term": gettext_lazy("Terms of the procedure"),
    "parameter": gettext_lazy("Parameters"),
    "timeline": gettext_lazy("Shown over the months"),
}
STANDINGS = {  # how well a legal source is known (`almoner.policy.authoring.references`)
    "general knowledge": gettext_lazy("general knowledge: nobody has read the document"),
    "example value": gettext_lazy("example value: to be confirmed"),
    "setting": gettext_lazy("setting of this pack"),
    "document": gettext_lazy("document"),
}
Body = Mapping[str, Any]


@require_GET
def policy(request: HttpRequest) -> HttpResponse:
    may_or_404(request.user, Right.POLICY)
    rules = list(Rule.objects.all())
    departments = _departments()
    groups = [
        (kind, heading, [_row(rule, departments) for rule in rules if rule.kind == kind])
        for kind, heading in KINDS.items()
    ]
    pack = PackInUse.objects.filter(pk=1).first()
    context = {"groups": groups, "pack": pack, "pack_label": words.in_language(pack.label) if pack else ""}
    return render(request, "casework/policy.html", context)


@require_GET
def rule(request: HttpRequest, kind: str, key: str) -> HttpResponse:
    may_or_404(request.user, Right.POLICY)
    found = Rule.objects.filter(kind=kind, key=key).first()
    if found is None:
        raise Http404
    body, departments = found.body, _departments()
    context = {
        "rule": found,
        "heading": KINDS[kind],
        "label": words.in_language(body["label"]),
        "department": departments.get(body.get("department", ""), body.get("department", "")),
        "within": words.within(body["within"]) if body.get("within") else "",
        "purposes": _(", ").join(words.in_language(purpose) for purpose in body.get("purposes", ())),
        "check": words.in_language(body.get("check")),
        "why": words.in_language(body.get("why")),
        "meaning": words.in_language(body.get("meaning")),
        "when": _condition(body["when"]) if body.get("when") else None,
        "levels": _levels(body),
        "exclusions": [words.in_language(label) for label in body.get("exclusions", ())],
        "steps": [(words.in_language(step["label"]), _condition(step)) for step in body.get("steps", ())],
        "reference": body.get("reference", ""),
        "standing": STANDINGS.get(body.get("standing", ""), ""),
        "values": _values(kind, body),
        "expires_days": body.get("expires_days"),
    }
    return render(request, "casework/rule.html", context)


def _departments() -> dict[str, str]:
    return {key: words.in_language(label) for key, label in Department.objects.values_list("id", "label")}


def _row(found: Rule, departments: Mapping[str, str]) -> tuple[str, str, str]:
    """A rule's key, its label, and a short text: the department, or the value that is valid now."""
    body = found.body
    if "department" not in body:
        return found.key, words.in_language(body["label"]), ""
    return (
        found.key,
        words.in_language(body["label"]),
        departments.get(body["department"], body["department"]),
    )


def _condition(condition: Body) -> tuple[str, list[tuple[str, str]]]:
    """A condition's SQL, and the meaning of its names."""
    return condition["sql"], [(name, words.in_language(label)) for name, label in condition["names"].items()]


def _levels(body: Body) -> list[tuple[words.LevelText, str, tuple[str, list[tuple[str, str]]] | None]]:
    """The levels of a signal, each with time limit and condition."""
    listed = body.get("levels", ())
    named = level_names() if listed else {}
    return [
        (
            words.level(level["id"], named),
            words.within(level["within"]),
            _condition(level["when"]) if level["when"] else None,
        )
        for level in listed
    ]


def _values(kind: str, body: Body) -> list[tuple[str, str, str, str, str]]:
    """The values of a parameter or term: area, valid since, value, reference and standing; newest first by
    area."""
    if "values" not in body:
        return []
    areas = Areas()
    units = dict(Label.objects.filter(kind="unit").values_list("key", "words"))
    return [
        (
            areas.name(value["area"]) if value["area"] else _("everywhere"),
            words.day(value["since"]),
            _value(kind, value["value"], body["unit"], units),
            value["reference"],
            str(STANDINGS.get(value["standing"], "")),
        )
        for value in body["values"]
    ]


def _value(kind: str, value: Any, unit: str, units: Mapping[str, Words]) -> str:
    if kind == TERM:
        return said(value)
    return _("ended") if value is None else words.quantity(value, unit, units)
