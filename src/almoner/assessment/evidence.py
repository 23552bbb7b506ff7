"""Evidence: each atomic condition with its value, operands, units, source feed and latest event.

An item (a signal, a category or a programme) is planned once. What is the same for everybody goes into its
template. What differs becomes a placeholder with the SQL that gives its value, and the engine then computes
the values of all households at once.
"""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from almoner.assessment.context import AssessmentContext
from almoner.assessment.expressions import DIALECT, area_column, atoms, literal, names, parse
from almoner.assessment.feature_table import SUBJECTS, feature_table, subject_key
from almoner.assessment.ledger import CHANGE_COLUMNS, CONCERNED, Kind, RenderedChange, moved_table
from almoner.assessment.templates import Template
from almoner.assessment.wording import COMPARISONS, Wording, slots
from almoner.engines import quote
from almoner.policy.model.pack import Pack
from almoner.policy.model.terms import Condition, Subject, Words

_LATEST = "latest"  # a table within `materialize_latest`: feed (its number), person_id, household_id, latest
PRESENT = "seen"  # the placeholder that says whether the subject still has a row
Part = dict[str, Any]


class EvidenceSources:
    """What evidence says of feeds: how far each is complete, and whether its latest events are known."""

    def __init__(self, context: AssessmentContext) -> None:
        self._through = dict(context.engine.rows("SELECT feed, complete_through FROM feed"))
        self._timed = frozenset(_timed(context.pack))
        self.circumstances = tuple(sorted(self._through.items()))

    def through(self, feed: str) -> dt.date | None:
        """The last day that the feed is complete for; None when nothing was delivered."""
        return self._through.get(feed)

    def has_time(self, feed: str) -> bool:
        """Whether `latest_of` has a column for the feed. Shared feeds and feeds without an event time have
        none.
        """
        return feed in self._timed


def latest_of(whose: Subject) -> str:
    """The materialized table of latest events by subject, with a date column for each feed.

    Its key is `household_id` or `person_id`. It holds the households of `ledger.CONCERNED` and their members.
    """
    return f"latest_of_{whose}"


def materialize_latest(context: AssessmentContext) -> None:
    """Materialize `latest_of` for each kind of subject, with all feeds in one table.

    Joining one table a feed would take longer than all the rest of the rendering.
    """
    timed = _timed(context.pack)
    if not timed:
        return
    events = " UNION ALL ".join(
        f"""
        SELECT {n} AS feed, person_id, {quote(time)}::DATE AS at
        FROM {quote(feed)}
        WHERE {quote(time)} <= $as_of
        """
        for n, (feed, time) in enumerate(timed.items())
    )
    context.engine.materialize(
        _LATEST,
        f"""
        SELECT e.feed, e.person_id, m.household_id, max(e.at) AS latest
        FROM ({events}) AS e
        JOIN member AS m ON m.person_id = e.person_id
        WHERE m.household_id IN (SELECT household_id FROM {CONCERNED})
        GROUP BY ALL
        """,
        {"as_of": context.as_of},
    )
    columns = ", ".join(
        f"max(CASE WHEN feed = {n} THEN latest END) AS {quote(feed)}" for n, feed in enumerate(timed)
    )
    keys = {whose: subject_key(whose) for whose in SUBJECTS}
    context.engine.materialize_each(
        (latest_of(whose), f"SELECT {key}, {columns} FROM {_LATEST} GROUP BY {key}", None)
        for whose, key in keys.items()
    )
    context.engine.drop(_LATEST)


def drop_latest(context: AssessmentContext) -> None:
    """Drop the tables of `materialize_latest`."""
    context.engine.drop(*(latest_of(whose) for whose in SUBJECTS))


def _timed(pack: Pack) -> dict[str, str]:
    """Feeds about persons that indicators read, with the column of their event time."""
    read = {feed for i in pack.indicators.values() for c in i.columns for feed in c.feeds}
    return {
        f.id: f.event_time.name for f in pack.feeds.values() if f.id in read and f.event_time and not f.shared
    }


