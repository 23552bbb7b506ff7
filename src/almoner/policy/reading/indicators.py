"""Reads indicators: one SELECT each, and the meaning of its columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from almoner.policy import watermarks
from almoner.policy.document import Document
from almoner.policy.model.feeds import Feed
from almoner.policy.model.pack import Column, Indicator, Parameter
from almoner.policy.reading import fitting, shapes
from almoner.policy.reading.conditions import KnownColumn
from almoner.policy.report import Report, instead
from almoner.policy.sql.lineage import Lineage
from almoner.policy.sql.relation import FEED_TABLE, IDS, NOTHING, OPAQUE, Relation, of_feed, of_member
from almoner.policy.sql.sql_text import SqlText


@dataclass(frozen=True)
class ReadIndicator:
    """An indicator as far as it could be read: others may use its columns even when its SQL is at fault."""

    id: str
    document: Document
    columns: tuple[KnownColumn, ...]
    indicator: Indicator | None
    sql: SqlText


def tables(feeds: Mapping[str, Feed | None]) -> dict[str, Relation]:
    """The tables that an indicator's SQL may read, by name. A feed whose contract has a fault is opaque."""
    found = {name: of_feed(feed) if feed else OPAQUE for name, feed in feeds.items()}
    membership = next((f for f in feeds.values() if f is not None and f.membership), None)
    return found | {"member": of_member(membership) if membership else OPAQUE, "feed": FEED_TABLE}


class StatementReader:
    """The checks that all kinds of statement (a YAML file with a SELECT) share. Findings go to `report`."""

    what = "an indicator"
    by_area_advice = "Put out the column and compare it in a signal or programme."

    def __init__(
        self,
        name: str,
        document: Document,
        sql: SqlText,
        known: Mapping[str, Relation],
        parameters: Mapping[str, Parameter | None],
        atoms: frozenset[str],
        report: Report,
    ) -> None:
        self._name = name
        self._document = document
        self._sql = sql
        self._tables = known
        self._parameters = parameters
        self._atoms = atoms
        self._report = report

    def _walk(self, lineage: Lineage, tree: exp.Query) -> Relation:
        relation = lineage.query(tree, {})
        self._feed_names(tree)
        for name in self._sql.parameters:
            self._parameter(name)
        self._beginnings()
        return relation

    def _beginnings(self) -> None:
        """A window that ends at a feed's watermark says where it may begin, or why a hole does no harm."""
        holes = self._document.mapping("holes")
        for feed in holes.keys() - self._tables.keys():
            message, advice = f"There is no feed `{feed}`.", instead(feed, self._tables.keys())
            self._report.at(self._document, ("holes", feed), "unknown-feed", message, advice)
        periodic = [name for name, relation in self._tables.items() if relation.periodic]
        for feed, end in watermarks.unlimited(self._sql.parameters, periodic).items():
            if feed not in holes:
                self._report.add(
                    self._sql.file,
                    self._sql.parameter_lines[end],
                    "window-begins-anywhere",
                    f"`:{end}` is read, but a missing period of `{feed}` would count as nothing.",
                    f"Give NULL where the window begins before `:{feed}_since`, or for a register unless"
                    f" `:{feed}_unbroken`; or say in {self._document.file}"
                    f" `holes: {{{feed}: why it does no harm}}`.",
                )

    def _parameter(self, name: str) -> None:
        line = self._sql.parameter_lines[name]
        if name in {"as_of", "known_at"}:
            return
        if name in watermarks.names(self._tables):
            if name in self._parameters:
                message = f"`:{name}` is how far a feed is complete, and also a parameter."
                self._report.add(
                    self._sql.file, line, "parameter-name", message, "Give the parameter another name."
                )
            return
        if name not in self._parameters:
            self._report.add(
                self._sql.file,
                line,
                "unknown-parameter",
                f"There is no parameter `{name}`.",
                instead(name, [*self._parameters, *watermarks.names(self._tables)]),
            )
            return
        parameter = self._parameters[name]
        if parameter is not None and parameter.by_area:
            message = f"`:{name}` differs by area, and {self.what}'s SQL runs once for all areas."
            self._report.add(
                self._sql.file,
                line,
                "parameter-by-area",
                message,
                self.by_area_advice,
            )

    def _feed_names(self, tree: exp.Expr) -> None:
        """In `feed = 'x'` x must be a feed, else the window would never end."""
        feeds = self._tables.keys() - {"member", "feed"}
        for node in tree.find_all(exp.EQ, exp.In):
            sides = [node.this, *([node.expression] if isinstance(node, exp.EQ) else node.expressions)]
            if not any(isinstance(s, exp.Column) and s.name.lower() == "feed" for s in sides):
                continue
            for side in sides:
                if isinstance(side, exp.Literal) and side.is_string and side.name not in feeds:
                    self._sql.fault(
                        side, "unknown-feed", f"There is no feed `{side.name}`.", instead(side.name, feeds)
                    )

    def _subject_first(self, names: list[str], subject: str) -> None:
        expected = f"{subject}_id"
        if subject in {"person", "household"} and (not names or names[0] != expected):
            first = names[0] if names else "nothing"
            self._sql.fault(
                self._sql.tree,
                "first-column",
                f"The first column is `{first}`.",
                f"Put out `{expected}` first: the subject is a {subject}.",
            )

    def _projection(self, name: str) -> Any:
        tree = self._sql.tree
        while isinstance(tree, exp.SetOperation):
            tree = tree.left
        selects = tree.selects if tree is not None else []
        return next((p for p in selects if p.alias_or_name.lower() == name), tree)


