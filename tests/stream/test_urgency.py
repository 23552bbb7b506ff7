"""Urgent feeds: terms in different units are compared by the pack's hours of a working day."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from almoner.policy.model.legal_terms import LegalTerm, LegalTerms, TermValue
from almoner.policy.model.pack import Pack
from almoner.policy.model.terms import Term
from almoner.stream import urgency

DAY = dt.date(2026, 11, 9)


def allowing(base: Pack, within: Term, hours: float = 33.6) -> Pack:
    """The pack with this time for every level, and these hours for a working day from DAY on."""
    signals = {
        name: replace(s, levels=tuple(replace(level, within=within) for level in s.levels))
        for name, s in base.signals.items()
    }
    dated = (TermValue(dt.date(2025, 1, 1), 1, "Notice"), TermValue(DAY, hours, "Notice"))
    term = LegalTerm("working_day", {}, dated)
    return replace(base, signals=signals, terms=LegalTerms({**base.terms, "working_day": term}))


@pytest.mark.parametrize(
    ("within", "hours", "urgent"),
    [
        (Term(3, "working_days"), 33.6, True),
        (Term(4, "working_days"), 33.6, False),
        (Term(100, "hours"), 33.6, True),
        (Term(101, "hours"), 33.6, False),
        (Term(4, "days"), 33.6, True),
        (Term(4, "days"), 24.0, False),
        (Term(3, "working_days"), 24.0, True),
    ],
)
def test_what_is_checked_within_three_working_days_cannot_wait(
    base: Pack, within: Term, hours: float, urgent: bool
) -> None:
    found = urgency.urgent_feeds(allowing(base, within, hours), DAY)
    assert bool(found) == urgent
    assert all(base.feeds[feed].cadence in {"on_event", "daily"} for feed in found)


def test_the_hours_are_those_of_the_day(base: Pack) -> None:
    pack = allowing(base, Term(4, "days"), 33.6)
    assert urgency.urgent_feeds(pack, DAY)
    assert not urgency.urgent_feeds(pack, DAY - dt.timedelta(days=1))


def test_feeds_of_the_base_pack_that_cannot_wait_come_first(base: Pack) -> None:
    urgent = urgency.urgent_feeds(base, DAY)
    assert urgent
    order = urgency.in_order(base, DAY)
    assert set(order[: len(urgent)]) == urgent
    assert set(order) == set(base.feeds)
