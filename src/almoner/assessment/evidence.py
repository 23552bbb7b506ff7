"""Why: every atomic condition with its value, operands, units, source feed and latest event time.

What is to be asked of the engine is planned once an item; each household's evidence is then filled in from one row.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa
from sqlglot import exp

from almoner.assessment.expressions import DIALECT, area_column, atoms, names, parse
from almoner.assessment.scene import Scene
from almoner.assessment.wide import subject_key, wide
from almoner.assessment.wording import COMPARISONS, Row, Wording, slots
from almoner.engines import quote
from almoner.policy.model import Column, Condition, Indicator, Subject, Words


@dataclass(frozen=True)
class Atom:
    """One atomic condition, ready to be asked and put in words. `slot` names its columns in a row."""

    slot: str
    text: str
    compares: bool
    columns: tuple[str, ...]
    parameters: tuple[str, ...]
    sentences: Mapping[str, Callable[[Row], str]]


class Sources:
    """Where values come from: per feed its watermark, and the latest event of the persons concerned."""

    def __init__(self, scene: Scene, households: Iterable[int]) -> None:
        self._scene = scene
        self._through = dict(scene.engine.rows("SELECT feed, complete_through FROM feed"))
        self._households = pa.table({"household_id": pa.array(sorted(set(households)), pa.int64())})
        self._latest: dict[str, tuple[dict[int, dt.date], dict[int, dt.date]]] = {}
        self._told: dict[tuple[str, dt.date | None], dict[str, Any]] = {}

    def of(self, column: Column, household: int, person: int | None) -> list[dict[str, Any]]:
        """The feeds behind a column: id, label, owner, complete_through, latest (ISO dates)."""
        return [self._feed(feed, household, person) for feed in column.feeds]

    def _feed(self, feed_id: str, household: int, person: int | None) -> dict[str, Any]:
        by_household, by_person = self._latest_of(feed_id)
        latest = by_household.get(household) if person is None else by_person.get(person)
        if (feed_id, latest) not in self._told:
            feed = self._scene.pack.feeds[feed_id]
            self._told[feed_id, latest] = {
                "feed": feed_id, "label": dict(feed.label), "owner": feed.owner,
                "complete_through": _iso(self._through.get(feed_id)), "latest": _iso(latest),
            }  # fmt: skip
        return self._told[feed_id, latest]

    def _latest_of(self, feed_id: str) -> tuple[dict[int, dt.date], dict[int, dt.date]]:
        if feed_id not in self._latest:
            self._latest[feed_id] = self._query_latest(feed_id)
        return self._latest[feed_id]

    def _query_latest(self, feed_id: str) -> tuple[dict[int, dt.date], dict[int, dt.date]]:
        feed = self._scene.pack.feeds[feed_id]
        if feed.event_time is None or feed.shared:
            return {}, {}
        time = quote(feed.event_time.name)
        sql = f"""SELECT m.household_id, f.person_id, max(f.{time})::DATE FROM {quote(feed_id)} AS f
                  JOIN member AS m ON m.person_id = f.person_id
                  WHERE m.household_id IN (SELECT household_id FROM concerned) AND f.{time} <= $as_of GROUP BY ALL"""
        by_household: dict[int, dt.date] = {}
        by_person: dict[int, dt.date] = {}
        with self._scene.engine.offer("concerned", self._households):
            for household, person, latest in self._scene.engine.rows(sql, {"as_of": self._scene.as_of}):
                by_person[person] = latest
                by_household[household] = max(latest, by_household.get(household, latest))
        return by_household, by_person


class Explainer:
    """Plans and fills the evidence of one item (a signal or a programme) over the wide table of its subject."""

    def __init__(self, scene: Scene, subject: Subject, steps: Mapping[str, Words] | None = None) -> None:
        self._scene = scene
        self._subject: Subject = subject
        self._steps = dict(steps or {})
        plain = {
            f"parameter:{name}": v
            for name, v in scene.values.plain.items()
            if name not in scene.values.by_area
        }
        self._constants = plain
        wordings = {lang: Wording(scene.pack, lang, plain, self._steps) for lang in scene.pack.languages}
        self._wordings = wordings
        self._asked: dict[str, str] = {}
        self._columns: dict[str, tuple[Indicator, Column]] = {}
        self._in_force: dict[str, dict[str, Any]] = {}

    def atom(self, node: exp.Expr, slot: str) -> Atom:
        """Plan one expression; its values will be in the row under names that begin with `slot`."""
        columns, parameters = names(node)
        own = tuple(c for c in columns if c not in self._steps)
        for column in own:
            self._asked[column] = quote(column)
        for parameter in parameters:
            if parameter in self._scene.values.by_area:
                self._asked[area_column(parameter)] = quote(area_column(parameter))
        self._asked[slot] = self._sql(node)
        for name, part in slots(node).items():
            self._asked[f"{slot}:{name}"] = self._sql(part)
        sentences = {lang: wording.sentence(node, slot) for lang, wording in self._wordings.items()}
        return Atom(slot, node.sql(), isinstance(node, COMPARISONS), own, parameters, sentences)

    def condition(self, condition: Condition, slot: str) -> list[Atom]:
        """Plan every atomic condition of a condition."""
        return [self.atom(node, f"{slot}{index}") for index, node in enumerate(atoms(condition.sql))]

    def value(self, condition: Condition, slot: str) -> Atom:
        """Plan an expression whose value counts, not its truth."""
        return self.atom(parse(condition.sql), slot)

    def rows(self, subjects: Sequence[int], source: str | None = None) -> dict[int, dict[str, Any]]:
        """What was planned, by subject id. `source` is a SELECT over the wide table when steps must be computed first."""
        key = subject_key(self._subject)
        listed = "".join(f", {sql} AS {quote(name)}" for name, sql in self._asked.items())
        table = f"({source})" if source else wide(self._subject)
        sql = f'SELECT {key} AS "subject"{listed} FROM {table} AS w WHERE {key} IN (SELECT subject_id FROM explained)'
        wanted = pa.table({"subject_id": pa.array(sorted(set(subjects)), pa.int64())})
        with self._scene.engine.offer("explained", wanted):
            found = self._scene.engine.table(sql).to_pylist()
        return {row["subject"]: self._constants | {k: _plain(v) for k, v in row.items()} for row in found}

    def explain(
        self, atom: Atom, row: Row, sources: Sources, household: int, person: int | None
    ) -> dict[str, Any]:
        """One condition as `almoner.support.changes` describes it."""
        return {
            "sql": atom.text,
            "holds": row[atom.slot],
            "sentence": {lang: fill(row) for lang, fill in atom.sentences.items()},
            "left": _json(row[f"{atom.slot}:left"]) if atom.compares else None,
            "right": _json(row[f"{atom.slot}:right"]) if atom.compares else None,
            "operands": [self._column(c, row, sources, household, person) for c in atom.columns]
            + [self._parameter(p, row) for p in atom.parameters],
        }

    def _column(
        self, name: str, row: Row, sources: Sources, household: int, person: int | None
    ) -> dict[str, Any]:
        if name not in self._columns:
            self._columns[name] = self._scene.pack.column(name)
        indicator, column = self._columns[name]
        whose = person if indicator.subject == "person" else None
        return {
            "kind": "indicator", "name": name, "label": dict(column.label), "value": _json(row[name]), "unit": column.unit,
            "feeds": sources.of(column, household, whose),
        }  # fmt: skip

    def _parameter(self, name: str, row: Row) -> dict[str, Any]:
        if name not in self._in_force:
            self._in_force[name] = self._value_of(name)
        told = self._in_force[name]
        return told | {"value": _json(row.get(area_column(name)))} if name in self._scene.values.by_area else told

    def _value_of(self, name: str) -> dict[str, Any]:
        parameter = self._scene.pack.parameters.get(name)
        if parameter is None:
            return {
                "kind": "parameter",
                "name": name,
                "label": {},
                "value": _json(self._scene.values.plain[name]),
                "unit": None,
            }
        in_force = parameter.at(self._scene.as_of)
        return {
            "kind": "parameter", "name": name, "label": dict(parameter.label),
            "value": _json(self._scene.values.plain[name]), "unit": parameter.unit,
            "reference": in_force.reference if in_force else "", "since": _iso(in_force.since) if in_force else None,
        }  # fmt: skip

    def _sql(self, node: exp.Expr) -> str:
        return self._scene.sql(node.sql(dialect=DIALECT))


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def _json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.date) else value


def _iso(day: dt.date | None) -> str | None:
    return day.isoformat() if day else None
