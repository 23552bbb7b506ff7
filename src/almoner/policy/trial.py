"""The last check of a pack: the engine runs every statement and condition over empty tables.

It finds what a parser cannot: types that do not fit, functions that do not exist, and conditions that do not
give a truth value.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from almoner.engines.base import Engine, quote
from almoner.engines.duck import DuckEngine
from almoner.engines.statements import parse_select
from almoner.errors import EngineError
from almoner.policy import watermarks
from almoner.policy.document import Document, Path
from almoner.policy.model.feeds import Feed
from almoner.policy.model.pack import Parameter
from almoner.policy.reading.conditions import Parsed
from almoner.policy.reading.indicators import ReadIndicator
from almoner.policy.reading.naive_rules import ReadNaiveRule
from almoner.policy.reading.rules import RuleReader
from almoner.policy.reading.timelines import ReadTimeline
from almoner.policy.report import Report
from almoner.policy.sql.allowed_functions import ALLOWED, OPERATORS
from almoner.policy.sql.sql_text import SqlText

_TYPES = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DECIMAL(18, 4)",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "boolean": "BOOLEAN",
}
_CONDITIONS = frozenset({"trial"})  # the one table that a condition is tried on
SECONDS = 10.0  # for one statement over empty tables; those of the packs here take milliseconds
MEMORY = "512MB"
_PARAMETER = re.compile(r":([A-Za-z_][A-Za-z0-9_]*)")


class Trial:
    """Empty tables of all feeds, on which a pack's statements are tried. Findings go to `report`."""

    def __init__(
        self,
        engine: DuckEngine,
        feeds: Mapping[str, Feed],
        parameters: Mapping[str, Parameter],
        as_of: dt.date,
        report: Report,
    ) -> None:
        self._engine = engine
        self._report = report
        self._values: dict[str, Any] = {name: _example_value(p, as_of) for name, p in parameters.items()}
        self._values |= {"as_of": as_of, "known_at": dt.datetime.combine(as_of, dt.time())}
        self._values |= watermarks.values(dict.fromkeys(feeds, watermarks.Run(as_of, as_of)), as_of)
        self._columns: dict[str, pa.DataType] = {}
        self._readable = frozenset({*feeds, "member", "feed"})
        for feed in feeds.values():
            self._create(
                feed.id,
                {
                    p.fact_column: _column_type(p.fact_column, p.type)
                    for p in feed.properties
                    if p.fact_column
                },
            )
        self._create("member", {"person_id": "BIGINT", "household_id": "BIGINT"})
        self._create(
            "feed",
            {
                "feed": "VARCHAR",
                "complete_through": "DATE",
                "complete_since": "DATE",
                "unbroken": "BOOLEAN",
                "received_at": "TIMESTAMP",
            },
        )

    def _create(self, table: str, columns: Mapping[str, str]) -> None:
        listed = ", ".join(f"{quote(name)} {kind}" for name, kind in columns.items())
        self._engine.execute(f"CREATE TABLE {quote(table)} ({listed})")

    def indicator(self, read: ReadIndicator) -> None:
        """Try the indicator's SQL, and learn the types of its columns."""
        schema = self._schema(read.indicator.sql, read.sql) if read.indicator else None
        self._columns |= {f.name.lower(): f.type for f in schema or ()}

    def timeline(self, read: ReadTimeline) -> None:
        """Try the timeline's SQL: it gives days and numbers."""
        schema = self._schema(read.timeline.sql, read.sql) if read.timeline else None
        for name, fits, expected in (("month", pa.types.is_date, "a date"), ("value", _numeric, "a number")):
            kind = schema.field(name).type if schema else None
            if kind is not None and not fits(kind):
                message, advice = (
                    f"`{name}` gives a {kind}, not {expected}.",
                    f"Write an expression that gives {expected}.",
                )
                self._report.add(read.sql.file, 1, "timeline-type", message, advice)

    def naive_rule(self, read: ReadNaiveRule) -> None:
        """Try the naive rule's SQL."""
        if read.rule:
            self._schema(read.rule.sql, read.sql)

    def _schema(self, sql: str, written: SqlText) -> pa.Schema | None:
        used = {n: v for n, v in self._values.items() if re.search(rf"\${n}\b", sql)}
        try:
            with self._engine.limited(SECONDS):
                return self._checked(sql, self._readable).table(sql, used).schema
        except EngineError as error:
            word, message = _reason(error)
            self._report.add(
                written.file,
                written.line_of(word),
                "sql-refused",
                f"The engine refuses the SQL: {message}",
                "Check names, functions and types.",
            )
            return None

    def _checked(self, sql: str, tables: frozenset[str]) -> Engine:
        """The engine, after its own parser found nothing in the statement but what was checked.

        Raises EngineError where it calls a function that is not allowed or reads another table.
        """
        found = parse_select(sql)
        strange = sorted(found.functions - ALLOWED - OPERATORS) + sorted(found.tables - tables)
        if strange:
            raise EngineError(f"It calls or reads '{strange[0]}', which a pack may not.", sql)
        return self._engine

    def rule(self, reader: RuleReader) -> None:
        """Try the conditions of a rule: what must be a number or a truth value is one."""
        steps: dict[str, pa.DataType] = {}
        types = self._types(reader)
        for path, parsed in reader.read.items():
            broken = not parsed.sound or any(p not in self._values for p in parsed.condition.parameters)
            if broken or len(steps) < _steps_before(reader.document, path):
                continue  # reported already: the condition, a parameter or an earlier step has a fault
            wants = reader.wants(path)
            given = dict.fromkeys(reader.more, pa.float64())
            kind = types.get(path) or self._type(reader.document, parsed, given | steps)
            if kind is None:
                continue
            if not _FITS[wants](kind) and not pa.types.is_null(kind):
                expected = _EXPECTED[wants]
                reader.fault(
                    path,
                    "condition-type",
                    f"`{path[-1]}` gives a {kind}, not {expected}.",
                    f"Write an expression that gives {expected}.",
                )
            if path[0] == "amount":
                steps[str(reader.document.get("amount", path[1], "id"))] = pa.float64()

    def _types(self, reader: RuleReader) -> dict[Path, pa.DataType]:
        """The types of all conditions by path, from one statement.

        Empty where one of them is at fault; each is then tried alone.
        """
        if not all(parsed.sound for parsed in reader.read.values()):
            return {}
        steps = [s.get("id") for key in ("amount", "addons") for s in reader.document.items(key)]
        columns = {c for parsed in reader.read.values() for c in parsed.condition.columns}
        types = {n: pa.float64() for n in [*reader.more, *map(str, steps)]}
        if not columns <= self._columns.keys():
            return {}
        types |= {c: self._columns[c] for c in columns}
        values = ", ".join(_PARAMETER.sub(_dollar, parsed.condition.sql) for parsed in reader.read.values())
        sql = f"SELECT {values} FROM trial"
        used = {n: v for n, v in self._values.items() if f"${n}" in sql}
        table = _empty(types)
        try:
            with self._engine.register("trial", table), self._engine.limited(SECONDS):
                found = self._checked(sql, _CONDITIONS).table(sql, used).schema.types
        except EngineError:
            return {}
        return dict(zip(reader.read, found, strict=True))

    def _type(
        self, document: Document, parsed: Parsed, steps: Mapping[str, pa.DataType]
    ) -> pa.DataType | None:
        names = [*parsed.condition.columns, *steps]
        types = self._columns | dict(steps)
        if any(n not in types for n in names):
            return None
        table = _empty({n: types[n] for n in names})
        sql = f"SELECT {_PARAMETER.sub(_dollar, parsed.condition.sql)} AS value FROM trial"
        used = {
            n: self._values[n]
            for n in {*parsed.condition.parameters, "as_of"}
            if f"${n}" in sql and n in self._values
        }
        try:
            with self._engine.register("trial", table), self._engine.limited(SECONDS):
                found: pa.DataType = self._checked(sql, _CONDITIONS).table(sql, used).schema.field(0).type
        except EngineError as error:
            message = f"The engine refuses `{parsed.path[-1]}`: {_reason(error)[1]}"
            self._report.at(document, parsed.path, "condition-refused", message, "Check functions and types.")
            return None
        return found


