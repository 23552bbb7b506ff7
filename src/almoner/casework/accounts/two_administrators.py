"""Changes of accounts by administrators, some of which need a second one.

Money needs two people. An administrator who could make, open or take over an account that works with cases
could be both of them alone. So whatever gives somebody such an account waits until another administrator
agrees. The person concerned is told of each change.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext as _

from almoner.casework.accounts import staff
from almoner.casework.accounts.access import FOR_MONEY, RIGHTS
from almoner.casework.accounts.staff import Grant
from almoner.casework.core.account_events import UserChangeDecision
from almoner.casework.core.audit import NewEvent, append
from almoner.casework.core.event_kinds import EventKind
from almoner.casework.core.refusals import Refused
from almoner.casework.models import AccountAction, AccountChange, Membership

if TYPE_CHECKING:
    from typing import Literal

    from django.contrib.auth.models import User
    from django.db.models import QuerySet

SHOWN_FOR = dt.timedelta(days=14)  # at each sign-in, for whoever came in first may not be the person
LISTED = 20  # changes on the page of one's own account


@dataclass(frozen=True)
class Wanted:
    """The name and rights that an administrator asks for."""

    full_name: str
    grant: Grant
    outside_name: str


def make(by: User, username: str, wanted: Wanted) -> tuple[User, AccountChange | None]:
    """Make an account. With rights for money it is switched off, and the change that waits is given too."""
    grant = wanted.grant
    waits = _is_for_money(grant.role)
    with transaction.atomic():
        user = staff.create_user(
            username,
            None,
            grant.role,
            grant.areas,
            grant.department,
            wanted.full_name,
            wanted.outside_name,
            by,
            active=not waits,
        )
        return user, _ask(user, AccountAction.BEGIN, by, None) if waits else None


def change(member: Membership, by: User, wanted: Wanted) -> AccountChange | None:
    """Change a person's name and rights; gives the change that waits for a second administrator, if any.

    Raises Refused while another change of this person waits, and for one's own rights.
    """
    named = wanted.outside_name not in {"", member.outside_name}
    if _gains(member.role, wanted.grant.role) or (named and _is_for_money(wanted.grant.role)):
        staff.refuse_oneself(member.user, by)
        return _ask(member.user, AccountAction.CHANGE, by, wanted)
    _refuse_while_waiting(member.user)
    before = (Grant(member.role, tuple(member.areas), member.department_id), member.outside_name)
    staff.change(member.user, by, wanted.full_name, wanted.grant, wanted.outside_name)
    if before != (wanted.grant, wanted.outside_name):
        _done(member.user, AccountAction.CHANGE, by)
    return None


def act(member: Membership, by: User, action: AccountAction) -> tuple[AccountChange | None, str]:
    """Switch an account on or off, remove its second factor, or make a link for a new password.

    Gives the change that waits for a second administrator, if any; else the link (`staff.link_for`), empty
    for other actions. Raises Refused while another change of this person waits.
    """
    staff.refuse_oneself(member.user, by)
    if action != AccountAction.OFF and _is_for_money(member.role):
        return _ask(member.user, action, by, None), ""
    if action != AccountAction.OFF:
        _refuse_while_waiting(member.user)
    link = _carry_out(member.user, by, action)
    _done(member.user, action, by)
    return None, link


def waiting_of(user: User) -> AccountChange | None:
    """The change of this person's account that waits for a second administrator."""
    return AccountChange.objects.filter(user=user, agreed=None).select_related("asked_by").first()


def waiting() -> QuerySet[AccountChange]:
    """All changes that wait for a second administrator, oldest first."""
    return AccountChange.objects.filter(agreed=None).select_related("user", "asked_by").order_by("asked_at")


