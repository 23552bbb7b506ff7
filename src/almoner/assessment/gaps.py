"""Gaps: periods of a feed that never came, and for how many households signals are unknown without them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from almoner.assessment.feature_table import has, holds
from almoner.assessment.missing import Gap
from almoner.assessment.rules import signal_conditions
from almoner.assessment.signal_groups import SignalGroup, own_indicators
from almoner.engines import quote
from almoner.policy.model.pack import Pack, Signal
from almoner.registry import completeness

if TYPE_CHECKING:
    from almoner.assessment.context import AssessmentContext

_DAY = dt.timedelta(days=1)


def find(context: AssessmentContext, groups: Sequence[SignalGroup]) -> list[Gap]:
    """The gaps of all feeds as known now, in order of feeds. The tables of `groups` are materialized."""
    known = completeness.runs(context.engine, context.known_at)
    spans = {feed: list(_missing(known[feed])) for feed in context.pack.feeds if feed in known}
    unknown = _unknown(context, groups, [feed for feed, missing in spans.items() if missing])
    return [
        Gap(feed, part, span.since, span.through, unknown[feed])
        for feed, missing in spans.items()
        for part, span in missing
    ]


def _missing(parts: completeness.Parts) -> Iterator[tuple[str | None, completeness.CompleteDays]]:
    whole = completeness.last_run(parts)
    for part, spans in parts.items():
        yield from ((part, hole) for hole in completeness.holes(spans))
        if part is not None and spans[-1].through < whole.through:
            yield part, completeness.CompleteDays(spans[-1].through + _DAY, whole.through)


def _unknown(
    context: AssessmentContext, groups: Sequence[SignalGroup], feeds: Iterable[str]
) -> Mapping[str, int]:
    """By feed, how many households have a signal that reads it and is unknown."""
    found: dict[str, int] = {}
    for feed in feeds:
        selects = [
            f"SELECT household_id FROM {quote(group.table)} WHERE {' OR '.join(conditions)}"
            for group in groups
            if (
                conditions := [
                    _is_unknown(context.pack, s) for s in group.signals if _reads(context.pack, s, feed)
                ]
            )
        ]
        sql = f"SELECT count(DISTINCT household_id) FROM ({' UNION ALL '.join(selects)})"
        found[feed] = int(context.engine.value(sql)) if selects else 0
    return found


def _reads(pack: Pack, signal: Signal, feed: str) -> bool:
    columns = {c for condition in signal_conditions(signal) for c in condition.columns}
    return any(feed in pack.column(name)[1].feeds for name in columns)


def _is_unknown(pack: Pack, signal: Signal) -> str:
    unknown = f"{quote(holds(signal.id))} IS NULL"
    own = own_indicators(pack, signal) if signal.subject == "person" else []
    covered = " OR ".join(quote(has(indicator.id)) for indicator in own)
    return f"({unknown} AND ({covered}))" if covered else unknown
