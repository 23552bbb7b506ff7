"""The context of an assessment: the facts of a scope as known at a time, with indicators and parameters.

A sweep, a slice of a stream and a replay differ only in the views that are open. They run the same SQL.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from almoner.assessment.expressions import bind
from almoner.assessment.missing import Behind, Gap
from almoner.assessment.values import ParameterValues
from almoner.engines import Engine
from almoner.policy.model.pack import Pack
from almoner.policy.model.terms import Condition
from almoner.registry.scope import within

ACTIVE = "standing_here"  # the active findings of some households


@dataclass(frozen=True, kw_only=True)
class AssessmentContext:
    """An open scope, with feature tables that have one row a subject (`almoner.assessment.feature_table`)."""

    engine: Engine
    pack: Pack
    as_of: dt.date
    known_at: dt.datetime
    values: ParameterValues
    scoped: bool  # whether only some households are in view
    views: Mapping[str, str]  # that are open, by name
    evidence: bool = True  # whether findings have a digest, by which a later cycle sees a change
    behind: Behind = field(default_factory=dict)  # parts of feeds whose subjects are unknown
    gaps: list[Gap] = field(
        default_factory=list, compare=False, repr=False
    )  # of a sweep, once signals are found
    bound: dict[str, str] = field(default_factory=dict, compare=False, repr=False)  # results of `sql`

    def sql(self, condition: Condition | str) -> str:
        """A condition as SQL over the feature tables, with its parameters filled in."""
        text = condition if isinstance(condition, str) else condition.sql
        if text not in self.bound:
            self.bound[text] = f"({bind(text, self.values.plain, self.values.by_area)})"
        return self.bound[text]

    @property
    def circumstances(self) -> tuple[Any, ...]:
        """What the pack's SQL depends on beside the facts: a key for plans that are kept between contexts."""
        return (
            self.as_of,
            tuple(self.values.plain.items()),
            tuple(sorted(self.values.by_area)),
            tuple(self.pack.signals),
        )

    @property
    def active_findings(self) -> str:
        """The table of findings that are active before this cycle, of the households in view."""
        return ACTIVE if self.scoped else "assessment.standing"

    def narrowed(self, households: str) -> AbstractContextManager[None]:
        """Within the block only the households in the materialized table `households` are in view."""
        return self.engine.views(within(self.views, self.pack.feeds, households))
