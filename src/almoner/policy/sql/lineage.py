"""Lineage of an indicator's SQL: for every output column, each field of each feed that it rests on.

An output column rests on the columns it is computed from, and on everything that decides which rows it is
computed over: WHERE, GROUP BY, HAVING, QUALIFY, DISTINCT, join conditions, and the rows of what is joined. A
LEFT JOIN to rows that are unique on the join's columns decides no rows; its fields count for the columns
taken from it only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlglot import exp

from almoner.policy.report import instead
from almoner.policy.sql import across
from almoner.policy.sql.relation import NOTHING, OPAQUE, Reads, Relation, Scope
from almoner.policy.sql.sql_text import SqlText
from almoner.policy.sql.uniqueness import equal_columns, star_of, unique_columns

_SERIES = (exp.GenerateSeries, exp.GenerateDateArray, exp.GenerateTimestampArray, exp.Unnest, exp.Explode)


class Lineage:
    """Walks one statement. Faults go to the report of `text`.

    `sites` gives by (feed, property) the line, from 1, on which the statement first reads the field.
    """

    def __init__(self, text: SqlText, tables: Mapping[str, Relation]) -> None:
        self._text = text
        self._tables = tables
        self.sites: dict[tuple[str, str], int] = {}

    def query(self, node: Any, ctes: Mapping[str, Relation], outer: Scope | None = None) -> Relation:
        """The relation that a SELECT, a set operation or a subquery gives."""
        if isinstance(node, exp.Subquery):
            return self.query(node.this, self._with(node, ctes, outer), outer)
        known = self._with(node, ctes, outer)
        if isinstance(node, exp.SetOperation):
            return _union(
                self.query(node.left, known, outer),
                self.query(node.right, known, outer),
                bool(node.args.get("by_name")),
            )
        if isinstance(node, exp.Select):
            return self._select(node, Scope(ctes=known, outer=outer))
        if isinstance(node, exp.Table):
            return self._source(node, Scope(ctes=known, outer=outer))
        if isinstance(node, exp.Values):
            return self._values(node, Scope(ctes=known, outer=outer))
        self._text.fault(
            node, "sql-form", "This form of SQL is not read in a pack.", "Write it as SELECT ... FROM ..."
        )
        return OPAQUE

    def _with(
        self, node: exp.Expr, ctes: Mapping[str, Relation], outer: Scope | None
    ) -> Mapping[str, Relation]:
        clause = node.args.get("with_")
        if clause is None:
            return ctes
        known = dict(ctes)
        for cte in clause.expressions:
            relation = self.query(cte.this, known, outer)
            known[cte.alias.lower()] = relation.named(c.name.lower() for c in cte.args["alias"].columns)
        return known

    def _select(self, select: exp.Select, scope: Scope) -> Relation:
        unique = self._from(select, scope)
        columns = self._projections(select, scope)
        for part in ("where", "group", "having", "qualify", "distinct"):
            clause = select.args.get(part)
            if clause is not None:
                scope.rows |= self.reads(clause, scope)
        for part in ("order", "windows"):
            for clause in _listed(select.args.get(part)):
                self.reads(clause, scope)
        across.check(select, scope, self._text)
        personal = any(r.personal for r in scope.sources.values())
        ids = frozenset(scope.alias_ids)
        opaque = any(r.opaque for r in scope.sources.values()) and select.is_star
        return Relation(
            columns=columns,
            rows=scope.rows,
            ids=ids,
            unique=unique_columns(select, unique),
            personal=personal,
            opaque=opaque,
        )

    def _from(self, select: exp.Select, scope: Scope) -> frozenset[tuple[str, str]] | None:
        """Fill the scope's sources. Gives the (source, column) pairs that stay unique, where provable."""
        start = select.args.get("from_")
        if start is None:
            return frozenset()
        name, relation = self._add(start.this, scope)
        scope.rows |= relation.rows
        unique = None if relation.unique is None else frozenset((name, c) for c in relation.unique)
        for join in [*_joins(start.this), *select.args.get("joins", [])]:
            unique = unique if self._join(join, scope) else None
        return unique

    def _join(self, join: exp.Join, scope: Scope) -> bool:
        """Add the right side. True when the join gives every row of the left side at most one partner."""
        if join.method == "NATURAL":
            self._text.fault(
                join,
                "natural-join",
                "A NATURAL JOIN changes when a column is added.",
                "Write USING (...) or ON ...",
            )
        name, relation = self._add(join.this, scope)
        using = [c.name.lower() for c in join.args.get("using") or []]
        on = self._using(using, join, scope) | self.reads(join.args.get("on"), scope)
        single = relation.unique is not None and relation.unique <= equal_columns(join, name, relation, using)
        if join.side == "LEFT" and single:
            scope.sources[name] = relation.with_reads(relation.rows | on)
        else:
            scope.rows |= relation.rows | on
        if join.kind in {"SEMI", "ANTI"}:
            scope.rows |= relation.rows | on
            del scope.sources[name]
            return True
        return single and join.side in {"LEFT", ""}

    def _using(self, using: Iterable[str], join: exp.Join, scope: Scope) -> Reads:
        found = NOTHING
        for name in using:
            sides = [r for r in scope.sources.values() if name in r.columns or r.opaque]
            if len(sides) < 2:
                self._text.fault(
                    join,
                    "unknown-column",
                    f"`USING ({name})`: not both sides have `{name}`.",
                    "Write ON ... with the names of both sides.",
                )
            found |= frozenset().union(*(r.columns.get(name, NOTHING) for r in sides))
        return found

    def _add(self, node: exp.Expr, scope: Scope) -> tuple[str, Relation]:
        relation = self._source(node, scope)
        alias = node.args.get("alias")
        if isinstance(alias, exp.TableAlias):
            relation = relation.named(c.name.lower() for c in alias.columns)
        name = (node.alias_or_name or f"?{len(scope.sources)}").lower()
        scope.sources[name] = relation
        return name, relation

    def _source(self, node: exp.Expr, scope: Scope) -> Relation:
        if isinstance(node, exp.Lateral):
            return (
                self._source(node.this, Scope(ctes=scope.ctes, outer=scope))
                if isinstance(node.this, exp.Query)
                else self._function(node, scope)
            )
        if isinstance(node, exp.Subquery):
            inner = Scope(
                ctes=scope.ctes, outer=scope if isinstance(node.parent, exp.Lateral) else scope.outer
            )
            return self.query(node, scope.ctes, inner.outer)
        if isinstance(node, exp.Values):
            return self._values(node, scope)
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
            return self._table(node, scope)
        return self._function(node, scope)

    def _table(self, node: exp.Table, scope: Scope) -> Relation:
        if node.args.get("sample") or node.args.get("pivots"):
            self._text.fault(
                node,
                "sql-form",
                "A sample or pivot is not read in a pack.",
                "Use WHERE, or aggregates with FILTER.",
            )
        name = node.name.lower()
        if node.db:
            self._text.fault(
                node, "unknown-table", f"`{node.db}.{name}` names a schema.", f"Write `{name}` alone."
            )
        found = scope.ctes.get(name) or self._tables.get(name)
        if found is None:
            self._text.fault(
                node,
                "unknown-table",
                f"There is no table `{name}`.",
                instead(name, [*self._tables, *scope.ctes]),
            )
        elif found.refused:
            self._text.fault(
                node,
                "not-shared",
                f"The feed `{name}` is not shared.",
                "Leave it out, or agree its sharing with the owner.",
            )
        return found or OPAQUE

    def _function(self, node: exp.Expr, scope: Scope) -> Relation:
        function = node.this if isinstance(node, (exp.Table, exp.Lateral)) else node
        if not isinstance(function, _SERIES):
            name = function.name or function.key
            self._text.fault(
                node,
                "table-function",
                f"`{name}` is not a table that a pack may read.",
                "Read feeds, `member`, `feed`, range(...) or unnest(...).",
            )
            return OPAQUE
        reads = self.reads(function, scope)
        named = [node.alias_or_name.lower(), "generate_series", "range", "unnest"]
        return Relation(
            columns=dict.fromkeys(_alias_columns(node) or [n for n in named if n], reads), rows=reads
        )

    def _values(self, node: exp.Values, scope: Scope) -> Relation:
        rows = [row.expressions if isinstance(row, exp.Tuple) else [row] for row in node.expressions]
        width = max((len(row) for row in rows), default=0)
        return Relation(
            columns={
                f"col{n}": self._union_reads((row[n] for row in rows if n < len(row)), scope)
                for n in range(width)
            }
        )

    def _union_reads(self, nodes: Iterable[exp.Expr], scope: Scope) -> Reads:
        return frozenset().union(*(self.reads(n, scope) for n in nodes))

    def _projections(self, select: exp.Select, scope: Scope) -> dict[str, Reads]:
        columns: dict[str, Reads] = {}
        source_aliases: set[str] = set()
        for n, projection in enumerate(select.expressions):
            star = star_of(projection)
            if star is not None:
                columns.update(self._star(projection, star, scope, source_aliases))
                continue
            name = (projection.alias_or_name or projection.output_name or f"?{n}").lower()
            reads = self.reads(projection, scope)
            columns[name] = reads
            if scope.is_id(projection.unalias()):
                source_aliases.add(name)
            if isinstance(projection, exp.Alias):
                scope.aliases.setdefault(name, reads)
        scope.alias_ids = source_aliases
        return columns

    def _star(self, node: exp.Expr, star: exp.Star, scope: Scope, ids: set[str]) -> dict[str, Reads]:
        table = node.table.lower() if isinstance(node, exp.Column) else ""
        skipped = {e.name.lower() for e in star.args.get("except_") or []}
        columns: dict[str, Reads] = {}
        for name, relation in scope.sources.items():
            if not table or table == name:
                columns.update(
                    {c: r for c, r in relation.columns.items() if c not in skipped and c not in columns}
                )
                ids.update(relation.ids - skipped)
        for changed in star.args.get("replace") or []:
            columns[changed.alias.lower()] = self.reads(changed, scope)
        return columns

    def reads(self, node: exp.Expr | None, scope: Scope) -> Reads:
        """Every field that an expression rests on, subqueries included."""
        if node is None:
            return NOTHING
        found = NOTHING
        for part in node.walk(prune=lambda n: isinstance(n, exp.Query)):
            if isinstance(part, exp.Query):
                inner = self.query(part, scope.ctes, scope)
                found |= inner.rows.union(*inner.columns.values())
            elif isinstance(part, exp.Column) and not isinstance(part.this, exp.Star):
                found |= self._column(part, scope)
        return found

    def _column(self, column: exp.Column, scope: Scope) -> Reads:
        found = self._resolve(column, scope)
        for read in found:
            self.sites.setdefault(read, self._text.line(column))
        return found

    def _resolve(self, column: exp.Column, scope: Scope) -> Reads:
        name, table = column.name.lower(), column.table.lower()
        if table:
            return self._qualified(column, name, table, scope)
        for level in scope.chain():
            holders = [r for r in level.sources.values() if name in r.columns]
            if holders:
                return frozenset().union(*(r.columns[name] for r in holders))
            if name in level.aliases:
                return level.aliases[name]
            if any(r.opaque for r in level.sources.values()) or name in level.sources:
                return NOTHING
        return self._unknown(column, name, [r for level in scope.chain() for r in level.sources.values()])

    def _qualified(self, column: exp.Column, name: str, table: str, scope: Scope) -> Reads:
        for level in scope.chain():
            source = level.sources.get(table)
            if source is not None:
                if name in source.columns or source.opaque:
                    return source.columns.get(name, NOTHING)
                return self._unknown(column, name, [source])
        for level in scope.chain():  # a field of a struct is written the same way
            for relation in level.sources.values():
                if table in relation.columns:
                    return relation.columns[table]
        known = [t for level in scope.chain() for t in level.sources]
        self._text.fault(
            column,
            "unknown-table",
            f"`{table}.{name}`: there is no `{table}` in this FROM.",
            instead(table, known),
        )
        return NOTHING

    def _unknown(self, column: exp.Column, name: str, sources: list[Relation]) -> Reads:
        hidden = next((s.hidden[name] for s in sources if name in s.hidden), None)
        if hidden is not None:
            message = f"`{name}` is not a column of the facts: it stays in the vault."
            self._text.fault(column, "vault-column", message, hidden)
        else:
            known = [c for source in sources for c in source.columns]
            self._text.fault(
                column, "unknown-column", f"There is no column `{name}` here.", instead(name, known)
            )
        return NOTHING


def _union(left: Relation, right: Relation, by_name: bool) -> Relation:
    pairs = zip(left.columns.items(), right.columns.values(), strict=False)
    columns = {c: reads | other for (c, reads), other in pairs}
    if by_name:
        columns = {
            c: left.columns.get(c, NOTHING) | right.columns.get(c, NOTHING)
            for c in (*left.columns, *right.columns)
        }
    ids = frozenset(left.ids & right.ids) if by_name else left.ids
    return Relation(
        columns=columns,
        rows=left.rows | right.rows,
        ids=ids,
        unique=None,
        personal=left.personal or right.personal,
        opaque=left.opaque or right.opaque,
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value is not None else []


def _joins(node: exp.Expr) -> list[exp.Join]:
    return node.args.get("joins") or []


def _alias_columns(node: exp.Expr) -> list[str]:
    alias = node.args.get("alias")
    return [c.name.lower() for c in alias.columns] if isinstance(alias, exp.TableAlias) else []
