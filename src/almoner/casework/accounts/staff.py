"""Create, change and switch off accounts. Each change is recorded in the audit trail in the same
transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.dispatch import Signal
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from almoner.casework.core.account_events import Granted, UserChanged, UserEvent, UserKind, UserMade
from almoner.casework.core.audit import NewEvent, append
from almoner.casework.core.event_kinds import EventKind
from almoner.casework.models import AccountAction, AccountChange, Department, Membership, RoleOf
from almoner.errors import AlmonerError

# Sent in the transaction that changes what a person may do, with `user` and `by` (None: a command).
rights_changed = Signal()


@dataclass(frozen=True)
class Grant:
    """What a person may do: a role, with areas or a department."""

    role: str
    areas: tuple[str, ...] = ()
    department: str | None = None


def create_user(
    username: str,
    password: str | None,
    role: str,
    areas: Sequence[str],
    department: str | None,
    full_name: str,
    outside_name: str = "",
    by: User | None = None,
    active: bool = True,
) -> User:
    """Create an account; `by` is None on the command line. One that is not `active` cannot sign in yet.

    Without a password, the person signs in by a link (`link_for`) or through the authority's provider.
    Raises AlmonerError with the reason.
    """
    problem = _problem(username, role, department, outside_name)
    if problem:
        raise AlmonerError(problem)
    user = User(username=username, first_name=full_name, is_active=active)
    if password is None:
        user.set_unusable_password()
    else:
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise AlmonerError(f"This password cannot be used: {' '.join(error.messages)}") from None
        user.set_password(password)
    with transaction.atomic():
        user.save()
        member = Membership.objects.create(
            user=user, role=role, areas=list(areas), department_id=department, outside_name=outside_name
        )
        made = UserMade(
            {
                "kind": EventKind.USER_MADE,
                "user": user.pk,
                "username": user.get_username(),
                **_grant(member),
            }
        )
        _record(made, by)
    return user


def change(user: User, by: User, full_name: str, grant: Grant, outside_name: str) -> None:
    """Change a person's name, role, areas or department.

    Changed rights end the person's sessions, and what the person may not see any more goes back to the lists.

    Raises AlmonerError when `user` and `by` are the same person and rights would change.
    """
    with transaction.atomic():
        member = _held(user)
        before = _grant(member)
        member.role, member.areas, member.department_id = grant.role, list(grant.areas), grant.department
        if outside_name != member.outside_name:
            SocialAccount.objects.filter(user=user).delete()
        member.outside_name = outside_name
        after = _grant(member)
        if before == after and user.first_name == full_name:
            return
        if before != after:
            refuse_oneself(user, by)
            member.epoch += 1
        member.save()
        user.first_name = full_name
        user.save(update_fields=["first_name"])
        changed = UserChanged(
            kind=EventKind.USER_CHANGED,
            user=user.pk,
            username=user.get_username(),
            before=before,
            after=after,
        )
        _record(changed, by)
        if before != after:
            rights_changed.send(sender=None, user=user, by=by)


def switch(user: User, by: User, active: bool) -> None:
    """Switch an account on or off, and end its sessions. Work of who is switched off goes back to the lists.
    Raises AlmonerError for one's own account."""
    refuse_oneself(user, by)
    with transaction.atomic():
        _held(user)
        if user.is_active == active:
            return
        record_switched(user, by, active=active)
        end_sessions(user)
        rights_changed.send(sender=None, user=user, by=by)


def record_switched(user: User, by: User | None, *, active: bool) -> None:
    """Switch an account on or off, within the caller's transaction. Sessions and work stay as they are."""
    user.is_active = active
    user.save(update_fields=["is_active"])
    _record_event(EventKind.USER_ON if active else EventKind.USER_OFF, user, by)


def reset_second_factor(user: User, by: User | None) -> None:
    """Remove the second factor and its recovery codes; the next sign-in asks for a new one."""
    if by is not None:
        refuse_oneself(user, by)
    with transaction.atomic():
        Authenticator.objects.filter(user=user).delete()
        end_sessions(user)
        _record_event(EventKind.USER_SECOND_FACTOR_RESET, user, by)


def link_for(user: User, by: User | None) -> str:
    """A one-time link to set a password, as the two last parts of its path joined by a slash. The current
    password stops working at once."""
    with transaction.atomic():
        user.set_unusable_password()
        user.save(update_fields=["password"])
        end_sessions(user)
        _record_event(EventKind.USER_LINK, user, by)
    number = urlsafe_base64_encode(force_bytes(user.pk))
    return f"{number}/{default_token_generator.make_token(user)}"


def begin_anew(username: str, role: str, areas: Sequence[str], department: str | None) -> str:
    """The path for setting a first password, for use on the command line.

    An unknown name gets a new account. An existing account is switched on, and loses its second factor first.
    """
    user = User.objects.filter(username=username).first()
    if user is None:
        user = create_user(username, None, role, areas, department, "")
    else:
        now = dt.datetime.now()
        with transaction.atomic():
            if not user.is_active:
                record_switched(user, None, active=True)
            reset_second_factor(user, None)
            AccountChange.objects.create(
                user=user, action=AccountAction.LINK, asked_at=now, decided_at=now, agreed=True
            )
    return reverse("begin", args=link_for(user, None).split("/"))


def end_sessions(user: User) -> None:
    """End all sessions of the user."""
    Membership.objects.filter(user=user).update(epoch=F("epoch") + 1)


def password_set(user: User, by: User | None) -> None:
    """Record that the user has chosen a password."""
    with transaction.atomic():
        _record_event(EventKind.USER_PASSWORD, user, by)


def refuse_oneself(user: User, by: User) -> None:
    """Raise AlmonerError when a person tries to change their own rights."""
    if user.pk == by.pk:
        raise AlmonerError("Nobody changes their own rights. Ask another administrator.")


def _held(user: User) -> Membership:
    """The user's membership, locked until the end of the transaction."""
    return Membership.objects.select_for_update().get(user=user)


def _grant(member: Membership) -> Granted:
    return {
        "role": str(member.role),
        "areas": list(member.areas),
        "department": member.department_id,
        "outside_name": member.outside_name,
    }


def _record_event(kind: UserKind, user: User, by: User | None) -> None:
    _record(UserEvent(kind=kind, user=user.pk, username=user.get_username()), by)


def _record(event: UserMade | UserChanged | UserEvent, by: User | None) -> None:
    append([NewEvent(None, event, by.pk if by else None)], dt.datetime.now())


def _problem(username: str, role: str, department: str | None, outside_name: str) -> str | None:
    if role not in RoleOf.values:
        return f"Unknown role {role!r}. Write one of: {', '.join(RoleOf.values)}."
    if User.objects.filter(username=username).exists():
        return f"There is a user {username!r} already. Choose another name."
    if outside_name and Membership.objects.filter(outside_name=outside_name).exists():
        return f"Somebody else signs in as {outside_name!r} by OpenID Connect already."
    if department is not None and not Department.objects.filter(pk=department).exists():
        return f"Unknown department {department!r}. The pack's departments are known after the first cycle."
    if role == RoleOf.DEPARTMENT and department is None:
        return "A user of a department needs the department's id."
    return None
