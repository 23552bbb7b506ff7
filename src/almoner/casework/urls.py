"""The map of the console. Addresses hold random references only, never a person or a household."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path
from django.views.i18n import set_language

from almoner.casework.api import routes, watching
from almoner.casework.forms import SignInForm
from almoner.casework.views import (
    areas,
    calendar,
    cases,
    concerns,
    household,
    inbox,
    notices,
    oversight,
    policy,
    queue,
    sharing,
    start,
    today,
    visits,
)

urlpatterns = [
    path("", start.start, name="start"),
    path("api/", routes.urls()),
    path("health", watching.health, name="health"),
    path("metrics", watching.metrics, name="metrics"),
    path(
        "sign-in/",
        LoginView.as_view(authentication_form=SignInForm, redirect_authenticated_user=True),
        name="sign-in",
    ),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
    path("language/", login_not_required(set_language), name="set_language"),
    path("today/", today.today, name="today"),
    path("queue/", queue.queue, name="queue"),
    path("queue/cases.csv", queue.export, name="queue-export"),
    path("queue/assign/", queue.assign, name="queue-assign"),
    path("visits/", visits.visits, name="visits"),
    path("cases/<slug:reference>/", cases.case, name="case"),
    path("cases/<slug:reference>/sheet/", cases.sheet, name="sheet"),
    path("cases/<slug:reference>/notice/", notices.make, name="notice"),
    path("concerns/<slug:reference>/", concerns.answer, name="concern"),
    path("facts/<slug:reference>/", concerns.fact, name="fact"),
    path("household/", household.enter, name="household-enter"),
    path("household/page/", household.page, name="household"),
    path("household/answer/<slug:answer>/", household.say, name="household-answer"),
    path("household/ask/<slug:kind>/", household.ask, name="household-ask"),
    path("household/leave/", household.leave, name="household-leave"),
    path("cases/<slug:reference>/<slug:action>/", cases.act, name="case-action"),
    path("inbox/", inbox.inbox, name="inbox"),
    path("inbox/<slug:reference>/", inbox.referral, name="referral"),
    path("inbox/<slug:reference>/<slug:action>/", inbox.answer, name="referral-action"),
    path("areas/", areas.areas, name="areas"),
    path("areas/<slug:reference>/", areas.answer, name="area-answer"),
    path("sharing/", sharing.sharing, name="sharing"),
    path("sharing/<slug:feed>/", sharing.feed, name="feed"),
    path("policy/", policy.policy, name="policy"),
    path("policy/<slug:kind>/<slug:key>/", policy.rule, name="rule"),
    path("oversight/", oversight.oversight, name="oversight"),
    path("calendar/", calendar.calendar, name="calendar"),
]
handler404 = "almoner.casework.views.start.not_found"
