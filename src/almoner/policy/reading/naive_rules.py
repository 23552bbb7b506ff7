"""Reads naive rules: single thresholds that `almoner evaluate` compares a pack's signals with."""

from __future__ import annotations

from dataclasses import dataclass

from almoner.policy import watermarks
from almoner.policy.model.pack import NaiveRule
from almoner.policy.reading import fitting, shapes
from almoner.policy.reading.indicators import StatementReader
from almoner.policy.sql.lineage import Lineage
from almoner.policy.sql.relation import OPAQUE
from almoner.policy.sql.sql_text import SqlText

FOLDER = "naive_rules"


@dataclass(frozen=True)
class ReadNaiveRule:
    """A naive rule as far as it could be read, and where its SQL is."""

    rule: NaiveRule | None
    sql: SqlText


class NaiveRuleReader(StatementReader):
    """Reads one naive rule."""

    what = "a naive rule"
    by_area_advice = "Use a parameter without areas."

    def read(self) -> ReadNaiveRule:
        """The naive rule as far as it can be read."""
        before = len(self._report)
        shape = fitting.fit(self._document, shapes.NaiveRuleShape, self._report)
        if self._sql.tree is not None:
            relation = self._walk(Lineage(self._sql, self._tables), self._sql.tree)
            if relation is not OPAQUE:
                self._subject_first(list(relation.columns), str(self._document.get("subject")))
        sound = shape and self._sql.sound and len(self._report) == before
        return ReadNaiveRule(self._made(shape) if sound and shape else None, self._sql)

    def _made(self, shape: shapes.NaiveRuleShape) -> NaiveRule:
        return NaiveRule(
            id=self._name,
            subject=shape.subject,
            label=shape.label,
            need=shape.need,
            sql=watermarks.typed(self._sql.statement, watermarks.names(self._tables)),
            parameters=tuple(p for p in self._sql.parameters if p != "known_at"),
        )
