"""Forms of the queue, cases, areas, calendar, oversight, notices and grievances."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from almoner.casework.core.filters import KnownChoiceField
from almoner.casework.core.plain_texts import HoldsNumber, refuse_numbers
from almoner.casework.core.selects import QuickSelect
from almoner.casework.models import CaseState, DismissalReason, Ending, FalseAlarm, JumpCause, VisitFinding

REFERENCE_AND_VERSION = re.compile(r"([a-z0-9]{1,16}):([0-9]{1,9})")
BULK = 100  # most cases that are assigned to one person at once
LISTS = {
    "open": _("Mine and unassigned"),
    "mine": _("Mine"),
    "team": _("My team's"),
    "unassigned": _("Unassigned"),
    "back": _("Came back from somebody who left"),
    "overdue": _("Overdue"),
    "second": _("Waiting for a second person"),
    "asked": _("The household asks for something"),
    "telling": _("To be told of what is proposed"),
    "unanswered": _("Notice or authorisation not answered: to be visited"),
    "returned": _("Returned by a department"),
    "departments": _("Overdue at a department"),
    "withdrawn": _("Evidence withdrawn"),
    "held": _("On hold"),
    "new": _("Came in during the last 7 days"),
    "given": _("Given something in the last 30 days"),
    "all": _("All open"),
    "ended": _("Dismissed and closed"),
}


class QueueForm(forms.Form):
    """The filters of the queue. The caller gives the choices of levels, signals, programmes, areas and
    layers, and the areas and levels that are known but not offered, because no open case has them."""

    list = forms.ChoiceField(choices=list(LISTS.items()), required=False, widget=QuickSelect, label=_("List"))
    level = KnownChoiceField(required=False, widget=QuickSelect, label=_("Level"))
    signal = forms.ChoiceField(required=False, widget=QuickSelect, label=_("Signal"))
    state = forms.ChoiceField(
        required=False, widget=QuickSelect, label=_("State"), choices=[("", _("Any")), *CaseState.choices]
    )
    area = KnownChoiceField(required=False, widget=QuickSelect, label=_("Area"))
    programme = forms.ChoiceField(required=False, widget=QuickSelect, label=_("Programme"))
    watch = forms.ChoiceField(required=False, widget=QuickSelect, label=_("Watch list"))
    theme = forms.ChoiceField(required=False, widget=QuickSelect, label=_("Theme"))

    def __init__(
        self,
        *args: Any,
        choices: Mapping[str, Sequence[Any]],
        known: Mapping[str, Mapping[str, str]],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.widget.attrs["class"] = "govuk-select"
            if name in choices and isinstance(field, forms.ChoiceField):
                field.choices = [("", _("Any")), *choices[name]]
            if name in known and isinstance(field, KnownChoiceField):
                field.know(known[name], str(self.data.get(name, "")))


class WaitingForm(forms.Form):
    """Which records are listed: those that wait, or those that were answered."""

    list = forms.ChoiceField(
        required=False, label=_("List"), choices=[("", _("Waiting")), ("answered", _("Answered"))]
    )


class AnsweredForm(WaitingForm):
    """The same, and for answered ones the time before which they were answered."""

    before = forms.DateTimeField(required=False, label=_("Until"))

    def clean_before(self) -> dt.datetime | None:
        """The time without a zone, as all times are kept."""
        found = self.cleaned_data["before"]
        return found.replace(tzinfo=None) if isinstance(found, dt.datetime) else None


class ActForm(forms.Form):
    """One action on a record, for the `version` that the page showed. Guards check which fields are
    required."""

    version = forms.IntegerField(label=_("Version"))
    outcome = forms.ChoiceField(choices=DismissalReason.choices, required=False, label=_("Reason"))
    until = forms.DateField(required=False, label=_("Until"))
    day = forms.DateField(required=False, label=_("Day"))
    found = forms.ChoiceField(choices=VisitFinding.choices, required=False, label=_("What was found"))
    reason = forms.ChoiceField(choices=FalseAlarm.choices, required=False, label=_("Reason"))
    assignee = forms.IntegerField(required=False, label=_("Assigned to"))
    referral = forms.CharField(max_length=16, required=False, label=_("Referral"))
    note = forms.CharField(max_length=400, required=False, label=_("Note"))

    def values(self) -> dict[str, Any]:
        """The values that were filled in, without the version."""
        given = self.cleaned_data.items()
        return {name: value for name, value in given if name != "version" and value not in {None, ""}}

    def complaint(self) -> str:
        """The errors, one sentence for each field."""
        return " ".join(
            f"{self.fields[name].label}: {' '.join(map(str, errors))}" for name, errors in self.errors.items()
        )


class BulkForm(forms.Form):
    """Cases of the queue to assign to one person, each with the version that the page showed."""

    assignee = forms.IntegerField()

    def chosen(self) -> dict[str, int]:
        """Versions by case reference; malformed entries are skipped."""
        given = self.data.getlist("case")[:BULK] if isinstance(self.data, QueryDict) else []
        pairs = [found.groups() for text in given if (found := REFERENCE_AND_VERSION.fullmatch(text))]
        return {str(reference): int(version) for reference, version in pairs}


class CauseForm(forms.Form):
    """The cause that a person found for an area alert, for the `version` that the page showed."""

    version = forms.IntegerField()
    cause = forms.ChoiceField(choices=JumpCause.choices)
    note = forms.CharField(max_length=400, required=False)

    def causes(self) -> list[tuple[str, str]]:
        return [(value, str(label)) for value, label in JumpCause.choices]

    def complaint(self) -> str:
        """The errors in one sentence."""
        if "cause" in self.errors:
            return str(_("Choose what was found."))
        return " ".join(str(error) for errors in self.errors.values() for error in errors)


class DayForm(forms.Form):
    day = forms.DateField(
        label=_("Day"), widget=forms.DateInput(attrs={"type": "date", "class": "govuk-input"})
    )
    working = forms.TypedChoiceField(
        label=_("Kind of day"),
        choices=[("no", _("Day off")), ("yes", _("Working day"))],
        coerce=lambda value: value == "yes",
        widget=forms.Select(attrs={"class": "govuk-select"}),
    )
    note = forms.CharField(
        label=_("Note"),
        max_length=120,
        required=False,
        widget=forms.TextInput(attrs={"class": "govuk-input"}),
    )

    def clean_note(self) -> str:
        note = str(self.cleaned_data["note"])
        try:
            refuse_numbers(note)
        except HoldsNumber as refusal:
            raise forms.ValidationError(str(refusal)) from None
        return note


class TrailForm(forms.Form):
    """A search in the audit trail or in the access log."""

    trail = forms.ChoiceField(
        required=False,
        label=_("Record"),
        choices=[("", _("What was done")), ("looks", _("Who looked"))],
        widget=forms.Select(attrs={"class": "govuk-select"}),
    )
    case = forms.SlugField(
        required=False, label=_("Case"), widget=forms.TextInput(attrs={"class": "govuk-input"})
    )
    who = forms.CharField(
        required=False,
        label=_("User name"),
        max_length=150,
        widget=forms.TextInput(attrs={"class": "govuk-input"}),
    )
    since = forms.DateField(
        required=False,
        label=_("Since"),
        widget=forms.DateInput(attrs={"type": "date", "class": "govuk-input"}),
    )
    until = forms.DateField(
        required=False,
        label=_("Until"),
        widget=forms.DateInput(attrs={"type": "date", "class": "govuk-input"}),
    )
    before = forms.IntegerField(required=False, widget=forms.HiddenInput)


class NoticeForm(forms.Form):
    """The signals that a notice names, and its form: a page to print, or a PDF with language and size."""

    version = forms.IntegerField()
    signals = forms.TypedMultipleChoiceField(coerce=int, required=False)
    form = forms.ChoiceField(choices=[("page", "page"), ("pdf", "pdf")], required=False)
    language = forms.ChoiceField(choices=settings.LANGUAGES, required=False)
    large = forms.BooleanField(required=False)

    def __init__(self, *args: Any, signals: Sequence[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["signals"]
        if isinstance(field, forms.TypedMultipleChoiceField):
            field.choices = [(signal, signal) for signal in signals]


class OpenForm(forms.Form):
    """The code on a notice, and the last characters of a member's identity number."""

    code = forms.CharField(max_length=40)
    fact = forms.CharField(max_length=10)


class GrievanceForm(forms.Form):
    """A household's grievance, in its own words."""

    about = forms.CharField(max_length=40, required=False)
    text = forms.CharField(max_length=1000, required=False)


class EndingForm(forms.Form):
    """The answer to a grievance."""

    ending = forms.ChoiceField(choices=Ending.choices, required=False)
    note = forms.CharField(max_length=400, required=False)
