"""The household's own page, opened without an account by the code on its notice and part of an identity
number.

Everything it shows is computed from states and due times.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from almoner.casework.cases import authorisations
from almoner.casework.cases.history import looks
from almoner.casework.cases.participation import HIDDEN
from almoner.casework.cases.workflow import Refused
from almoner.casework.core import words
from almoner.casework.core.origin import network_of
from almoner.casework.core.timing import ClockView, clock_of
from almoner.casework.models import Case, Notice, NoticeAnswer, ReferralState
from almoner.casework.models.residents import OF_HOUSEHOLDS
from almoner.casework.presentation.case_forms import SignForm
from almoner.casework.presentation.evidence import Presenter, Proposal
from almoner.casework.presentation.forms import GrievanceForm, OpenForm
from almoner.casework.residents import grievances, notices

KEY, OPEN_FOR = "household", dt.timedelta(minutes=15)  # in the session; each page restarts the time
OFFERED = (ReferralState.PROPOSED, ReferralState.SENT, ReferralState.ACCEPTED, ReferralState.DONE)


@dataclass(frozen=True)
class NoticedItem:
    """One signal that the notice names, with its facts.

    A fact is its sentence and its sources; a source is (id of the fact, feed, department, latest record).
    """

    label: str
    facts: list[tuple[str, list[tuple[str, str, str, str]]]]


@dataclass(frozen=True)
class AskedGrievance:
    kind: str
    sentence: str
    clock: ClockView
    ending: str
    note: str


@dataclass(frozen=True)
class Asking:
    """One authorisation; `people` are the adults' names with their answers, empty for those still missing."""

    reference: str
    text: str
    clock: ClockView | None
    people: list[tuple[str, str]]


@login_not_required
@require_http_methods(["GET", "POST"])
def enter(request: HttpRequest) -> HttpResponse:
    form = OpenForm(request.POST or None)
    if request.method == "GET":
        return render(request, "casework/household_enter.html")
    found = None
    if form.is_valid():
        found = notices.opened(form.cleaned_data["code"], form.cleaned_data["fact"], network_of(request))
    if found is None:
        messages.error(
            request,
            _(
                "The code or number is not correct. Look at the letter again. After several wrong tries,"
                " wait for an hour."
            ),
        )
        return render(request, "casework/household_enter.html", status=403)
    request.session.cycle_key()
    _remember(request, found)
    return redirect("household")


@login_not_required
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    return _show(request, _mine(request))


@login_not_required
@require_POST
def say(request: HttpRequest, answer: str) -> HttpResponse:
    notice = _mine(request)
    if answer not in NoticeAnswer.values:
        raise Http404
    notices.answer(notice, answer)
    messages.success(request, _("Thank you. Your answer has been recorded."))
    return redirect("household")


@login_not_required
@require_POST
def ask(request: HttpRequest, kind: str) -> HttpResponse:
    notice = _mine(request)
    form = GrievanceForm(request.POST)
    if kind not in OF_HOUSEHOLDS:
        raise Http404
    if not form.is_valid():
        messages.error(request, _("This text is too long."))
        return _show(request, notice, status=400)
    try:
        grievances.ask(notice, kind, form.cleaned_data["text"], form.cleaned_data["about"])
    except Refused as refusal:
        messages.error(request, str(refusal))
        return _show(request, notice, status=409)
    messages.success(request, _("Thank you. A person will answer you."))
    return redirect("household")


@login_not_required
@require_POST
def authorise(request: HttpRequest, about: str) -> HttpResponse:
    notice, form = _mine(request), SignForm(request.POST)
    data = form.cleaned_data if form.is_valid() else {}
    try:
        notices.sign(notice, about, data.get("number", ""), data.get("said", ""), network_of(request))
    except Refused as refusal:
        messages.error(request, str(refusal))
        return _show(request, notice, status=409)
    messages.success(request, _("Thank you. Your answer has been recorded."))
    return redirect("household")


@login_not_required
@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    request.session.pop(KEY, None)
    return redirect("household-enter")


def _remember(request: HttpRequest, notice: Notice) -> None:
    until = dt.datetime.now() + OPEN_FOR
    request.session[KEY] = {"notice": notice.reference, "until": until.isoformat()}


def _mine(request: HttpRequest) -> Notice:
    """The notice that this session has opened. Raises Http404 when there is none or its time is over."""
    held = request.session.get(KEY) or {}
    if dt.datetime.fromisoformat(held.get("until", "2000-01-01")) < dt.datetime.now():
        raise Http404
    notice = Notice.objects.select_related("case").filter(reference=held["notice"], ended_at=None).first()
    if notice is None:
        raise Http404
    _remember(request, notice)
    return notice


def _show(request: HttpRequest, notice: Notice, status: int = 200) -> HttpResponse:
    present, now = Presenter(), dt.datetime.now()
    context = {
        "notice": notice,
        "case": notice.case,
        "noticed": _noticed(notice, present),
        "offers": offers(notice.case, present, own_page=True),
        "asked": _asked(notice.case, now),
        "authorisations": _authorisations(notice.case, now),
        "looks": looks(notice.case),
    }
    return render(request, "casework/household.html", context, status=status)


def _noticed(notice: Notice, present: Presenter) -> list[NoticedItem]:
    return [
        NoticedItem(
            words.in_language(signal.body["label"]),
            [
                (
                    words.in_language(sentence),
                    [
                        (
                            f.about,
                            words.in_language(f.feed),
                            present.department(f.department),
                            words.day(f.latest),
                        )
                        for f in rests
                    ],
                )
                for sentence, rests in grievances.by_sentence(facts)
            ],
        )
        for signal, facts in grievances.noticed_facts(notice)
    ]


def _authorisations(case: Case, now: dt.datetime) -> list[Asking]:
    """The authorisations that adults are asked for, with answers by name, so that each finds their own
    line."""
    standing = case.authorisations.filter(ended_at=None, referral__state__in=OFFERED).order_by("pk")
    return [
        Asking(
            one.reference,
            authorisations.text_of(one),
            None if one.settled_at else clock_of(one.due_at, now),
            [
                (word.person.name or "–", word.last.get_said_display() if word.last else "")
                for word in authorisations.words_of(one)
            ],
        )
        for one in standing
    ]


def offers(case: Case, present: Presenter, *, own_page: bool = False) -> Sequence[Proposal]:
    """The supports and recognitions that are offered; questions between officials are left out.

    Supports that others must not learn of are shown on the household's own page only, never on paper.
    """
    referrals = case.referrals.filter(state__in=OFFERED).order_by("id")
    found = [present.proposal(referral) for referral in referrals]
    return [
        proposal
        for proposal in found
        if proposal.kind in {"support", "recognition"}
        and (own_page or proposal.referral.participation != HIDDEN)
    ]


def _asked(case: Case, now: dt.datetime) -> list[AskedGrievance]:
    return [
        AskedGrievance(
            grievance.get_kind_display(),
            words.in_language(grievance.fact.get("sentence")),
            clock_of(grievance.due_at, now),
            grievance.get_ending_display() if grievance.ending else "",
            grievance.note,
        )
        for grievance in case.grievances.filter(kind__in=OF_HOUSEHOLDS).order_by("-asked_at")
    ]
