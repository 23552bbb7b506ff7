"""Reads timelines: one SELECT with values by month, for case workers. No rule reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from almoner.policy import watermarks
from almoner.policy.model.feeds import Feed, Role
from almoner.policy.model.pack import Timeline
from almoner.policy.reading import fitting, shapes
from almoner.policy.reading.indicators import StatementReader
from almoner.policy.sql.lineage import Lineage
from almoner.policy.sql.relation import OPAQUE, Reads, Relation
from almoner.policy.sql.sql_text import SqlText

FOLDER = "timelines"
_REST = ("month", "value")


@dataclass(frozen=True)
class ReadTimeline:
    """A timeline as far as it could be read, and where its SQL is."""

    timeline: Timeline | None
    sql: SqlText


class TimelineReader(StatementReader):
    """Reads one timeline."""

    what = "a timeline"
    by_area_advice = "Leave it out: a timeline shows what was, and compares with nothing."

    def read(self, feeds: Mapping[str, Feed | None]) -> ReadTimeline:
        """The timeline as far as it can be read; `feeds` give the purposes that its fields are shared for."""
        before = len(self._report)
        shape = fitting.fit(self._document, shapes.TimelineShape, self._report)
        unit = self._document.get("unit")
        fitting.unit(self._document, ("unit",), unit, self._atoms, self._report)
        relation = OPAQUE
        lineage = Lineage(self._sql, self._tables)
        if self._sql.tree is not None:
            relation = self._walk(lineage, self._sql.tree)
        if not relation.opaque or relation.columns:
            self._outputs(relation, str(self._document.get("subject")))
        reads = relation.rows.union(*relation.columns.values())
        purposes = self._purposes(reads, feeds, lineage.sites)
        sound = shape and self._sql.sound and len(self._report) == before
        made = self._made(shape, reads, purposes) if sound else None
        return ReadTimeline(made, self._sql)

    def _outputs(self, relation: Relation, subject: str) -> None:
        """Check that there are exactly three columns, in order, and that no subject has a month twice."""
        names = list(relation.columns)
        self._subject_first(names, subject)
        expected = (f"{subject}_id", *_REST)
        if names[1:] != list(_REST):
            given = ", ".join(f"`{n}`" for n in names) or "nothing"
            listed = ", ".join(f"`{n}`" for n in expected)
            self._sql.fault(
                self._sql.tree,
                "timeline-columns",
                f"The SELECT gives {given}.",
                f"A timeline gives exactly {listed}.",
            )
        elif names[0] == expected[0] and (
            relation.unique is None or not relation.unique <= set(expected[:2])
        ):
            self._sql.fault(
                self._sql.tree,
                "timeline-months",
                f"It does not show that a {subject} has each month once.",
                f"End with GROUP BY {subject}_id, month.",
            )

    def _purposes(
        self, reads: Reads, feeds: Mapping[str, Feed | None], sites: Mapping[tuple[str, str], int]
    ) -> tuple[str, ...]:
        """The purposes that all fields are shared for, sorted."""
        shared: set[str] | None = None
        for feed_id, name in sorted(reads):
            feed = feeds.get(feed_id)
            prop = feed.property_named(name) if feed else None
            if feed is None or prop is None:
                continue
            if prop.role is Role.AUDIT_ONLY:
                message = f"`{name}` of `{feed_id}` is for audits only."
                advice = "Leave it out: it must not affect how anybody is treated."
                self._report.add(self._sql.file, sites.get((feed_id, name), 1), "audit-only", message, advice)
            own = set(feed.purposes if prop.purposes is None else prop.purposes)
            shared = own if shared is None else shared & own
        if shared is not None and not shared:
            listed = ", ".join(f"`{feed}`" for feed in sorted({feed for feed, _ in reads}))
            self._sql.fault(
                self._sql.tree,
                "purpose-not-covered",
                f"There is no purpose that all of {listed} is shared for.",
                "Make two timelines of it, or agree the purpose with the owners and add it to the contracts.",
            )
        return tuple(sorted(shared or ()))

    def _made(self, shape: shapes.TimelineShape, reads: Reads, purposes: tuple[str, ...]) -> Timeline:
        return Timeline(
            id=self._name,
            subject=shape.subject,
            sql=watermarks.typed(self._sql.statement, watermarks.names(self._tables)),
            label=shape.label,
            unit=None if shape.unit is None else str(shape.unit),
            meaning=shape.meaning,
            parameters=tuple(p for p in self._sql.parameters if p not in {"as_of", "known_at"}),
            feeds=tuple(sorted({feed for feed, _ in reads})),
            reads=reads,
            purposes=purposes,
        )
