"""Pages for signing in and for one's own account. Other pages of django-allauth have no address here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.utils import perform_login
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView, PasswordChangeView, PasswordResetConfirmView
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from almoner.casework.accounts import staff, two_administrators
from almoner.casework.accounts.access import membership_of
from almoner.casework.accounts.signing_in import has_second_factor, roles_with_second_factor
from almoner.casework.accounts.staff_forms import NewPasswordForm, OwnPasswordForm, SignInForm
from almoner.casework.accounts.tries import password_try
from almoner.casework.conf.environment import PROVIDER
from almoner.casework.core.origin import network_of
from almoner.casework.models import AccountChange
from almoner.casework.templatetags.words import person

if TYPE_CHECKING:
    from django.contrib.auth.models import User


class SignIn(LoginView):
    """Sign-in by user name and password; django-allauth then asks for a second factor where there is one."""

    authentication_form = SignInForm
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: str, **kwargs: Any) -> HttpResponse:
        self._try = password_try(request.POST.get("username", ""), network_of(request))
        seconds = self._try.wait()
        return locked(request, seconds) if seconds else super().post(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        self._try.was_right()
        response: HttpResponse = perform_login(
            self.request, form.get_user(), email_verification="none", redirect_url=self.get_success_url()
        )
        return response

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        return super().get_context_data(**more) | {"provider": settings.PROVIDER, "demo": settings.DEMO}


def locked(request: HttpRequest, seconds: int) -> HttpResponse:
    """The page for too many tries, which may be tried again in `seconds`."""
    response = render(request, "registration/locked.html", status=429)
    response.headers["Retry-After"] = str(seconds)
    return response


class FromAuthority(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]  # allauth has no types
    """Verifies the signature of the provider's token too; django-allauth relies on TLS alone."""

    def _decode_id_token(self, app: SocialApp, id_token: str) -> dict[str, Any]:
        self.did_fetch_access_token = False
        return dict(super()._decode_id_token(app, id_token))


@login_not_required
@require_GET
def outside(request: HttpRequest) -> HttpResponse:
    return _by_authority(OAuth2LoginView, request)


@login_not_required
@require_GET
def outside_back(request: HttpRequest, provider_id: str) -> HttpResponse:
    if provider_id != PROVIDER:
        raise Http404
    return _by_authority(OAuth2CallbackView, request)


def _by_authority(view: Any, request: HttpRequest) -> HttpResponse:
    if settings.PROVIDER is None:
        raise Http404
    response: HttpResponse = view.adapter_view(FromAuthority(request, PROVIDER))(request)
    return response


class Begin(PasswordResetConfirmView):
    """Set a password by a link that works once."""

    template_name = "registration/begin.html"
    form_class = NewPasswordForm
    success_url = reverse_lazy("sign-in")
    reset_url_token = "now"  # noqa: S105 - stands in the address in place of the token

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        staff.password_set(form.user, form.user)
        messages.success(self.request, _("Your password is set. Sign in with it."))
        return response


class OwnPassword(PasswordChangeView):
    """Change one's password. All other sessions end, because they hold a hash of the old one."""

    template_name = "registration/password.html"
    form_class = OwnPasswordForm
    success_url = reverse_lazy("account")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self._try = password_try(request.user.get_username(), network_of(request))
        seconds = self._try.wait()
        return locked(request, seconds) if seconds else super().post(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        self._try.was_right()
        response = super().form_valid(form)
        staff.password_set(form.user, form.user)
        messages.success(self.request, _("Your password is changed. Other sessions of yours have ended."))
        return response


@require_GET
def account(request: HttpRequest) -> HttpResponse:
    """The user's role, and links to change password and second factor."""
    user: User = request.user  # type: ignore[assignment]
    member = membership_of(user)
    codes = Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).first()
    context = {
        "member": member,
        "has_second": has_second_factor(user.pk),
        "must_have": member is not None and member.role in roles_with_second_factor(),
        "codes_left": len(codes.wrap().get_unused_codes()) if codes else 0,
        "has_password": user.has_usable_password(),
        "idle_minutes": settings.IDLE_SECONDS // 60,
        "changes": [(change, _who(change)) for change in two_administrators.changes_of(user)],
        "hours": settings.SESSION_COOKIE_AGE // 3600,
    }
    return render(request, "registration/account.html", context)


def _who(change: AccountChange) -> str:
    """Who changed an account: one administrator, or both."""
    both = [person(user) for user in (change.asked_by, change.decided_by) if user is not None]
    return _(", ").join(both) or _("by a command on the server")
