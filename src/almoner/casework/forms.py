"""What people fill in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.utils.translation import gettext_lazy as _

from almoner.casework.models import CaseState, Cause, Outcome

LISTS = {
    "open": _("Mine and unassigned"),
    "mine": _("Mine"),
    "unassigned": _("Unassigned"),
    "overdue": _("Overdue"),
    "held": _("On hold"),
    "all": _("All open"),
    "ended": _("Dismissed and closed"),
}


class SignInForm(AuthenticationForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = _("User name")
        self.fields["username"].widget.attrs["class"] = "govuk-input"
        self.fields["password"].label = _("Password")
        self.fields["password"].widget.attrs["class"] = "govuk-input"


class QueueForm(forms.Form):
    """The filters of the queue. `choices` of levels, signals, areas and layers of the watch are given by the caller."""

    list = forms.ChoiceField(choices=list(LISTS.items()), required=False, label=_("List"))
    level = forms.ChoiceField(required=False, label=_("Level"))
    signal = forms.ChoiceField(required=False, label=_("Signal"))
    state = forms.ChoiceField(required=False, label=_("State"), choices=[("", _("Any")), *CaseState.choices])
    area = forms.ChoiceField(required=False, label=_("Area"))
    watch = forms.ChoiceField(required=False, label=_("Watch list"))
    theme = forms.ChoiceField(required=False, label=_("Theme"))

    def __init__(self, *args: Any, choices: Mapping[str, Sequence[Any]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.widget.attrs["class"] = "govuk-select"
            if name in choices and isinstance(field, forms.ChoiceField):
                field.choices = [("", _("Any")), *choices[name]]


class ActForm(forms.Form):
    """One action on a record: `version` is what the page showed. Which further fields must be there, the
    guards say."""

    version = forms.IntegerField()
    outcome = forms.ChoiceField(choices=Outcome.choices, required=False)
    until = forms.DateField(required=False)
    note = forms.CharField(max_length=400, required=False)


class CauseForm(forms.Form):
    """What a person found in an area: `version` is what the page showed."""

    version = forms.IntegerField()
    cause = forms.ChoiceField(choices=Cause.choices)
    note = forms.CharField(max_length=400, required=False)

    def causes(self) -> list[tuple[str, str]]:
        return [(value, str(label)) for value, label in Cause.choices]

    def complaint(self) -> str:
        """What is wrong, in a sentence."""
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