class IndicatorReader(StatementReader):
    """Reads one indicator."""

    def read(self) -> ReadIndicator:
        """The indicator as far as it can be read."""
        before = len(self._report)
        shape = fitting.fit(self._document, shapes.IndicatorShape, self._report)
        subject = self._document.get("subject")
        lineage = Lineage(self._sql, self._tables)
        relation = self._walk(lineage, self._sql.tree) if self._sql.tree is not None else OPAQUE
        if not relation.opaque or relation.columns:
            self._outputs(relation, str(subject))
        columns = tuple(
            self._column(name, str(subject), relation, lineage) for name in self._document.mapping("columns")
        )
        made = (
            _indicator(self._name, shape, self._sql, columns, watermarks.names(self._tables))
            if shape and self._sql.sound and len(self._report) == before
            else None
        )
        return ReadIndicator(self._name, self._document, columns, made, self._sql)

    def _outputs(self, relation: Relation, subject: str) -> None:
        """What the SELECT gives is what the YAML describes, the subject's number first."""
        names = list(relation.columns)
        self._subject_first(names, subject)
        described = self._document.mapping("columns")
        for name in names:
            if name not in described and name not in IDS:
                self._sql.fault(
                    self._projection(name),
                    "undescribed-column",
                    f"The column `{name}` is not described.",
                    f"Add it to {self._document.file}.",
                )
        for name in described.keys() - set(names):
            self._report.at(
                self._document,
                ("columns", name),
                "missing-output",
                f"The SQL does not give a column `{name}`.",
                instead(name, set(names) - described.keys() - set(IDS)),
            )
        for extra in set(names[1:]) & set(IDS):
            self._sql.fault(
                self._projection(extra),
                "undescribed-column",
                f"`{extra}` is put out besides the subject.",
                "Leave it out: `member` knows who belongs where.",
            )

    def _column(self, name: str, subject: str, relation: Relation, lineage: Lineage) -> KnownColumn:
        unit = self._document.get("columns", name, "unit")
        parsed = fitting.unit(self._document, ("columns", name, "unit"), unit, self._atoms, self._report)
        reads = relation.columns.get(name, NOTHING) | relation.rows
        return KnownColumn(
            name=name,
            indicator=self._name,
            subject=subject,
            unit=parsed,
            reads=reads,
            file=self._sql.file,
            lines=lineage.sites,
        )


def _indicator(
    name: str,
    shape: shapes.IndicatorShape,
    sql: SqlText,
    known: tuple[KnownColumn, ...],
    watermarked: Iterable[str],
) -> Indicator:
    columns = tuple(_column(column, shape.columns[column.name]) for column in known)
    parameters = tuple(p for p in sql.parameters if p not in {"as_of", "known_at"})
    statement = watermarks.typed(sql.statement, watermarked)
    return Indicator(
        id=name,
        subject=shape.subject,
        sql=statement,
        label=shape.label,
        columns=columns,
        parameters=parameters,
    )


def _column(known: KnownColumn, shape: shapes.ColumnShape) -> Column:
    unit = None if shape.unit is None else str(shape.unit)
    feeds = tuple(sorted({feed for feed, _ in known.reads}))
    return Column(
        name=known.name, label=shape.label, unit=unit, meaning=shape.meaning, feeds=feeds, reads=known.reads
    )
