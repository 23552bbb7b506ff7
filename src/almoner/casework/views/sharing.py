"""Pages of data sharing: feeds with their agreements and currency, and the rules that read each field."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from almoner.casework.accounts.access import Right, may_or_404
from almoner.casework.core import words
from almoner.casework.figures import complete_days
from almoner.casework.figures.freshness import freshness
from almoner.casework.models import Department, FeedState, Rule

KINDS = {
    "signal": "signals",
    "category": "categories",
    "programme": "programmes",
    "timeline": "timelines",
}  # kinds of rules that read fields
ROLES = {  # how the registry uses a field
    "resident_id": gettext_lazy("replaced by an internal number"),
    "household": gettext_lazy("replaced by an internal number"),
    "name": gettext_lazy("sealed in the vault"),
    "phone": gettext_lazy("sealed in the vault"),
    "address": gettext_lazy("sealed in the vault"),
    "audit_only": gettext_lazy("for audits only; no rule may read it"),
}


@dataclass(frozen=True)
class SharedField:
    name: str
    label: str
    kept: str
    purposes: str
    readers: list[tuple[str, str, str]]  # kind, key, label


@require_GET
def sharing(request: HttpRequest) -> HttpResponse:
    may_or_404(request.user, Right.FEEDS)
    today, owners = dt.date.today(), _departments()
    feeds = [freshness(feed, today) for feed in FeedState.objects.all()]
    context = {
        "feeds": [(one, owners.get(one.feed.owner, one.feed.owner)) for one in feeds],
        "late": sum(one.is_late for one in feeds),
        "waits": complete_days.waiting(),
    }
    return render(request, "casework/sharing.html", context)


@require_GET
def feed(request: HttpRequest, feed: str) -> HttpResponse:
    may_or_404(request.user, Right.FEEDS)
    found = FeedState.objects.filter(pk=feed).first()
    if found is None:
        raise Http404
    labels = {(rule.kind, rule.key): words.in_language(rule.body["label"]) for rule in Rule.objects.all()}
    parts, more = complete_days.complete_parts(found)
    context = {
        "parts": parts,
        "more": more,
        "waits": complete_days.waiting(found),
        "one": freshness(found, dt.date.today()),
        "owner": _departments().get(found.owner, found.owner),
        "purposes": _purposes(found.purposes),
        "fields": [_field(field, labels) for field in found.fields],
    }
    return render(request, "casework/feed.html", context)


def _departments() -> dict[str, str]:
    return {key: words.in_language(label) for key, label in Department.objects.values_list("id", "label")}


def _purposes(purposes: list[Mapping[str, str]]) -> str:
    return _(", ").join(words.in_language(purpose) for purpose in purposes)


def _field(field: Mapping[str, Any], labels: Mapping[tuple[str, str], str]) -> SharedField:
    readers = [
        (kind, key, labels.get((kind, key), key))
        for kind, many in KINDS.items()
        for key in field.get(many, ())
    ]
    label = words.in_language(field["label"]) if field["label"] else field["name"]
    own = _purposes(field["purposes"]) if field["purposes"] is not None else ""
    return SharedField(field["name"], label, str(ROLES.get(field["role"], "")), own, readers)
