"""Run a pack's scenarios, which state in sentences what it decides, on the real engine.

The cases of one day and one set of watermarks are separate households of one cycle.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import pyarrow as pa

from almoner.assessment import ledger, signals
from almoner.assessment.context import AssessmentContext
from almoner.assessment.feature_table import feature_table, subject_key
from almoner.assessment.opening import open_context
from almoner.engines import Engine, open_engine, quote
from almoner.policy.model.feeds import Feed, Role
from almoner.policy.model.pack import Pack, ScenarioCase
from almoner.registry import periods, schema
from almoner.registry.completeness import set_watermark
from almoner.support import candidates, entitlements, recognition

CENT = 0.005


@dataclass(frozen=True)
class ScenarioResult:
    """The result of one scenario; `wrong` says in words what differs, and is empty when it passed."""

    case: ScenarioCase
    wrong: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.wrong


@dataclass
class _Cast:
    """The ids of one run. Each scenario has persons and households of its own."""

    persons: dict[tuple[str, str], int] = field(default_factory=dict)
    households: dict[tuple[str, str], int] = field(default_factory=dict)

    def person(self, case: ScenarioCase, name: object) -> int:
        return self.persons.setdefault((_id(case), str(name)), len(self.persons) + 1)

    def household(self, case: ScenarioCase, name: object) -> int:
        return self.households.setdefault((_id(case), str(name)), len(self.households) + 1)


def run(pack: Pack, cases: Sequence[ScenarioCase] | None = None) -> list[ScenarioResult]:
    """Run the scenarios of the pack, or those given, in their order."""
    chosen = list(pack.scenarios if cases is None else cases)
    verdicts = {
        _id(case): verdict for group in _together(chosen) for case, verdict in _run_group(pack, group)
    }
    return [verdicts[_id(case)] for case in chosen]


def _id(case: ScenarioCase) -> str:
    return f"{case.file}:{case.line}:{case.name}"


def _together(cases: Sequence[ScenarioCase]) -> Iterator[list[ScenarioCase]]:
    def clocks(case: ScenarioCase) -> str:
        return repr((case.as_of, sorted(case.complete_through.items()), sorted(case.complete_since.items())))

    for _, group in groupby(sorted(cases, key=clocks), key=clocks):
        yield list(group)


def _run_group(pack: Pack, cases: list[ScenarioCase]) -> Iterator[tuple[ScenarioCase, ScenarioResult]]:
    as_of, cast = cases[0].as_of, _Cast()
    known_at = dt.datetime.combine(as_of, dt.time(23, 59))
    with open_engine() as engine:
        schema.ensure(engine, pack.feeds)
        ledger.create(engine)
        for feed in pack.feeds.values():
            _fill(engine, feed, cases, cast)
            _deliver(engine, feed, cases[0], known_at)
        with open_context(engine, pack, as_of, known_at) as context:
            signals.find(context)
            candidates.find(context)
            recognition.find(context)
            entitlements.find(context)
            results = _Results(context)
            for case in cases:
                yield case, ScenarioResult(case, tuple(_differences(pack, case, cast, results)))


def _fill(engine: Engine, feed: Feed, cases: Sequence[ScenarioCase], cast: _Cast) -> None:
    given = [_fact(feed, case, row, cast) for case in cases for row in case.records.get(feed.id, ())]
    if feed.shared:
        given = list({repr(sorted(row.items(), key=str)): row for row in given}.values())
    corrected = [_fact(feed, case, row, cast) for case in cases for row in case.corrections.get(feed.id, ())]
    _insert(engine, feed, given, 1)
    _insert(engine, feed, corrected, 2)


def _insert(engine: Engine, feed: Feed, rows: Sequence[Mapping[str, Any]], delivery: int) -> None:
    """Add rows as a delivery would: open rows with the same key are closed."""
    if not rows:
        return
    columns = schema.fact_columns(feed)
    table, at = schema.fact_table(feed), f"TIMESTAMP '1900-01-0{delivery}'"
    data = pa.table({name: pa.array([_text(row.get(name)) for row in rows], pa.string()) for name in columns})
    casts = ", ".join(f"CAST({quote(name)} AS {kind}) AS {quote(name)}" for name, kind in columns.items())
    keys = dict.fromkeys([quote(p.fact_column) for p in feed.key if p.fact_column])
    if "person_id" in columns:  # other scenarios may use the same record numbers
        keys["person_id"] = None
    same = " AND ".join(f"old.{key} = new.{key}" for key in keys)
    with engine.register("scenario_rows", data):
        engine.execute(
            f"""
            UPDATE {table} AS old
            SET known_to = {at}
            FROM (SELECT {casts} FROM scenario_rows) AS new
            WHERE {same}
            """
        )
        engine.execute(
            f"INSERT INTO {table} SELECT {casts}, {at}, 'infinity'::TIMESTAMP, {delivery} FROM scenario_rows"
        )


def _fact(feed: Feed, case: ScenarioCase, row: Mapping[str, object], cast: _Cast) -> dict[str, Any]:
    fact: dict[str, Any] = {}
    for prop in feed.properties:
        value = row.get(prop.name)
        if prop.role is Role.RESIDENT_ID and value is not None:
            fact["person_id"] = cast.person(case, value)
        elif prop.role is Role.HOUSEHOLD and value is not None:
            fact["household_id"] = cast.household(case, value)
        elif prop.fact_column:
            fact[prop.fact_column] = value
    return fact


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


def _deliver(engine: Engine, feed: Feed, case: ScenarioCase, known_at: dt.datetime) -> None:
    through = case.complete_through.get(feed.id, case.as_of)
    if through is None:
        return
    since = case.complete_since.get(feed.id)
    if since is None:
        set_watermark(engine, feed.id, known_at, through)
        return
    missing = periods.previous(feed.cadence, since)
    set_watermark(engine, feed.id, known_at, missing - dt.timedelta(days=1))
    set_watermark(engine, feed.id, known_at, through, since)


class _Results:
    """What the pack found, by item and subject."""

    def __init__(self, context: AssessmentContext) -> None:
        self._context = context
        rows = context.engine.rows(f"SELECT item, subject_id, level FROM {signals.FINDINGS}")
        self._levels = {(item, subject): level for item, subject, level in rows}
        rows = context.engine.rows(f"SELECT item, subject_id, severity FROM {entitlements.FINDINGS}")
        self._amounts = {(item, subject): amount for item, subject, amount in rows}

    def signal(self, signal_id: str, subject: int) -> str:
        """The level, `false`, or `unknown`."""
        if (signal_id, subject) in self._levels:
            return str(self._levels[signal_id, subject])
        signal = self._context.pack.signals[signal_id]
        sql = f"""
            SELECT {self._context.sql(signal.when)}
            FROM {feature_table(signal.subject)}
            WHERE {subject_key(signal.subject)} = $subject
            """
        return "false" if self._context.engine.value(sql, {"subject": subject}) is False else "unknown"

    def amount(self, programme_id: str, subject: int) -> float | None:
        """The amount, or None where nothing is proposed."""
        return self._amounts.get((programme_id, subject))

    def is_unknown(self, programme_id: str, subject: int) -> bool:
        """Whether nothing is proposed because something is not known."""
        programme = self._context.pack.programmes[programme_id]
        sql = f"""
            SELECT ({entitlements.fits(self._context, programme)}) IS NULL
            FROM ({entitlements.with_steps(self._context, programme)})
            WHERE {subject_key(programme.subject)} = $subject
            """
        return bool(self._context.engine.value(sql, {"subject": subject}))

    def category_states(self, category_id: str, subject: int) -> frozenset[str]:
        """All states of a category: recognise, held, exit, review, unknown; `false` when there is none."""
        names = {"recognition": "recognise", "held": "held", "exit": "exit", "review": "review"}
        asked = ", ".join(f"coalesce({quote(n)}, false), {quote(n)} IS NULL" for n in names)
        table = quote(recognition.category_table(category_id))
        rows = self._context.engine.rows(
            f"SELECT {asked} FROM {table} WHERE subject_id = $subject", {"subject": subject}
        )
        values = rows[0] if rows else (False, False) * len(names)
        states = {name for name, holds in zip(names.values(), values[::2], strict=True) if holds}
        return frozenset(states | ({"unknown"} if any(values[1::2]) else set())) or frozenset({"false"})


def _differences(pack: Pack, case: ScenarioCase, cast: _Cast, results: _Results) -> Iterator[str]:
    for name, expected in case.signals.items():
        signal_id, subject = _subject(pack.signals[name.partition("@")[0]].subject, name, case, cast)
        result = results.signal(signal_id, subject)
        if not _signal_agrees(expected, result):
            yield f"{name}: expected {_as_text(expected)}, the pack says {result}"
    for name, expected_amount in case.programmes.items():
        programme_id, subject = _subject(pack.programmes[name.partition("@")[0]].subject, name, case, cast)
        amount = results.amount(programme_id, subject)
        if expected_amount is None and amount is None and not results.is_unknown(programme_id, subject):
            yield f"{name}: expected unknown, the pack says false"
        elif not _amount_agrees(expected_amount, amount):
            yield (
                f"{name}: expected {_as_text(expected_amount)}, the pack says"
                f" {amount if amount is not None else 'nothing'}"
            )

    for name, expected_state in case.categories.items():
        category_id, subject = _subject(pack.categories[name.partition("@")[0]].subject, name, case, cast)
        states = results.category_states(category_id, subject)
        if _as_text(expected_state) not in states and not (expected_state is False and states <= {"false"}):
            yield f"{name}: expected {_as_text(expected_state)}, the pack says {', '.join(sorted(states))}"


def _subject(kind: str, name: str, case: ScenarioCase, cast: _Cast) -> tuple[str, int]:
    item, _, who = name.partition("@")
    ids = cast.persons if kind == "person" else cast.households
    mine = {key: value for (scenario, key), value in ids.items() if scenario == _id(case)}
    return item, mine[who] if who else next(iter(mine.values()), 0)


def _signal_agrees(expected: str | bool | None, result: str) -> bool:
    if expected is None:
        return result == "unknown"
    if isinstance(expected, bool):
        return result == "false" if not expected else result not in ("false", "unknown")
    return expected == result


def _amount_agrees(expected: float | bool | None, amount: float | None) -> bool:
    if expected is None or expected is False:
        return amount is None
    return amount is not None if expected is True else amount is not None and abs(amount - expected) < CENT


def _as_text(expected: object) -> str:
    if expected is None:
        return "unknown"
    return str(expected).lower() if isinstance(expected, bool) else str(expected)
