"""Forms for signing in, passwords and accounts."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm, SetPasswordForm
from django.contrib.auth.models import User
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from almoner.casework.accounts.staff import Grant
from almoner.casework.accounts.two_administrators import Wanted
from almoner.casework.core import words
from almoner.casework.models import Area, Department, Membership, RoleOf

INPUT = {"class": "govuk-input"}


class SignInForm(AuthenticationForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _labels(self, username=_("User name"), password=_("Password"))


class NewPasswordForm(SetPasswordForm):  # type: ignore[type-arg]  # it takes none where it runs
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _labels(self, new_password1=_("New password"), new_password2=_("New password again"))


class OwnPasswordForm(PasswordChangeForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _labels(
            self,
            old_password=_("Present password"),
            new_password1=_("New password"),
            new_password2=_("New password again"),
        )


def _labels(form: forms.Form, **labels: Any) -> None:
    for name, label in labels.items():
        form.fields[name].label, form.fields[name].help_text = label, ""
        form.fields[name].widget.attrs["class"] = "govuk-input"


class PersonForm(forms.Form):
    """A person's name, role, and areas or department; for a new account also the user name."""

    username = forms.CharField(label=_("User name"), max_length=150, validators=[UnicodeUsernameValidator()])
    full_name = forms.CharField(label=_("Full name"), max_length=150, required=False)
    role = forms.ChoiceField(
        label=_("Role"), choices=RoleOf.choices, widget=forms.Select(attrs={"class": "govuk-select"})
    )
    areas = forms.CharField(
        label=_("Areas"),
        max_length=400,
        required=False,
        help_text=_("Prefixes of area codes, separated by commas. * means everywhere."),
    )
    department = forms.ChoiceField(
        label=_("Department"), required=False, widget=forms.Select(attrs={"class": "govuk-select"})
    )
    outside_name = forms.CharField(
        label=_("Name at the authority's sign-in"),
        max_length=191,
        required=False,
        help_text=_("Empty: signs in by password only."),
    )

    def __init__(self, *args: Any, person: User | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person
        if person is not None:
            del self.fields["username"]
        departments = [(d.pk, words.in_language(d.label) or d.pk) for d in Department.objects.order_by("pk")]
        chosen = self.fields["department"]
        if isinstance(chosen, forms.ChoiceField):
            chosen.choices = [("", gettext("None")), *departments]
        for field in self.fields.values():
            field.widget.attrs.setdefault("class", "govuk-input")

    def clean_username(self) -> str:
        name = str(self.cleaned_data["username"])
        if User.objects.filter(username=name).exists():
            raise forms.ValidationError(_("There is a user of this name already."))
        return name

    def clean_areas(self) -> list[str]:
        codes = [
            code
            for code in (part.strip() for part in self.cleaned_data["areas"].replace("，", ",").split(","))
            if code
        ]
        known = list(Area.objects.values_list("code", flat=True))
        for code in codes:
            if code != "*" and known and not any(area.startswith(code) for area in known):
                raise forms.ValidationError(_("No area's code begins with %(code)s."), params={"code": code})
        return codes

    def clean_outside_name(self) -> str:
        name = str(self.cleaned_data["outside_name"]).strip()
        others = Membership.objects.filter(outside_name=name).exclude(user=self.person)
        if name and others.exists():
            raise forms.ValidationError(_("Somebody else has this name there."))
        return name

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        of_department = given.get("role") == RoleOf.DEPARTMENT
        if of_department and not given.get("department"):
            self.add_error("department", _("Choose the department."))
        if not of_department and given.get("department"):
            self.add_error("department", _("Only the role of a department has one."))
        if of_department and given.get("areas"):
            self.add_error("areas", _("A department sees what is sent to it, whatever the area."))
        return given

    def grant(self) -> Grant:
        given = self.cleaned_data
        return Grant(given["role"], tuple(given["areas"]), given["department"] or None)

    def wanted(self, outside_name: str | None = None) -> Wanted:
        """Name and rights as entered; with `outside_name` in place of the one that was entered, if given."""
        given = self.cleaned_data
        named = given["outside_name"] if outside_name is None else outside_name
        return Wanted(given["full_name"], self.grant(), str(named))
