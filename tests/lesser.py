"""A pack with less in it, where a test needs a few signals and none of the rest."""

from __future__ import annotations

from dataclasses import replace

from almoner.assessment.rules import signal_conditions
from almoner.policy.model.pack import Pack


def with_signals(pack: Pack, *names: str) -> Pack:
    """The pack with these signals and the indicators that they read; no programmes, categories or groups
    of the watch list."""
    signals = {name: pack.signals[name] for name in names}
    columns = {c for s in signals.values() for condition in signal_conditions(s) for c in condition.columns}
    needed = {pack.column(column)[0].id for column in columns}
    indicators = {name: i for name, i in pack.indicators.items() if name in needed}
    watch = replace(pack.watch, groups={}) if pack.watch else None
    return replace(pack, signals=signals, indicators=indicators, programmes={}, categories={}, watch=watch)
