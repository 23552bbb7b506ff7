"""Forms of cases, walk-in applications, lists and the household's page.

Forms check types and lengths only; the functions that act check which fields are required.
"""

from __future__ import annotations

from typing import Any

from django import forms

from almoner.casework.models import FileAbout, How, Said, WalkInEnding
from almoner.casework.models.residents import OF_THE_REGISTER


class FileForm(forms.Form):
    about = forms.ChoiceField(choices=FileAbout.choices, required=False)


class WhyForm(forms.Form):
    note = forms.CharField(max_length=400, required=False)


class ReportForm(forms.Form):
    """A report that the household itself is recorded wrongly.

    `subject` is the kind of correction, followed by "-" and a person id when it concerns one person.
    """

    version = forms.IntegerField()
    subject = forms.CharField(max_length=40)
    other = forms.CharField(max_length=16, required=False)
    text = forms.CharField(max_length=1000, required=False)

    def values(self) -> dict[str, Any]:
        """The keys `kind` ("" for an unknown one), `person` (id or None), `other` and `text`."""
        kind, _dash, person = str(self.cleaned_data["subject"]).partition("-")
        other = str(self.cleaned_data["other"]).strip().lower()
        return {
            "kind": kind if kind in OF_THE_REGISTER else "",
            "person": int(person) if person.isdecimal() else None,
            "other": other,
            "text": self.cleaned_data["text"],
        }


class JoinForm(forms.Form):
    version = forms.IntegerField()
    grievance = forms.CharField(max_length=16)


class AuthoriseForm(forms.Form):
    version = forms.IntegerField()
    about = forms.CharField(max_length=16)
    adult = forms.TypedMultipleChoiceField(coerce=int, required=False)

    def __init__(self, *args: Any, members: list[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["adult"]
        if isinstance(field, forms.TypedMultipleChoiceField):
            field.choices = [(member, member) for member in members]


class ConsentForm(forms.Form):
    version = forms.IntegerField()
    person = forms.IntegerField()
    said = forms.ChoiceField(choices=Said.choices)
    how = forms.ChoiceField(choices=How.choices, required=False)


class SignForm(forms.Form):
    number = forms.CharField(max_length=40)
    said = forms.ChoiceField(choices=Said.choices)


class DeskForm(forms.Form):
    """A walk-in application. The pack defines further fields."""

    number = forms.CharField(max_length=40, required=False)
    name = forms.CharField(max_length=80, required=False)
    text = forms.CharField(max_length=1000, required=False)


class RequestForm(forms.Form):
    ending = forms.ChoiceField(choices=WalkInEnding.choices, required=False)
    note = forms.CharField(max_length=400, required=False)
    text = forms.CharField(max_length=1000, required=False)


class AgainForm(forms.Form):
    version = forms.IntegerField()
    note = forms.CharField(max_length=400, required=False)


class LineForm(forms.Form):
    version = forms.IntegerField()
    confirmed = forms.ChoiceField(choices=[("yes", "yes"), ("no", "no")])
    note = forms.CharField(max_length=400, required=False)
