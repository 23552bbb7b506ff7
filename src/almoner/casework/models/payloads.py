"""Templates of evidence: wording that many households share is stored once
(`almoner.assessment.templates`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import models

from almoner.assessment.templates import Template
from almoner.support.payloads import Body

_READ: dict[str, Template] = {}  # by the digest of the text, so that entries never become stale


class BodyForm(models.Model):
    """One template. It is kept for ever, because stored bindings cannot be read without it."""

    digest = models.CharField(primary_key=True, max_length=64)
    text = models.TextField()

    def __str__(self) -> str:
        return self.digest


def keep_forms(forms: Iterable[Template]) -> None:
    """Store the templates that are new."""
    rows = [
        BodyForm(digest=form.digest, text=form.text)
        for form in {form.digest: form for form in forms}.values()
    ]
    BodyForm.objects.bulk_create(rows, ignore_conflicts=True)


def read_forms(digests: Iterable[str]) -> None:
    """Read templates in one query before they are needed."""
    missing = {digest for digest in digests if digest} - _READ.keys()
    if missing:
        for row in BodyForm.objects.filter(digest__in=missing):
            _READ[row.digest] = Template.of(row.text)


def stored_body(digest: str, answers: Any) -> Body:
    """The evidence with these bindings; `digest` names its template. Without a template the bindings are the
    evidence."""
    read_forms([digest])
    return Body.holding(answers, _READ[digest] if digest else None)
