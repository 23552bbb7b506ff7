"""What feeds are complete for, and which deliveries and full lists wait for a person, in words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from almoner.casework.core import words
from almoner.casework.figures.areas import Areas
from almoner.casework.figures.gaps import span
from almoner.casework.models import FeedState

_SHOWN = 30  # parts of a feed on its page, and reasons of a delivery


@dataclass(frozen=True)
class CompletePart:
    """A feed, or one part of it such as an area: since when, through which day, by which delivery.

    `since` is empty where the feed is complete from its beginning. `never_came` are times between.
    """

    part: str
    since: str
    through: str
    delivery: str
    never_came: list[str]


@dataclass(frozen=True)
class Waits:
    """A delivery that vouches for nothing, or a full list of which withdrawals wait, until a person acts.

    `what` and `advice` are sentences. `commands` are lines for a terminal.
    """

    feed: FeedState
    what: str
    reasons: list[str]
    advice: str
    commands: list[str]


def complete_parts(feed: FeedState) -> tuple[list[CompletePart], int]:
    """The parts of a feed, those that are furthest behind first, and how many more there are."""
    areas = Areas()
    ordered = sorted(feed.complete, key=lambda one: (one["through"], one["part"] or ""))
    found = [
        CompletePart(
            part=_part(one["part"], areas),
            since=words.day(one["since"]) if one["since"] else "",
            through=words.day(one["through"]),
            delivery=_delivery(one),
            never_came=[
                span(dt.date.fromisoformat(since), dt.date.fromisoformat(through))
                for since, through in one["never_came"]
            ],
        )
        for one in ordered[:_SHOWN]
    ]
    return found, len(ordered) - len(found)


def waiting(feed: FeedState | None = None) -> list[Waits]:
    """What waits for a person, of one feed or of all in order of feeds."""
    states = (
        [feed]
        if feed
        else list(FeedState.objects.exclude(Q(waiting=[]) & Q(lists_waiting=[])).defer("fields"))
    )
    areas = Areas() if any(state.waiting for state in states) else None
    return [one for state in states for one in _of(state, areas)]


def _of(feed: FeedState, areas: Areas | None) -> list[Waits]:
    label = words.in_language(feed.label)
    return [_claim(feed, label, one, areas) for one in feed.waiting] + [
        _list(feed, label, one) for one in feed.lists_waiting
    ]


def _claim(feed: FeedState, label: str, one: Mapping[str, Any], areas: Areas | None) -> Waits:
    through = dt.date.fromisoformat(one["through"])
    when = (
        span(dt.date.fromisoformat(one["since"]), through)
        if one["since"]
        else _("all days through %(day)s") % {"day": words.day(through)}
    )
    what = _("%(feed)s: delivery %(delivery)s does not count as complete for %(when)s.") % {
        "feed": label,
        "delivery": _delivery(one),
        "when": when,
    }
    parts = [_part(part, areas) for part in one["parts"]]
    reasons = [_reason(doubt) for doubt in one["reasons"][:_SHOWN]]
    if parts:
        shown = _(", ").join(parts[:_SHOWN]) + (" …" if len(parts) > _SHOWN else "")
        reasons.insert(0, _("It is about %(parts)s.") % {"parts": shown})
    advice = _(
        "Ask the department for the whole file, or mend the rows in quarantine. If the file is right as it"
        " is, answer for it:"
    )
    reason = _("why it is right")
    return Waits(
        feed,
        what,
        reasons,
        advice,
        [f'almoner feeds HOME release {feed.pk} {one["delivery"]} --reason "{reason}"'],
    )


def _list(feed: FeedState, label: str, one: Mapping[str, Any]) -> Waits:
    what = _("%(feed)s: full list %(delivery)s does not name rows that hold: %(rows)s.") % {
        "feed": label,
        "delivery": _delivery(one),
        "rows": words.number(one["rows"]),
    }
    advice = _("They hold until somebody decides. Ask the department, then take them back or keep them:")
    commands = [f"almoner withdrawals {act} HOME {one['delivery']}" for act in ("release", "keep")]
    return Waits(feed, what, [], advice, commands)


def _reason(doubt: Mapping[str, Any]) -> str:
    values = {
        "found": words.number(doubt["found"]),
        "expected": words.number(doubt["expected"]),
        "day": words.day(doubt["period"]) if doubt["period"] else "",
    }
    match doubt["rule"]:
        case "held_back":
            return _("%(found)s of %(expected)s rows are held back.") % values
        case "volume":
            return _("Rows of the period from %(day)s: %(found)s, where %(expected)s are usual.") % values
        case "row_count":
            return _("Rows that came: %(found)s, where %(expected)s were stated.") % values
        case "unread":
            return _("A part of the file was not read.")
        case "trailer":
            return _("The last row, which counts the others, is missing or has no number.")
        case other:
            return str(other)


def _delivery(one: Mapping[str, Any]) -> str:
    if one["delivery"] is None:
        return ""
    return f"{one['delivery']} ({one['file']})" if one["file"] else str(one["delivery"])


def _part(part: str | None, areas: Areas | None) -> str:
    return areas.name(part) if part and areas else part or ""
