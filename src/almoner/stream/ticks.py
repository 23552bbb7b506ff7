"""Finds the households that are due by time alone, without any event.

The compiled pack says which signals a new day can change. They have an indicator or a condition that reads
`:as_of`, a parameter whose value has changed since, or a watermark that the day held back. The signals that
the moved watermark of a feed can change are found the same way. A tick works out only those signals. Due are
the households for which a signal holds, a finding is active or a category is recognised.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import replace

from almoner.assessment import records
from almoner.assessment import signals as found_signals
from almoner.assessment.context import AssessmentContext
from almoner.assessment.feature_table import feature_table
from almoner.assessment.opening import early, open_context
from almoner.assessment.rules import lists_everybody, signal_conditions
from almoner.engines import Engine
from almoner.policy import watermarks
from almoner.policy.model.pack import Indicator, Pack, Signal
from almoner.policy.model.terms import Condition, Subject


def changed_by_time(
    pack: Pack, since: dt.date | None, today: dt.date, held_back: Collection[str] = ()
) -> set[str]:
    """Ids of the signals that may change between `since` (None: never assessed) and `today`. `held_back`:
    feeds that are complete beyond `since`."""
    changed = _changed_parameters(pack, since, today)
    read = {name for name, feed in watermarks.names(pack.feeds).items() if feed in held_back}
    return {
        s.id
        for s in pack.signals.values()
        if _reads_the_day(pack, s) or _parameters(pack, s) & (changed | read)
    }


def changed_by_watermarks(pack: Pack, feeds: Collection[str]) -> set[str]:
    """Ids of the signals that may change because `feeds` are complete through later days."""
    read = {name for name, feed in watermarks.names(pack.feeds).items() if feed in feeds}
    return {
        s.id
        for s in pack.signals.values()
        if _parameters(pack, s) & read or _reads_feeds(pack, s) & set(feeds)
    }


def due(
    engine: Engine, pack: Pack, signals: Collection[str], as_of: dt.date, known_at: dt.datetime
) -> list[int]:
    """Ids of the households to assess anew, in order: those for which one of `signals` holds, those that
    could be on a list, and all with an active finding or a recognised category."""
    with open_context(engine, _narrow(pack, signals), as_of, known_at, evidence=False) as context:
        found_signals.find(context)
        candidates = [
            f"SELECT household_id FROM {found_signals.FINDINGS}",
            records.OPEN_HOUSEHOLDS,
        ]
        candidates += [_households_of(context, c.subject, c.held) for c in context.pack.categories.values()]
        candidates += [
            _households_of(context, p.subject, p.eligible) for p in context.pack.programmes.values()
        ]
        rows = engine.rows(f"SELECT DISTINCT household_id FROM ({' UNION ALL '.join(candidates)}) ORDER BY 1")
        engine.drop(found_signals.FINDINGS, found_signals.DISPROVED)
    return [household for (household,) in rows]


def _narrow(pack: Pack, signals: Collection[str]) -> Pack:
    """The pack with these signals, and the programmes and categories that ask about everybody."""
    listing = {i: p for i, p in pack.programmes.items() if lists_everybody(p)}
    chosen = {i: s for i, s in pack.signals.items() if i in signals}
    narrow = replace(pack, signals=chosen, programmes=listing, watch=None)
    return replace(narrow, indicators={i.id: i for i in early(narrow)})


def _households_of(context: AssessmentContext, subject: Subject, condition: Condition) -> str:
    """SQL for the households for which the condition holds; all, if it reads a column that only a cycle
    computes."""
    known = {c.name for i in context.pack.indicators.values() for c in i.columns}
    holds = context.sql(condition) if set(condition.columns) <= known else "true"
    return f"SELECT household_id FROM {feature_table(subject)} WHERE {holds}"


def _reads_the_day(pack: Pack, signal: Signal) -> bool:
    conditions = any("as_of" in c.sql for c in signal_conditions(signal))
    return conditions or any("$as_of" in i.sql for i in _indicators(pack, signal))


def _parameters(pack: Pack, signal: Signal) -> set[str]:
    own = {p for c in signal_conditions(signal) for p in c.parameters}
    return own | {p for i in _indicators(pack, signal) for p in i.parameters}


def _reads_feeds(pack: Pack, signal: Signal) -> set[str]:
    """Feeds of the columns whose indicator reads watermarks, or that are complete by parts."""
    indicators = _indicators(pack, signal)
    asking = {i.id for i in indicators if "complete_" in i.sql or "unbroken" in i.sql}
    by_part = {feed.id for feed in pack.feeds.values() if feed.complete_by}
    return {f for i in indicators for c in i.columns for f in c.feeds if i.id in asking or f in by_part}


def _indicators(pack: Pack, signal: Signal) -> Collection[Indicator]:
    names = {name for c in signal_conditions(signal) for name in c.columns}
    return {i.id: i for i, _ in map(pack.column, names)}.values()


def _changed_parameters(pack: Pack, since: dt.date | None, today: dt.date) -> set[str]:
    """Parameters of which a value came into force, or ended, after `since`."""
    if since is None:
        return set(pack.parameters)
    return {
        p.id
        for p in pack.parameters.values()
        if any(since < v.since <= today for dated in p.areas.values() for v in dated)
    }
