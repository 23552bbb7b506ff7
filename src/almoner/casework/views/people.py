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
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from almoner.casework.accounts import staff, two_administrators
from almoner.casework.accounts.access import RIGHTS, Right, may_or_404
from almoner.casework.accounts.signing_in import has_second_factor
from almoner.casework.accounts.staff_forms import PersonForm
from almoner.casework.accounts.two_administrators import Wanted
from almoner.casework.cases import handing_back
from almoner.casework.core.paging import Key, Listing, Order
from almoner.casework.core.refusals import Refused
from almoner.casework.models import AccountAction, Membership, RoleOf

PAGE = 50
ORDER = Order.by(Key("user__is_active", bool, descending=True), Key("user__username", str, private=True))
ACTIONS = (AccountAction.OFF, AccountAction.ON, AccountAction.SECOND_FACTOR, AccountAction.LINK)
ASKED = gettext_lazy("Another administrator must agree. It is done then, and the person is told.")
DECISIONS = {"agree": True, "decline": False}


@require_safe
def people(request: HttpRequest) -> HttpResponse:
    may_or_404(request.user, Right.PEOPLE)
    members = Membership.objects.all()
    shown = members.select_related("user", "department")
    page = Listing(asked=members, shown=shown, order=ORDER, size=PAGE).page(request)
    factors = Authenticator.objects.filter(type=Authenticator.Type.TOTP, user__in=[m.user_id for m in page])
    context = {
        "page": page,
        "second": set(factors.values_list("user_id", flat=True)),
        "waiting": two_administrators.waiting(),
    }
    return render(request, "casework/people_list.html", context)


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    by = may_or_404(request.user, Right.PEOPLE).user
    form = PersonForm(request.POST or None)
    if not form.is_valid():
        return render(request, "casework/person.html", {"form": form})
    made, waits = two_administrators.make(by, form.cleaned_data["username"], form.wanted())
    messages.success(
        request,
        _("%(name)s was added. Another administrator must agree before this person can sign in.")
        % {"name": made.username}
        if waits
        else _("%(name)s was added. A link for a first password is made below.") % {"name": made.username},
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
            return _changed(request, member, by, form.wanted(member.outside_name if own else None))
    return _show(request, member, form, own)


def _changed(request: HttpRequest, member: Membership, by: User, wanted: Wanted) -> HttpResponse:
    try:
        waits = two_administrators.change(member, by, wanted)
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, ASKED if waits else _saved(member))
    return redirect("person", member.user_id)


@require_POST
def act(request: HttpRequest, number: int, action: str) -> HttpResponse:
    by = may_or_404(request.user, Right.PEOPLE).user
    member = _member(number)
    if action not in ACTIONS and action not in DECISIONS:
        raise Http404
    if member.user_id == by.pk:
        messages.error(request, _("Nobody changes their own rights. Ask another administrator."))
        return redirect("person", number)
    try:
        waits, link = _carried_out(request, member, by, action)
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect("person", number)
    if link:
        return _show_link(request, member, link)
    messages.success(request, ASKED if waits else _saved(member))
    return redirect("person", number)


def _carried_out(request: HttpRequest, member: Membership, by: User, action: str) -> tuple[bool, str]:
    """Whether the action waits for a second administrator, and the link that it made, else an empty text."""
    if action in DECISIONS:
        asked = request.POST.get("change", "")
        found = two_administrators.waiting_of(member.user)
        if found is None or str(found.pk) != asked:
            raise Refused(_("This has been decided already."))
        return False, two_administrators.decide(found.pk, by, DECISIONS[action])
    waits, link = two_administrators.act(member, by, AccountAction(action))
    return waits is not None, link


def _show_link(request: HttpRequest, member: Membership, parts: str) -> HttpResponse:
    link = request.build_absolute_uri(reverse("begin", args=parts.split("/")))
    days = settings.PASSWORD_RESET_TIMEOUT // 86_400
    return render(request, "casework/person_link.html", {"member": member, "link": link, "days": days})


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


def _other_administrators(by: int) -> bool:
    """Whether anybody else could agree to what this administrator asks for."""
    roles = [role for role, rights in RIGHTS.items() if Right.PEOPLE in rights]
    others = Membership.objects.filter(role__in=roles, user__is_active=True).exclude(user_id=by)
    return others.exists()


def _initial(member: Membership) -> dict[str, Any]:
    return {
        "full_name": member.user.first_name,
        "role": member.role,
        "areas": ", ".join(member.areas),
        "department": member.department_id or "",
        "outside_name": member.outside_name,
    }


def _show(request: HttpRequest, member: Membership, form: PersonForm, own: bool) -> HttpResponse:
    user: User = member.user
    waiting = two_administrators.waiting_of(user)
    wanted = two_administrators.wanted_of(waiting) if waiting else None
    context = {
        "member": member,
        "form": form,
        "own": own,
        "second": has_second_factor(user.pk),
        "has_password": user.has_usable_password(),
        "waiting": waiting,
        "wanted": wanted,
        "wanted_role": RoleOf(wanted.grant.role).label if wanted else "",
        "others": _other_administrators(request.user.pk or 0),
    }
    return render(request, "casework/person.html", context)
