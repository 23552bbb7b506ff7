"""Pages where administrators manage accounts."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from almoner.casework.accounts import staff
from almoner.casework.accounts.access import Right, may_or_404
from almoner.casework.accounts.signing_in import has_second_factor
from almoner.casework.accounts.staff_forms import PersonForm
from almoner.casework.cases import handing_back
from almoner.casework.core.paging import Key, Listing, Order
from almoner.casework.models import Membership

PAGE = 50
ORDER = Order.by(Key("user__is_active", bool, descending=True), Key("user__username", str, private=True))
ACTIONS = ("off", "on", "second-factor", "link")


@require_safe
def people(request: HttpRequest) -> HttpResponse:
    may_or_404(request.user, Right.PEOPLE)
    members = Membership.objects.all()
    shown = members.select_related("user", "department")
    page = Listing(asked=members, shown=shown, order=ORDER, size=PAGE).page(request)
    factors = Authenticator.objects.filter(type=Authenticator.Type.TOTP, user__in=[m.user_id for m in page])
    context = {"page": page, "second": set(factors.values_list("user_id", flat=True))}
    return render(request, "casework/people_list.html", context)


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    by = may_or_404(request.user, Right.PEOPLE).user
    form = PersonForm(request.POST or None)
    if not form.is_valid():
        return render(request, "casework/person.html", {"form": form})
    given, grant = form.cleaned_data, form.grant()
    made = staff.create_user(
        given["username"],
        None,
        grant.role,
        grant.areas,
        grant.department,
        given["full_name"],
        given["outside_name"],
        by,
    )
    messages.success(
        request, _("%(name)s was added. A link for a first password is made below.") % {"name": made.username}
    )
    return redirect("person", made.pk)


@require_http_methods(["GET", "POST"])
def person(request: HttpRequest, number: int) -> HttpResponse:
    by = may_or_404(request.user, Right.PEOPLE).user
    member = _member(number)
    form = PersonForm(request.POST or None, person=member.user, initial=_initial(member))
    own = member.user_id == by.pk
    if form.is_valid():
        if own and form.grant() != staff.Grant(member.role, tuple(member.areas), member.department_id):
            form.add_error(None, _("Nobody changes their own rights. Ask another administrator."))
        else:
            staff.change(
                member.user, by, form.cleaned_data["full_name"], form.grant(), _outside(form, member, own)
            )
            messages.success(request, _saved(member))
            return redirect("person", number)
    return _show(request, member, form, own)


@require_POST
def act(request: HttpRequest, number: int, action: str) -> HttpResponse:
    by = may_or_404(request.user, Right.PEOPLE).user
    member = _member(number)
    if action not in ACTIONS:
        raise Http404
    if member.user_id == by.pk:
        messages.error(request, _("Nobody changes their own rights. Ask another administrator."))
        return redirect("person", number)
    if action == "link":
        link = request.build_absolute_uri(reverse("begin", args=staff.link_for(member.user, by).split("/")))
        days = settings.PASSWORD_RESET_TIMEOUT // 86_400
        return render(request, "casework/person_link.html", {"member": member, "link": link, "days": days})
    if action == "second-factor":
        staff.reset_second_factor(member.user, by)
    else:
        staff.switch(member.user, by, action == "on")
    messages.success(request, _saved(member))
    return redirect("person", number)


def _saved(member: Membership) -> str:
    """That the change was saved, and which work has come back from the person to the lists."""
    back = handing_back.waiting_of(member.user)
    if not back:
        return _("Saved.")
    return _("Saved. %(what)s of this person came back to the lists and wait for somebody.") % {
        "what": handing_back.in_words(back)
    }


def _member(number: int) -> Membership:
    found = Membership.objects.select_related("user", "department").filter(user_id=number).first()
    if found is None:
        raise Http404
    return found


def _initial(member: Membership) -> dict[str, Any]:
    return {
        "full_name": member.user.first_name,
        "role": member.role,
        "areas": ", ".join(member.areas),
        "department": member.department_id or "",
        "outside_name": member.outside_name,
    }


def _outside(form: PersonForm, member: Membership, own: bool) -> str:
    return member.outside_name if own else str(form.cleaned_data["outside_name"])


def _show(request: HttpRequest, member: Membership, form: PersonForm, own: bool) -> HttpResponse:
    user: User = member.user
    context = {
        "member": member,
        "form": form,
        "own": own,
        "second": has_second_factor(user.pk),
        "has_password": user.has_usable_password(),
    }
    return render(request, "casework/person.html", context)
