"""Relations as lineage sees them: the fields of feeds that each column, and the set of rows, rests on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from sqlglot import exp

from almoner.policy.model.feeds import Feed, Property, Role

Reads = frozenset[tuple[str, str]]  # (feed, property)
NOTHING: Reads = frozenset()
IDS = ("person_id", "household_id")


@dataclass(frozen=True, kw_only=True)
class Relation:
    """A table, a CTE or a subquery."""

    columns: Mapping[str, Reads]
    rows: Reads = NOTHING  # what decides which rows there are
    ids: frozenset[str] = frozenset()  # columns that say whose row it is
    unique: frozenset[str] | None = None  # columns that no two rows share, where that can be proved
    personal: bool = False  # rows are about persons or households
    opaque: bool = False  # its columns are not known, because its own declaration is at fault
    refused: bool = False  # the feed is not shared at all
    periodic: bool = False  # it comes by days, weeks, months or years, one of which may be missing
    hidden: Mapping[str, str] = field(default_factory=dict)  # properties that are no columns -> what to write

    def named(self, names: Iterable[str]) -> Relation:
        """With its first columns renamed, as in `AS t(a, b)`."""
        new = dict(zip(self.columns, names, strict=False))
        columns = {new.get(c, c): reads for c, reads in self.columns.items()}
        unique = None if self.unique is None else frozenset(new.get(c, c) for c in self.unique)
        return replace(self, columns=columns, ids=frozenset(new.get(c, c) for c in self.ids), unique=unique)

    def with_reads(self, more: Reads) -> Relation:
        """The same with `more` behind every column: what a left join adds to its right side."""
        return replace(self, columns={c: reads | more for c, reads in self.columns.items()}, rows=NOTHING)


OPAQUE = Relation(columns={}, opaque=True)
FEED_TABLE = Relation(
    columns={
        "feed": NOTHING,
        "complete_through": NOTHING,
        "complete_since": NOTHING,
        "unbroken": NOTHING,
        "received_at": NOTHING,
    },
    unique=frozenset({"feed"}),
)


def of_feed(feed: Feed) -> Relation:
    """A feed's table as a pack's SQL sees it."""
    columns = {p.fact_column: frozenset({(feed.id, p.name)}) for p in feed.properties if p.fact_column}
    key = frozenset(p.fact_column for p in feed.key if p.fact_column)
    return Relation(
        columns=columns,
        rows=_existence(feed),
        ids=frozenset(IDS) & columns.keys(),
        unique=key or None,
        personal=not feed.shared,
        refused=feed.sharing_class == "not-shared",
        periodic=feed.periodic,
        hidden={p.name: _advice(p) for p in feed.properties if p.fact_column != p.name},
    )


def of_member(feed: Feed) -> Relation:
    """`member(person_id, household_id)`, made from the population register."""
    columns = {p.fact_column: frozenset({(feed.id, p.name)}) for p in feed.properties if p.fact_column in IDS}
    return Relation(
        columns=columns,
        rows=_existence(feed),
        ids=frozenset(columns),
        unique=frozenset({"person_id"}),
        personal=True,
    )


def _existence(feed: Feed) -> Reads:
    """The field that a record's mere presence counts as: the one that says whom the record is about."""
    who: Property | None = feed.with_role(Role.RESIDENT_ID) or feed.with_role(Role.HOUSEHOLD)
    chosen = [who] if who else [*feed.key, *feed.properties][:1]
    return frozenset((feed.id, p.name) for p in chosen)


def _advice(prop: Property) -> str:
    if prop.fact_column:
        return f"Write `{prop.fact_column}`, our own number for it."
    return "Names, numbers, phones and addresses do not exist as columns; leave it out."


@dataclass(kw_only=True)
class Scope:
    """What names mean inside one SELECT."""

    ctes: Mapping[str, Relation]
    outer: Scope | None = None
    sources: dict[str, Relation] = field(default_factory=dict)
    aliases: dict[str, Reads] = field(
        default_factory=dict
    )  # of the select list; DuckDB lets later parts use them
    alias_ids: set[str] = field(default_factory=set)
    rows: Reads = NOTHING

    def chain(self) -> Iterator[Scope]:
        """This scope and those around it, the innermost first."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.outer

    def is_id(self, node: exp.Expr | None) -> bool:
        """Whether `node` is a person's or household's number, of a source of this scope."""
        if isinstance(
            node,
            (exp.Coalesce, exp.Min, exp.Max, exp.AnyValue, exp.First, exp.Cast, exp.Paren, exp.IgnoreNulls),
        ):
            return self.is_id(node.this)
        if not isinstance(node, exp.Column):
            return False
        name, table = node.name.lower(), node.table.lower()
        if table:
            return table in self.sources and (self.sources[table].opaque or name in self.sources[table].ids)
        return name in self.alias_ids or any(r.opaque or name in r.ids for r in self.sources.values())


def has_aggregate(select: exp.Select) -> bool:
    """Whether the SELECT itself, not a subquery or a window in it, aggregates."""
    having = select.args.get("having")
    return any(aggregates(p) for p in [*select.expressions, *([having] if having else [])])


def aggregates(node: exp.Expr) -> bool:
    """Whether the expression has an aggregate in it, subqueries and windows left out."""
    for part in node.walk(prune=lambda n: isinstance(n, (exp.Query, exp.Window))):
        if isinstance(part, exp.AggFunc):
            return True
    return False
