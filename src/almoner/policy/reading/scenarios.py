"""Reads scenarios: one household with its records, and the results that the pack must give."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field

from almoner.policy.document import Document, Path
from almoner.policy.model.feeds import Feed, Property, Role
from almoner.policy.model.pack import Programme, ScenarioCase, Signal
from almoner.policy.model.support import Category
from almoner.policy.reading import fitting, shapes
from almoner.policy.report import Report, instead

_MAX_ROWS = 5000
_UNKNOWN = "unknown"
STANDINGS = ("recognise", "held", "exit", "review")  # what a scenario can expect of a category


class Expect(shapes.Shape):
    signals: dict[str, str | bool] = {}
    programmes: dict[str, int | float | bool | str] = {}
    categories: dict[str, bool | str] = {}


class Scenario(shapes.Shape):
    name: str
    as_of: dt.date
    complete_through: dict[str, dt.date | None] = {}
    complete_since: dict[str, dt.date] = {}
    given: Annotated[dict[str, list[dict[str, Any]]], Field(min_length=1)]
    corrections: dict[str, list[dict[str, Any]]] = {}
    expect: Expect


class ScenarioFile(shapes.Shape):
    defaults: dict[str, dict[str, Any]] = {}
    scenarios: list[Scenario]


class ScenarioReader:
    """Reads the scenarios of one file. Faults go to `report`."""

    def __init__(self, document: Document, feeds: Mapping[str, Feed | None], report: Report) -> None:
        self._document = document
        self._feeds = feeds
        self._report = report

    def cases(
        self,
        signals: Mapping[str, Signal | None],
        programmes: Mapping[str, Programme | None],
        categories: Mapping[str, Category | None],
    ) -> tuple[ScenarioCase, ...]:
        """Every scenario of the file; those at fault are left out."""
        listed = isinstance(self._document.data, list)
        shape = fitting.fit(self._document, list[Scenario] if listed else ScenarioFile, self._report)
        if shape is None:
            return ()
        root: Path = () if listed else ("scenarios",)
        defaults: dict[str, dict[str, Any]] = {} if listed else shape.defaults
        self._feed_names(("defaults",), defaults)
        scenarios = shape if listed else shape.scenarios
        made = [
            self._case(s, (*root, n), defaults, signals, programmes, categories)
            for n, s in enumerate(scenarios)
        ]
        return tuple(c for c in made if c is not None)

    def _fault(self, path: Path, rule: str, message: str, advice: str) -> None:
        self._report.at(self._document, path, rule, message, advice)

    def _runs(self, scenario: Scenario, path: Path) -> None:
        """A feed that is complete since a day is complete through that day or a later one."""
        for feed, since in scenario.complete_since.items():
            known = self._feeds.get(feed)
            if known is not None and not known.periodic:
                message = f"`{feed}` comes with each event, so no period of it can be missing."
                advice = "Leave it out, or name its frequency in the contract."
                self._fault((*path, "complete_since", feed), "date", message, advice)
            through = scenario.complete_through.get(feed, scenario.as_of)
            if through is None or through < since:
                self._fault(
                    (*path, "complete_since", feed),
                    "date",
                    f"`{feed}` is complete since {since}, but not through that day.",
                    "Write the first day after the missing period; `complete_through` is the last day.",
                )

    def _feed_names(self, path: Path, found: Mapping[str, object]) -> None:
        for name in found.keys() - self._feeds.keys():
            self._fault(
                (*path, name), "unknown-feed", f"There is no feed `{name}`.", instead(name, self._feeds)
            )

    def _case(
        self,
        scenario: Scenario,
        path: Path,
        defaults: Mapping[str, Mapping[str, Any]],
        signals: Mapping[str, Signal | None],
        programmes: Mapping[str, Programme | None],
        categories: Mapping[str, Category | None],
    ) -> ScenarioCase | None:
        before = len(self._report)
        self._feed_names((*path, "given"), scenario.given)
        self._feed_names((*path, "complete_through"), scenario.complete_through)
        self._feed_names((*path, "complete_since"), scenario.complete_since)
        self._runs(scenario, path)
        records = {
            feed.id: tuple(self._records(feed, rows, (*path, "given", name), defaults.get(name, {})))
            for name, rows in scenario.given.items()
            if (feed := self._feeds.get(name)) is not None
        }
        self._feed_names((*path, "corrections"), scenario.corrections)
        corrections = {
            feed.id: tuple(self._records(feed, rows, (*path, "corrections", name), defaults.get(name, {})))
            for name, rows in scenario.corrections.items()
            if (feed := self._feeds.get(name)) is not None
        }
        people = self._people(records) if len(records) == len(scenario.given) else None
        self._signals(scenario, (*path, "expect", "signals"), signals, people)
        self._programmes(scenario, (*path, "expect", "programmes"), programmes, people)
        self._categories(scenario, (*path, "expect", "categories"), categories, people)
        if len(self._report) > before:
            return None
        file, line = self._document.position(path)
        expected = {k: None if v == _UNKNOWN else v for k, v in scenario.expect.signals.items()}
        amounts = {k: _amount(v) for k, v in scenario.expect.programmes.items()}
        standings = {k: None if v == _UNKNOWN else v for k, v in scenario.expect.categories.items()}
        return ScenarioCase(
            name=scenario.name,
            file=file,
            line=line,
            as_of=scenario.as_of,
            complete_through=scenario.complete_through,
            complete_since=scenario.complete_since,
            records=records,
            signals=expected,
            programmes=amounts,
            categories=standings,
            corrections=corrections,
        )

    def _records(
        self, feed: Feed, rows: list[dict[str, Any]], path: Path, defaults: Mapping[str, Any]
    ) -> Iterator[dict[str, object]]:
        total = 0
        for n, given in enumerate(rows):
            at: Path = (*path, n)
            for name in given:
                if feed.property_named(name) is None:
                    self._fault(
                        (*at, name),
                        "unknown-column",
                        f"The feed `{feed.id}` has no column `{name}`.",
                        instead(name, [p.name for p in feed.properties]),
                    )
            for row in self._spread(feed, dict(defaults) | given, at):
                total += 1
                if total > _MAX_ROWS:
                    self._fault(
                        at,
                        "too-many-rows",
                        f"The scenario gives more than {_MAX_ROWS} rows of `{feed.id}`.",
                        "Shorten the range.",
                    )
                    return
                yield {p.name: self._value(feed, p, row.get(p.name), at) for p in feed.properties}

    def _spread(self, feed: Feed, row: dict[str, Any], path: Path) -> Iterator[dict[str, Any]]:
        """One row for every month or day of a `{from: ..., to: ...}`."""
        event = feed.event_time
        span = row.get(event.name) if event else None
        if event is None or not isinstance(span, dict):
            yield row
            return
        first, last = _day(span.get("from")), _day(span.get("to"))
        if set(span) != {"from", "to"} or first is None or last is None or last < first:
            self._fault(
                (*path, event.name),
                "date",
                f"`{event.name}` has no range that can be read.",
                "Write {from: 2025-01, to: 2025-12}, or whole dates.",
            )
            return
        for day in _days(first, last, by_month=_monthly(event, span)):
            yield row | {event.name: day}

    def _value(self, feed: Feed, prop: Property, value: Any, path: Path) -> object:
        at: Path = (*path, prop.name)
        if value is None:
            if prop.required and prop.fact_column:  # names and addresses decide nothing
                self._fault(
                    path,
                    "missing-column",
                    f"`{prop.name}` of `{feed.id}` is required.",
                    f"Add it to the row, or to `defaults` of `{feed.id}`.",
                )
            return None
        if prop.valid_values and str(value) not in prop.valid_values:
            self._fault(
                at,
                "wrong-value",
                f"`{prop.name}: {value}` is not one of the values there are.",
                instead(str(value), prop.valid_values),
            )
            return None
        found = _as_type(prop, value)
        if found is None:
            self._fault(
                at,
                "wrong-type",
                f"`{prop.name}: {value}` is not a {prop.type}.",
                "Write the value as the contract has it.",
            )
        return found

    def _people(self, records: Mapping[str, tuple[Mapping[str, object], ...]]) -> set[str]:
        found: set[str] = set()
        for name, rows in records.items():
            feed = self._feeds[name]
            who = feed.with_role(Role.RESIDENT_ID) if feed else None
            found |= {str(row[who.name]) for row in rows if who}
        return found

    def _name(
        self, key: str, path: Path, known: Mapping[str, object], what: str, people: set[str] | None
    ) -> str | None:
        name, at, person = key.partition("@")
        if name not in known:
            self._fault(path, f"unknown-{what}", f"There is no {what} `{name}`.", instead(name, known))
            return None
        if at and people is not None and person not in people:
            self._fault(
                path,
                "unknown-person",
                f"There is no person `{person}` in the records.",
                instead(person, people),
            )
        return name

    def _signals(
        self, scenario: Scenario, path: Path, known: Mapping[str, Signal | None], people: set[str] | None
    ) -> None:
        for key, value in scenario.expect.signals.items():
            name = self._name(key, (*path, key), known, "signal", people)
            signal = known[name] if name else None
            levels = [level.id for level in signal.levels] if signal else []
            if signal is not None and isinstance(value, str) and value not in {*levels, _UNKNOWN}:
                self._fault(
                    (*path, key),
                    "unknown-level",
                    f"`{name}` has no level `{value}`.",
                    instead(value, [*levels, "true", "false", _UNKNOWN]),
                )

    def _programmes(
        self, scenario: Scenario, path: Path, known: Mapping[str, Programme | None], people: set[str] | None
    ) -> None:
        for key, value in scenario.expect.programmes.items():
            self._name(key, (*path, key), known, "programme", people)
            if isinstance(value, str) and value != _UNKNOWN:
                self._fault(
                    (*path, key),
                    "wrong-type",
                    f"`{value}` is not an amount.",
                    "Write a number, false or unknown.",
                )

    def _categories(
        self, scenario: Scenario, path: Path, known: Mapping[str, Category | None], people: set[str] | None
    ) -> None:
        for key, value in scenario.expect.categories.items():
            self._name(key, (*path, key), known, "category", people)
            if value is True or (isinstance(value, str) and value not in {*STANDINGS, _UNKNOWN}):
                self._fault(
                    (*path, key),
                    "wrong-value",
                    f"`{value}` is not a result of a category.",
                    f"Write one of: {', '.join([*STANDINGS, 'false', _UNKNOWN])}.",
                )


def _amount(value: float | bool | str) -> float | bool | None:
    if isinstance(value, str):
        return None
    return value if isinstance(value, bool) else float(value)


def _monthly(event: Property, span: Mapping[str, Any]) -> bool:
    """Where the feed writes months, or the range does, every month is meant."""
    return "d" not in (event.format or "yyyy-MM-dd") or not any(isinstance(v, dt.date) for v in span.values())


def _days(first: dt.date, last: dt.date, *, by_month: bool) -> Iterator[dt.date]:
    day = first.replace(day=1) if by_month else first
    while day <= last:
        yield day
        day = (
            (day.replace(day=28) + dt.timedelta(days=4)).replace(day=1)
            if by_month
            else day + dt.timedelta(days=1)
        )


def _day(value: Any) -> dt.date | None:
    """A date; a month or a year counts from its first day."""
    if isinstance(value, dt.date):
        return value
    text = str(value)
    try:
        return dt.date.fromisoformat(text + "-01-01"[3 * (text.count("-")) :])
    except ValueError:
        return None


def _as_type(prop: Property, value: Any) -> object:
    """`value` as the property's type in Python; None where it is not one."""
    if prop.type == "date":
        return _day(value)
    if prop.type == "timestamp":
        return _moment(value)
    if prop.type == "string":
        return None if isinstance(value, (dict, list)) else str(value)
    if prop.type == "boolean":
        return value if isinstance(value, bool) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if prop.type == "number" else value if isinstance(value, int) else None


def _moment(value: Any) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(str(value)).replace(tzinfo=None)
    except ValueError:
        return None
