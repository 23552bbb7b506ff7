"""What a cycle looks at: the facts of a scope as known at a time, and every indicator computed on them.

A sweep, a slice of a stream and a replay differ only in the views that are opened here; the pack's SQL is
the same text.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from almoner.assessment.expressions import bind
from almoner.assessment.values import ParameterValues
from almoner.engines import Engine
from almoner.policy.model.pack import Pack
from almoner.policy.model.terms import Condition
from almoner.registry.scope import within

ACTIVE = "standing_here"  # of some households, what stands already


@dataclass(frozen=True, kw_only=True)
class AssessmentContext:
    """An open scope: `wide_household` and `wide_person` have a row a subject (`almoner.assessment.feature_table`)."""

    engine: Engine
    pack: Pack
    as_of: dt.date
    known_at: dt.datetime
    values: ParameterValues
    scoped: bool  # whether only some households are in view
    views: Mapping[str, str]  # that are open, by name
    evidence: bool = (
        True  # whether findings carry the digest by which a later cycle sees that something changed
    )
    bound: dict[str, str] = field(default_factory=dict, compare=False, repr=False)  # what `sql` gave before

    def sql(self, condition: Condition | str) -> str:
        """A condition as SQL over the wide tables."""
        text = condition if isinstance(condition, str) else condition.sql
        if text not in self.bound:
            self.bound[text] = f"({bind(text, self.values.plain, self.values.by_area)})"
        return self.bound[text]

    @property
    def circumstances(self) -> tuple[Any, ...]:
        """What the SQL of a pack differs by from one scene to the next."""
        return (
            self.as_of,
            tuple(self.values.plain.items()),
            tuple(sorted(self.values.by_area)),
            tuple(self.pack.signals),
        )

    @property
    def active_findings(self) -> str:
        """The table of what stands already, of the households in view."""
        return ACTIVE if self.scoped else "assessment.standing"

    def narrowed(self, households: str) -> AbstractContextManager[None]:
        """Within the block only those households are in view that are in the kept table `households`."""
        return self.engine.views(within(self.views, self.pack.feeds, households))
