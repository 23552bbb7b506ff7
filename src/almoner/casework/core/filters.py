"""Filters of lists, read from an address in one place.

A value that a filter does not know is left out and said on the page; the other filters hold. When no other
filter is left, the list is not shown at all, because one typing error must not show or export everything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
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
    """The filters of an address: the values that hold, and a sentence for each that was left out.

    `narrows` says whether one of the filters that hold makes the list smaller.
    """

    chosen: Mapping[str, Any]
    left_out: tuple[str, ...]
    narrows: bool

    @property
    def shows_nothing(self) -> bool:
        """Whether the list must not be shown, because all its filters were left out."""
        return bool(self.left_out) and not self.narrows

    @property
    def complaint(self) -> str:
        """What was left out, and what follows; empty when all filters hold."""
        if not self.left_out:
            return ""
        if self.shows_nothing:
            return " ".join(
                (
                    *self.left_out,
                    _("No other filter is set, so nothing is listed. Choose a filter or a list."),
                )
            )
        return " ".join((*self.left_out, _("The other filters hold.")))


class KnownChoiceField(forms.ChoiceField):
    """A choice that also takes values that are not offered, because nothing in the list has them now."""

    def know(self, labels: Mapping[str, str], chosen: str) -> None:
        """Offer the chosen value too when it has one of these labels, so that the page shows it."""
        if chosen in labels and not self.valid_value(chosen):
            offered: Any = self.choices
            self.choices = [*offered, (chosen, labels[chosen])]


Wide = Mapping[str, Collection[str]]


def read(form: forms.Form, wide: Wide) -> Filters:
    """The filters of a form that is bound to an address. `wide` names, by parameter, the values that choose a
    whole list and so filter nothing."""
    form.is_valid()
    chosen = {name: form.cleaned_data.get(name, "") for name in form.fields if name not in form.errors}
    narrows = any(
        value not in {"", None} and value not in wide.get(name, ())
        for name, value in chosen.items()
        if not form.fields[name].widget.is_hidden
    )
    return Filters(chosen=chosen, left_out=tuple(_left_out(form)), narrows=narrows)


def report_filters(request: HttpRequest, form: forms.Form, wide: Wide) -> Filters:
    """The same, with a message on the page about what was left out."""
    found = read(form, wide)
    if found.complaint:
        messages.error(request, found.complaint)
    return found


def _left_out(form: forms.Form) -> Iterator[str]:
    data = form.data if isinstance(form.data, QueryDict) else QueryDict()
    for name, values in data.lists():
        if name not in form.fields:
            if name != PARAMETER:
                yield _("There is no filter “%(name)s”. It was left out.") % {"name": _short(name)}
            continue
        label = form.fields[name].label or name
        if name in form.errors:
            yield _("%(filter)s: “%(value)s” is not known here. This filter was left out.") % {
                "filter": label,
                "value": _short(values[-1]),
            }
        if len(set(values)) > 1:
            yield _("%(filter)s: several values were given, and the last one holds.") % {"filter": label}


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
