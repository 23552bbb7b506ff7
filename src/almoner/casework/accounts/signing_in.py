"""Adapters that configure django-allauth: sign-in, second factor, and the authority's own provider.

Nobody can sign up. Secrets of second factors are sealed with the vault's key.
"""

from __future__ import annotations

import base64
import datetime as dt
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.signals import user_logged_in
from django.db.models import F
from django.db.models.signals import ModelSignal, post_delete, post_save
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from almoner.casework.accounts import two_administrators
from almoner.casework.accounts.access import RIGHTS, Right, membership_of
from almoner.casework.core import words
from almoner.casework.core.origin import network_of
from almoner.casework.models import Membership, RoleOf
from almoner.registry.vault import Vault, open_vault

if TYPE_CHECKING:
    from allauth.socialaccount.models import SocialLogin
    from django.contrib.auth.models import User

BEGAN, SEEN, EPOCH, SECOND = "began", "seen", "epoch", "second"  # keys of the session
_PROVIDER_ASKED = "by_provider"
AT_ONCE_SECONDS = 300  # so long after signing in, sensitive pages do not ask for the password again
PERSONAL = frozenset({Right.CASES, Right.REFERRALS, Right.PEOPLE})  # see personal data, or grant that


def roles_with_second_factor() -> frozenset[str]:
    """The roles that need a second factor. Raises KeyError for an unknown role in the setting."""
    setting = settings.SECOND_FACTOR
    if setting in {"none", "all"}:
        return frozenset(RoleOf.values if setting == "all" else ())
    if setting == "personal":
        return frozenset(role for role, rights in RIGHTS.items() if rights & PERSONAL)
    named = frozenset(filter(None, (role.strip() for role in setting.split(","))))
    if not named <= set(RoleOf.values):
        raise KeyError(", ".join(sorted(named - set(RoleOf.values))))
    return named


def has_second_factor(user_id: int) -> bool:
    """Whether the user has set up one-time codes."""
    return bool(Authenticator.objects.filter(user_id=user_id, type=Authenticator.Type.TOTP).exists())


class SecondFactor(StrEnum):
    """What a session still lacks before it may open pages."""

    ENROL = "enrol"  # the person must have one and has none
    USE = "use"  # the person has one, and this session has not used it


def lacks_second_factor(request: HttpRequest) -> SecondFactor | None:
    """What the session lacks; None where the person needs no second factor, or this session has used it."""
    roles = roles_with_second_factor()
    if not roles or request.session.get(SECOND):
        return None
    member = membership_of(request.user)
    if member is None or member.role not in roles:
        return None
    return SecondFactor.USE if has_second_factor(member.user_id) else SecondFactor.ENROL


@receiver(user_logged_in, dispatch_uid="almoner.session_begins")
def _session_begins(sender: object, request: HttpRequest, user: User, **more: object) -> None:
    del sender
    member = Membership.objects.filter(user_id=user.pk).first()
    request.session[BEGAN] = request.session[SEEN] = int(time.time())
    request.session[EPOCH] = member.epoch if member else 0
    login = more.get("sociallogin")
    by_provider = login is not None or request.session.pop(_PROVIDER_ASKED, False)
    asked_there = bool(by_provider and settings.PROVIDER and settings.PROVIDER.asks_second_factor)
    used = any(step["method"] == "mfa" for step in get_authentication_records(request, user))
    request.session[SECOND] = asked_there or used
    _show_changes(request, user)


def _show_changes(request: HttpRequest, user: User) -> None:
    now = dt.datetime.now()
    for change in two_administrators.shown_to(user, now):
        said = {"when": words.moment(change.decided_at or now), "what": change.get_action_display()}
        text = _("An administrator changed your account on %(when)s: %(what)s. Your account page says who.")
        messages.warning(request, str(text % said), fail_silently=True)