@dataclass(frozen=True)
class _Planned:
    render: RenderedChange
    pack: Pack  # kept alive, so that no other object gets its id


_PLANNED: OrderedDict[tuple[Any, ...], _Planned] = OrderedDict()
_MOST_PLANNED = 1_000


def planned(
    context: AssessmentContext,
    sources: EvidenceSources,
    kind: Kind,
    item: str,
    plan: Callable[[], RenderedChange],
) -> RenderedChange:
    """The rendered change of an item, from `plan` or from the cache.

    A stream asks for the same items every second. The plan depends on the pack, the day and how far feeds are
    complete, and is kept under those.
    """
    key = (kind, item, context.scoped, id(context.pack), *context.circumstances, *sources.circumstances)
    known = _PLANNED.get(key)
    if known is None:
        known = _PLANNED[key] = _Planned(plan(), context.pack)
        if len(_PLANNED) > _MOST_PLANNED:
            _PLANNED.popitem(last=False)
    return known.render


class Explainer:
    """Builds the template of one item's body, and the SQL that gives the values of its placeholders.

    `steps` are columns of the source other than the pack's own, with their labels.
    """

    def __init__(
        self,
        context: AssessmentContext,
        sources: EvidenceSources,
        subject: Subject,
        steps: Mapping[str, Words] | None = None,
    ) -> None:
        self._context, self._sources = context, sources
        self._subject: Subject = subject
        self._steps = dict(steps or {})
        by_area = context.values.by_area
        constants = {n: _plain(context.values.plain[n]) for n in context.pack.parameters if n not in by_area}
        self._wordings = {
            lang: Wording(context.pack, lang, constants, self._steps) for lang in context.pack.languages
        }
        self._subject_bindings: dict[str, str] = {}  # placeholders and their SQL over the feature table
        self._change_bindings: dict[str, str] = {
            PRESENT: "w.subject IS NOT NULL"
        }  # and over moved findings, `m`
        self._joins: dict[str, None] = {}

    def bind(self, placeholder: str, sql: str, join: str = "") -> Part:
        """Add a placeholder whose value is `sql`, and give the part that stands for it.

        `sql` may read the moved finding (`m`), the subject's row (`w`) and the table of `join`.
        """
        self._change_bindings[placeholder] = sql
        if join:
            self._joins[join] = None
        return {"$": placeholder}

    def condition(self, condition: Condition, slot: str) -> list[Part]:
        """The evidence of every atomic condition within a condition."""
        return [self._atom(node, f"{slot}{index}") for index, node in enumerate(atoms(condition.sql))]

    def truth(self, condition: Condition, slot: str) -> Part:
        """The value of a whole condition (true, false or null), or of an expression."""
        self._subject_bindings[slot] = self._context.sql(condition)
        return {"$": slot}

    def sentence(self, condition: Condition, slot: str) -> Part:
        """An expression in words, by language."""
        node = parse(condition.sql)
        self._bind_operands(node, slot)
        return self._sentences(node, slot)

    def column(self, name: str) -> Part:
        """The value of a column of the source."""
        self._subject_bindings[name] = quote(name)
        return {"$": name}

    def render(self, kind: Kind, item: str, body: Part, source: str | None = None) -> RenderedChange:
        """The template of `body`, with the query that computes its bindings for each moved finding of the
        item.

        `source` is a SELECT over the feature table, for items whose steps must be computed first.
        """
        key = subject_key(self._subject)
        moved = moved_table(kind)
        inner = "".join(
            f", {sql} AS {quote(placeholder)}" for placeholder, sql in self._subject_bindings.items()
        )
        row = f"""
            SELECT {key} AS subject{inner}
            FROM {f"({source})" if source else feature_table(self._subject)}
            WHERE {key} IN (SELECT subject_id FROM {moved} WHERE item = '{item}')
            """
        bindings = [
            *(f"w.{quote(placeholder)}" for placeholder in self._subject_bindings),
            *self._change_bindings.values(),
        ]
        select = f"""
            SELECT {", ".join(f"m.{c}" for c in CHANGE_COLUMNS)}, json_array({", ".join(bindings)}) AS body
            FROM {moved} AS m {" ".join(self._joins)}
            LEFT JOIN ({row}) AS w ON w.subject = m.subject_id
            WHERE m.item = '{item}'
            """
        return RenderedChange(select, Template((*self._subject_bindings, *self._change_bindings), body))

    def _atom(self, node: exp.Expr, slot: str) -> Part:
        columns, parameters = names(node)
        self._bind_operands(node, slot)
        compares = isinstance(node, COMPARISONS)
        return {
            "sql": node.sql(),
            "holds": {"$": slot},
            "sentence": self._sentences(node, slot),
            "left": {"$": f"{slot}:left"} if compares else None,
            "right": {"$": f"{slot}:right"} if compares else None,
            "operands": (
                [self._operand(c) for c in columns if c not in self._steps]
                + [self._parameter(p) for p in parameters]
            ),
        }

    def _bind_operands(self, node: exp.Expr, slot: str) -> None:
        columns, parameters = names(node)
        for column in columns:
            self.column(column)
        for parameter in parameters:
            if parameter in self._context.values.by_area:
                self.column(area_column(parameter))
            elif parameter not in self._context.pack.parameters:
                self.bind(area_column(parameter), literal(self._context.values.plain[parameter]))
        self._subject_bindings[slot] = self._sql(node)
        for name, part in slots(node).items():
            self._subject_bindings[f"{slot}:{name}"] = self._sql(part)

    def _sentences(self, node: exp.Expr, slot: str) -> Part:
        return {lang: {"$say": wording.sentence(node, slot)} for lang, wording in self._wordings.items()}

    def _operand(self, name: str) -> Part:
        indicator, column = self._context.pack.column(name)
        return {
            "kind": "indicator",
            "name": name,
            "label": dict(column.label),
            "value": {"$": name},
            "unit": column.unit,
            "feeds": [self._feed(feed, indicator.subject) for feed in column.feeds],
        }

    def _feed(self, feed_id: str, subject: Subject) -> Part:
        """A source: id, label, owner, how far it is complete, and its latest event of the subject (ISO
        dates).
        """
        feed = self._context.pack.feeds[feed_id]
        whose: Subject = "person" if subject == self._subject == "person" else "household"
        through = self.bind(f"complete through: {feed_id}", literal(self._sources.through(feed_id)))
        latest = self._latest_event(feed_id, whose) if self._sources.has_time(feed_id) else None
        return {
            "feed": feed_id,
            "label": dict(feed.label),
            "owner": feed.owner,
            "complete_through": through,
            "latest": latest,
        }

    def _latest_event(self, feed: str, whose: Subject) -> Part:
        table, key = latest_of(whose), subject_key(whose)
        join = f"LEFT JOIN {table} ON {table}.{key} = m.{key}"
        return self.bind(f"latest of {whose}: {feed}", f"{table}.{quote(feed)}", join)

    def _parameter(self, name: str) -> Part:
        parameter = self._context.pack.parameters.get(name)
        plain = self._context.values.plain[name]
        if parameter is None:
            return {
                "kind": "parameter",
                "name": name,
                "label": {},
                "value": {"$": area_column(name)},
                "unit": None,
            }
        in_force = parameter.at(self._context.as_of)
        return {
            "kind": "parameter",
            "name": name,
            "label": dict(parameter.label),
            "value": {"$": area_column(name)} if name in self._context.values.by_area else _plain(plain),
            "unit": parameter.unit,
            "reference": in_force.reference if in_force else "",
            "since": in_force.since.isoformat() if in_force else None,
        }

    def _sql(self, node: exp.Expr) -> str:
        return self._context.sql(node.sql(dialect=DIALECT))


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.date) else value
