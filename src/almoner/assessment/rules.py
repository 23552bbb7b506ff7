"""The conditions that the rules of a pack read."""

from __future__ import annotations

from almoner.policy.model.pack import Pack, Programme, Signal
from almoner.policy.model.support import EVERYBODY, Category
from almoner.policy.model.terms import Condition


def signal_conditions(signal: Signal) -> list[Condition]:
    """Every condition that a signal reads."""
    found = [signal.when, signal.severity, *(level.when for level in signal.levels)]
    return [c for c in found if c is not None]


def programme_conditions(programme: Programme) -> list[Condition]:
    """Every condition that a programme reads."""
    exclusions = [e.when for e in programme.exclusions]
    causes = [c.helped for c in programme.terms.once.causes] if programme.terms.once else []
    leaving = programme.terms.gradual_exit
    after = [leaving.when, leaving.since, leaving.months, leaving.amount] if leaving else []
    return [programme.eligible, *exclusions, *(step.value for step in programme.steps), *causes, *after]


def category_conditions(category: Category) -> list[Condition]:
    """Every condition that a category reads."""
    leaving = category.exit
    guards = [leaving.when, *(g.when for g in leaving.guards)] if leaving else []
    return [category.when, category.held, *([category.since] if category.since else []), *guards]


def population_conditions(pack: Pack) -> list[Condition]:
    """The conditions to be computed for every subject. All others concern support candidates only."""
    found = [c for s in pack.signals.values() for c in signal_conditions(s)]
    found += [c.held for c in pack.categories.values()]
    found += [g.when for g in pack.watch.groups.values()] if pack.watch else []
    listing = (p for p in pack.programmes.values() if lists_everybody(p))
    return found + [c for p in listing for c in programme_conditions(p)]


def lists_everybody(programme: Programme) -> bool:
    """Whether the programme makes its own list: no signal and no category has to come first."""
    return not programme.signals and not programme.terms.categories and programme.participation in EVERYBODY
