"""Filters of lists, read from an address in one place.

A filter or a value that is not known, and a filter with several values, are said on the page, and nothing is
listed: one typing error must not show or export more than was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _

from almoner.casework.core.paging import PARAMETER

SHOWN = 40  # characters of a value that a message repeats


@dataclass(frozen=True, kw_only=True)
class Filters:
    """The filters of an address: the values that are known, and a sentence for each that cannot be used."""

    chosen: Mapping[str, Any]
    unusable: tuple[str, ...]

    @property
    def shows_nothing(self) -> bool:
        """Whether the list must not be shown, because a filter cannot be used."""
        return bool(self.unusable)

    @property
    def complaint(self) -> str:
        """What cannot be used, and what follows; empty when all filters hold."""
        if not self.unusable:
            return ""
        return " ".join((*self.unusable, _("So nothing is listed. Correct the filter, or choose another.")))


class KnownChoiceField(forms.ChoiceField):
    """A choice that also takes values that are not offered, because nothing in the list has them now."""

    def know(self, labels: Mapping[str, str], chosen: str) -> None:
        """Offer the chosen value too when it has one of these labels, so that the page shows it."""
        if chosen in labels and not self.valid_value(chosen):
            offered: Any = self.choices
            self.choices = [*offered, (chosen, labels[chosen])]


def read(form: forms.Form) -> Filters:
    """The filters of a form that is bound to an address."""
    form.is_valid()
    chosen = {name: form.cleaned_data.get(name, "") for name in form.fields if name not in form.errors}
    return Filters(chosen=chosen, unusable=tuple(_unusable(form)))


def report_filters(request: HttpRequest, form: forms.Form) -> Filters:
    """The same, with a message on the page about what cannot be used."""
    found = read(form)
    if found.complaint:
        messages.error(request, found.complaint)
    return found


def _unusable(form: forms.Form) -> Iterator[str]:
    data = form.data if isinstance(form.data, QueryDict) else QueryDict()
    for name, values in data.lists():
        if name not in form.fields:
            if name != PARAMETER:
                yield _("There is no filter “%(name)s”.") % {"name": _short(name)}
            continue
        label = form.fields[name].label or name
        if name in form.errors:
            yield _("%(filter)s: “%(value)s” is not known here.") % {
                "filter": label,
                "value": _short(values[-1]),
            }
        if len(set(values)) > 1:
            yield _("%(filter)s: several values were given. Give one.") % {"filter": label}


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