def try_out(
    feeds: Mapping[str, Feed],
    parameters: Mapping[str, Parameter],
    indicators: Mapping[str, ReadIndicator],
    timelines: Mapping[str, ReadTimeline],
    naive: Mapping[str, ReadNaiveRule],
    readers: Iterator[RuleReader],
    as_of: dt.date,
    report: Report,
) -> None:
    """Try every indicator, timeline and naive rule, then every condition."""
    with DuckEngine(quoting=True, memory_limit=MEMORY) as engine:  # no records: it quotes what is the pack's
        engine.deny_files()
        trial = Trial(engine, feeds, parameters, as_of, report)
        for indicator in indicators.values():
            trial.indicator(indicator)
        for timeline in timelines.values():
            trial.timeline(timeline)
        for rule in naive.values():
            trial.naive_rule(rule)
        for reader in readers:
            trial.rule(reader)


def _empty(types: Mapping[str, pa.DataType]) -> pa.Table:
    """A table without rows, made from a schema: an array made from a list would make Arrow load pandas."""
    return pa.Table.from_batches([], pa.schema(types or {"nothing": pa.null()}))


def _dollar(found: re.Match[str]) -> str:
    return f"${found[1]}"


def _column_type(column: str, kind: str) -> str:
    return "BIGINT" if column in {"person_id", "household_id"} else _TYPES[kind]


def _numeric(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _steps_before(document: Document, path: Path) -> int:
    """How many steps of an amount a condition can use."""
    if path[0] == "amount":
        return int(path[1])
    return len(document.items("amount")) if path[0] in {"addons", "cap"} else 0


_FITS = {"number": _numeric, "truth": pa.types.is_boolean}
_EXPECTED = {"number": "a number", "truth": "true, false or unknown"}


def _example_value(parameter: Parameter, as_of: dt.date) -> Any:
    """A value that has the parameter's type: the one in force on `as_of`, else any."""
    for area in parameter.areas:
        found = parameter.at(as_of, area)
        if found is not None:
            return found.value
    values = [v.value for dated in parameter.areas.values() for v in dated if v.value is not None]
    return values[0] if values else 0.0


def _reason(error: EngineError) -> tuple[str, str]:
    """The word that the engine stopped at, "" where it names none, and the first sentence of its message."""
    text = str(error)
    message = text.splitlines()[0].strip().rstrip(".") + "."
    if "INTERRUPT" in message:
        return "", f"It has not ended after {SECONDS:.0f} seconds over empty tables."
    pointed = re.search(r"^(LINE \d+: .*)\n( *)\^", text, re.MULTILINE)
    if pointed:
        at = re.match(r"\W*(\w+)", pointed[1][len(pointed[2]) :])
        return at[1] if at else "", message
    named = re.search(r"[\"'](\w+)", message) or re.search(r"name (\w+)", message)
    return named[1] if named else "", message