def decide(number: int, by: User, agreed: bool) -> str:
    """Agree to a waiting change, which carries it out, or decline it. Whoever asked may decline it as well.

    Gives the link where the change makes one, else an empty text. Raises Refused when nothing waits any more,
    or the same administrator agrees, or the person concerned decides.
    """
    with transaction.atomic():
        found = AccountChange.objects.select_for_update().filter(pk=number, agreed=None).first()
        if found is None:
            raise Refused(_("This has been decided already."))
        user = found.user
        staff.refuse_oneself(user, by)
        if agreed and found.asked_by_id == by.pk:
            raise Refused(_("A second administrator must agree. You asked for this yourself."))
        found.agreed, found.decided_by, found.decided_at = agreed, by, dt.datetime.now()
        found.save()
        _record(EventKind.USER_CHANGE_AGREED if agreed else EventKind.USER_CHANGE_DECLINED, found, by)
        if not agreed:
            return ""
        if found.action != AccountAction.CHANGE:
            return _carry_out(user, by, AccountAction(found.action))
        wanted = _wanted(found.wanted)
        gains = _gains(user.membership.role, wanted.grant.role)
        staff.change(user, by, wanted.full_name, wanted.grant, wanted.outside_name)
        if not gains:
            return ""
        # Whoever made the account alone may know its password, or have enrolled for it.
        staff.reset_second_factor(user, by)
        return staff.link_for(user, by)


def shown_to(user: User, now: dt.datetime) -> list[AccountChange]:
    """The changes of this person's account of which they are told when they sign in, newest first."""
    return [one for one in changes_of(user) if one.decided_at and one.decided_at > now - SHOWN_FOR]


def changes_of(user: User) -> list[AccountChange]:
    """The latest changes of this person's account that were carried out, newest first."""
    found = AccountChange.objects.filter(user=user, agreed=True).select_related("asked_by", "decided_by")
    return list(found.order_by("-asked_at", "-pk")[:LISTED])


def wanted_of(found: AccountChange) -> Wanted | None:
    """The name and rights that a change asks for; None where it does not change them."""
    return _wanted(found.wanted) if found.wanted else None


def _money(role: str) -> frozenset[str]:
    return RIGHTS[role] & FOR_MONEY


def _gains(before: str, after: str) -> bool:
    return bool(_money(after) - _money(before))


def _is_for_money(role: str) -> bool:
    return bool(_money(role))


def _carry_out(user: User, by: User, action: AccountAction) -> str:
    if action in {AccountAction.ON, AccountAction.BEGIN}:
        staff.switch(user, by, True)
    elif action == AccountAction.OFF:
        staff.switch(user, by, False)
    elif action == AccountAction.SECOND_FACTOR:
        staff.reset_second_factor(user, by)
    return staff.link_for(user, by) if action in {AccountAction.LINK, AccountAction.BEGIN} else ""


def _refuse_while_waiting(user: User) -> None:
    if AccountChange.objects.filter(user=user, agreed=None).exists():
        raise Refused(_("Another change of this person waits for a second administrator. Decide it first."))


def _ask(user: User, action: AccountAction, by: User, wanted: Wanted | None) -> AccountChange:
    with transaction.atomic():
        Membership.objects.select_for_update().get(user=user)
        _refuse_while_waiting(user)
        asked = AccountChange.objects.create(
            user=user,
            action=action,
            wanted=asdict(wanted) if wanted else {},
            asked_by=by,
            asked_at=dt.datetime.now(),
        )
        _record(EventKind.USER_CHANGE_ASKED, asked, by)
    return asked


def _done(user: User, action: AccountAction, by: User) -> None:
    now = dt.datetime.now()
    AccountChange.objects.create(
        user=user, action=action, asked_by=by, asked_at=now, decided_at=now, agreed=True
    )


def _wanted(stored: dict[str, Any]) -> Wanted:
    grant = stored["grant"]
    return Wanted(
        stored["full_name"],
        Grant(grant["role"], tuple(grant["areas"]), grant["department"]),
        stored["outside_name"],
    )


def _record(
    kind: Literal[EventKind.USER_CHANGE_ASKED, EventKind.USER_CHANGE_AGREED, EventKind.USER_CHANGE_DECLINED],
    found: AccountChange,
    by: User,
) -> None:
    wanted = wanted_of(found)
    event = UserChangeDecision(
        kind=kind,
        user=found.user_id,
        username=found.user.get_username(),
        change=found.pk,
        action=str(found.action),
        wanted={
            "role": wanted.grant.role,
            "areas": list(wanted.grant.areas),
            "department": wanted.grant.department,
            "outside_name": wanted.outside_name,
        }
        if wanted
        else None,
    )
    append([NewEvent(None, event, by.pk)], dt.datetime.now())
