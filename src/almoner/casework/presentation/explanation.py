"""Explain a case as text for a terminal, with numbers, units, sources and dates, and without personal
data."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import override

from almoner.casework.core import words
from almoner.casework.figures.areas import Areas
from almoner.casework.figures.gaps import missing_periods
from almoner.casework.models import AreaAlert, Case
from almoner.casework.presentation import area_evidence
from almoner.casework.presentation.evidence import FactView, Presenter, Proposal, Reason
from almoner.errors import AlmonerError

LANGUAGES = {"en": "en", "zh": "zh-hans"}


def explain(reference: str, language: str) -> str:
    """The explanation of a case by its reference, or of alerts by an area's code; `language` is `en` or
    `zh`.

    Raises AlmonerError for an unknown reference.
    """
    case = Case.objects.filter(reference=reference).first()
    alerts = list(AreaAlert.objects.filter(area=reference, cleared_on=None).order_by("signal"))
    if case is None and not alerts:
        raise AlmonerError(
            f"There is no case {reference!r}, and no area of that code with an alert. References of cases"
            " have 10 letters and digits, as the queue shows them."
        )
    if language.split("-")[0] not in LANGUAGES:
        raise AlmonerError(f"There is no language {language!r}. Write one of: {', '.join(LANGUAGES)}.")
    with override(LANGUAGES[language.split("-")[0]]):
        found = (
            _lines(case) if case else (line for alert in alerts for line in ("", *area_evidence.lines(alert)))
        )
        return "\n".join(found).lstrip("\n") + "\n"


def _lines(case: Case) -> Iterator[str]:
    present = Presenter()
    yield _("Case %(reference)s: %(state)s") % {
        "reference": case.reference,
        "state": case.get_state_display(),
    }
    yield _("Opened %(date)s, area %(area)s") % {
        "date": words.day(case.opened_as_of),
        "area": Areas().name(case.area) or "-",
    }
    if case.clock:
        yield _("Due %(date)s") % {"date": words.moment(case.clock)}
    signals = sorted(case.signals.order_by("urgency_hours", "id"), key=lambda s: s.cleared_on is not None)
    reasons = [present.reason(signal) for signal in signals]
    for reason in reasons:
        yield from ("", *_reason(reason))
    for alert in _around(case):
        yield from ("", *area_evidence.lines(alert))
    facts = [fact for reason in reasons for fact in reason.facts]
    missing = missing_periods({source.feed_id for fact in facts for source in fact.sources})
    if missing:
        yield from ("", _("What never came"), *(f"  - {one.sentence}" for one in missing))
    proposals = [present.proposal(referral) for referral in case.referrals.order_by("id")]
    if proposals:
        yield from ("", _("What is proposed"))
    for proposal in proposals:
        yield from _proposal(proposal)


def _around(case: Case) -> list[AreaAlert]:
    """Active alerts of the areas that the case lies in, for the signals of the case."""
    signals = case.signals.filter(cleared_on=None).values("signal")
    areas = Areas().above(case.area)
    return list(
        AreaAlert.objects.filter(area__in=areas, signal__in=signals, cleared_on=None).order_by(
            "area", "signal"
        )
    )


def _reason(reason: Reason) -> Iterator[str]:
    values = {"label": reason.label, "level": reason.level, "date": words.day(reason.signal.raised_on)}
    yield _("%(label)s (%(level)s), noticed %(date)s") % values
    if reason.signal.cleared_on:
        yield "  " + _("No longer seen in the records since %(date)s") % {
            "date": words.day(reason.signal.cleared_on)
        }
    if reason.watched:
        yield "  " + _("On the watch list:") + " " + _(", ").join(reason.watched)
    for fact in reason.facts:
        yield from _fact(fact)
    yield "  " + _("Check at the visit: %(check)s") % {"check": reason.check}
    yield "  " + _("Why this rule: %(why)s") % {"why": reason.why}


def _fact(fact: FactView) -> Iterator[str]:
    yield f"  - {fact.sentence}"
    for value in fact.values:
        yield "    " + _("Value: %(label)s: %(value)s") % {"label": value.label, "value": value.value}
    for rule in fact.rules:
        values = {"label": rule.label, "value": rule.value, "reference": rule.reference}
        yield "    " + _("Rule: %(label)s: %(value)s (%(reference)s)") % values
    for source in fact.sources:
        values = {"feed": source.feed, "owner": source.owner, "date": source.complete_through or _("unknown")}
        latest = _(", latest record %(date)s") % {"date": source.latest} if source.latest else ""
        yield "    " + _("Source: %(feed)s (%(owner)s), complete through %(date)s") % values + latest


def _proposal(proposal: Proposal) -> Iterator[str]:
    values = {"label": proposal.label, "amount": proposal.amount, "department": proposal.department}
    state = proposal.referral.get_state_display()
    is_question = proposal.referral.amount is None
    line = _("%(label)s, by %(department)s") if is_question else _("%(label)s: %(amount)s, by %(department)s")
    yield "  " + line % values + f" [{state}]"
    for step in proposal.steps:
        yield f"    {step.label}: {step.sentence}"
    for fact in proposal.eligible:
        yield f"    - {fact.sentence}"
    for label, holds in proposal.exclusions:
        yield (
            "    - " + _("Not excluded by: %(label)s") % {"label": label}
            if holds is False
            else f"    - {label}"
        )
    for guard in proposal.guards:
        yield f"    - {guard.label}"
        yield from (f"      {fact.sentence}" for fact in guard.facts)
    yield from (f"    {sentence}" for sentence in proposal.terms)
    if proposal.reference:
        yield "    " + _("Reference: %(reference)s") % {"reference": proposal.reference}