@receiver((post_save, post_delete), sender=Authenticator, dispatch_uid="almoner.second_factor_changed")
def _second_factor_changed(
    instance: Authenticator, signal: ModelSignal, created: bool = True, **more: object
) -> None:
    """End the person's sessions when a second factor or recovery codes come or go.

    The session in which it happens goes on: the code that was typed to enrol counts as used there, nowhere
    else.
    """
    del more
    if not created:  # only used
        return
    Membership.objects.filter(user_id=instance.user_id).update(epoch=F("epoch") + 1)
    request = context.request
    if request is None or not hasattr(request, "session") or request.user.pk != instance.user_id:
        return
    member = Membership.objects.filter(user_id=instance.user_id).first()
    request.session[EPOCH] = member.epoch if member else 0
    if instance.type == Authenticator.Type.TOTP:
        request.session[SECOND] = signal is post_save


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Account settings for django-allauth: no sign-up, our messages, and addresses behind our proxy."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "incorrect_code": _("This code is not right."),
        "incorrect_password": _("This password is not right."),
        "too_many_login_attempts": _("Too many tries. Wait for five minutes."),
        "rate_limited": _("Too many tries. Wait for five minutes."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        del request
        return False

    def add_message(self, *given: Any, **named: Any) -> None:
        """Discard allauth's message: our own pages say what happened."""

    def get_client_ip(self, request: HttpRequest) -> str:
        return network_of(request) or "unknown"

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        del user
        return refused(request)

    def is_reauthentication_required(self, *, app: str, **more: Any) -> bool:
        """Do not ask for the password again within `AT_ONCE_SECONDS` of signing in."""
        began = context.request.session.get(BEGAN, 0)
        if time.time() - began < AT_ONCE_SECONDS:
            return False
        return bool(super().is_reauthentication_required(app=app, **more))


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Second-factor settings for django-allauth; secrets are sealed in the vault."""

    error_messages = DefaultMFAAdapter.error_messages | {"incorrect_code": _("This code is not right.")}

    def get_totp_issuer(self) -> str:
        return "Almoner"

    def get_totp_label(self, user: User) -> str:
        return user.get_username()

    def build_totp_svg(self, url: str) -> str:
        """The QR code as SVG without the XML declaration, to be embedded in a page."""
        return str(super().build_totp_svg(url)).partition("?>")[2]

    def encrypt(self, text: str) -> str:
        return base64.b64encode(_vault().seal(0, "second_factor", text) or b"").decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _vault().open(0, "second_factor", base64.b64decode(encrypted_text)) or ""


def _vault() -> Vault:
    return open_vault(Path(settings.VAULT_KEY))


class OutsideAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Sign-in through the authority's provider, for people whose name there an administrator has entered."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        del request, sociallogin
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        if not sociallogin.is_existing:
            member = _named(sociallogin.account.extra_data)
            if member is None:
                raise ImmediateHttpResponse(refused(request))
            sociallogin.connect(request, member.user)
        request.session[_PROVIDER_ASKED] = True

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: Any = None,
        exception: Any = None,
        extra_context: Any = None,
    ) -> None:
        del provider, error, exception, extra_context
        raise ImmediateHttpResponse(refused(request))


def _named(token: dict[str, Any]) -> Membership | None:
    """The member whose name at the provider is in the token; None when somebody else is linked to that
    account."""
    claims = {**(token.get("id_token") or {}), **(token.get("userinfo") or {})}
    name = claims.get(settings.PROVIDER.claim) if settings.PROVIDER else None
    if not name or not isinstance(name, str):
        return None
    member = Membership.objects.select_related("user").filter(outside_name=name, user__is_active=True).first()
    if member is None or SocialAccount.objects.filter(user_id=member.user_id).exists():
        return None
    return member


def refused(request: HttpRequest) -> HttpResponse:
    """The page shown for every refusal. It gives no reason, so that a stranger learns nothing."""
    return render(request, "registration/refused.html", status=403)
