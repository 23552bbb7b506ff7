"""The map of the console. Addresses hold random references only, never a person or a household."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path
from django.views.i18n import set_language

from almoner.casework.forms import SignInForm
from almoner.casework.views import areas, calendar, cases, inbox, queue, start

urlpatterns = [
    path("", start.start, name="start"),
    path(
        "sign-in/",
        LoginView.as_view(authentication_form=SignInForm, redirect_authenticated_user=True),
        name="sign-in",
    ),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
    path("language/", login_not_required(set_language), name="set_language"),
    path("queue/", queue.queue, name="queue"),
    path("cases/<slug:reference>/", cases.case, name="case"),
    path("cases/<slug:reference>/<slug:action>/", cases.act, name="case-action"),
    path("inbox/", inbox.inbox, name="inbox"),
    path("inbox/<slug:reference>/", inbox.referral, name="referral"),
    path("inbox/<slug:reference>/<slug:action>/", inbox.answer, name="referral-action"),
    path("areas/", areas.areas, name="areas"),
    path("areas/<slug:reference>/", areas.answer, name="area-answer"),
    path("calendar/", calendar.calendar, name="calendar"),
]
handler404 = "almoner.casework.views.start.not_found"
