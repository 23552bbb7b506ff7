"""Checks that concern several files of a pack at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping

from almoner.policy.document import Document
from almoner.policy.model.feeds import Feed
from almoner.policy.model.pack import Parameter
from almoner.policy.reading import sources
from almoner.policy.reading.conditions import KnownColumn
from almoner.policy.reading.indicators import ReadIndicator
from almoner.policy.reading.rules import RuleReader
from almoner.policy.reading.timelines import ReadTimeline
from almoner.policy.report import Report

_OWN_TABLES = frozenset({"member", "feed"})


def check_feeds(feeds: Mapping[str, Feed | None], shown: Mapping[str, str], report: Report) -> None:
    """Exactly one feed says who lives with whom, and none has the name of a table of Almoner's own.

    `shown` gives the contract's file by feed, for messages.
    """
    registers = sorted(feed.id for feed in feeds.values() if feed is not None and feed.membership)
    if None not in feeds.values() and not registers:
        message = "No feed says who lives with whom."
        advice = "Mark the population register with {property: membership, value: true}."
        report.add(sources.PACK, 1, "membership", message, advice)
    for name in registers[1:]:
        message = f"`{name}` is a second membership feed beside `{registers[0]}`."
        report.add(shown[name], 1, "membership", message, "Mark one feed only.")
    deaths = sorted(feed.id for feed in feeds.values() if feed is not None and feed.deaths)
    for name in deaths[1:]:
        message = f"`{name}` is a second feed of deaths beside `{deaths[0]}`."
        report.add(shown[name], 1, "deaths", message, "Mark one feed only.")
    for name in feeds.keys() & _OWN_TABLES:
        message = f"`{name}` is a table of Almoner's own."
        report.add(shown[name], 1, "feed-name", message, "Give the feed another name.")


def known_columns(indicators: Iterable[ReadIndicator], report: Report) -> dict[str, KnownColumn]:
    """The columns of all indicators by name. A name that two indicators use is a finding."""
    columns: dict[str, KnownColumn] = {}
    for indicator in indicators:
        for column in indicator.columns:
            first = columns.setdefault(column.name, column)
            if first is not column:
                path = ("columns", column.name)
                message = f"The column `{column.name}` is also in the indicator `{first.indicator}`."
                advice = "Give it another name: all columns share one list of names."
                report.at(indicator.document, path, "ambiguous-name", message, advice)
    return columns


def check_in_force(
    users: Mapping[str, str],
    parameters: Mapping[str, Parameter | None],
    documents: Mapping[str, Document],
    as_of: dt.date,
    report: Report,
) -> None:
    """Every parameter that something reads has a value on the day `as_of`.

    `users` gives by parameter a file that reads it (see `parameter_users`), `documents` the parameter's file.
    """
    for name, user in users.items():
        parameter = parameters.get(name)
        if parameter is None or any(parameter.at(as_of, area) is not None for area in parameter.areas):
            continue
        days = (value.since for dated in parameter.areas.values() for value in dated)
        first = min(days, default=as_of)
        state = "it has ended" if first <= as_of else f"it begins on {first}"
        message = f"`{name}` has no value on {as_of} ({state}), and {user} reads it."
        advice = f"Add a value from {as_of} or before."
        report.at(documents[name], ("values",), "parameter-without-value", message, advice)


def parameter_users(
    indicators: Iterable[ReadIndicator], timelines: Iterable[ReadTimeline], readers: Iterable[RuleReader]
) -> dict[str, str]:
    """By parameter, the file that reads it; the last one where several do."""
    return dict(_uses(indicators, timelines, readers))


def _uses(
    indicators: Iterable[ReadIndicator], timelines: Iterable[ReadTimeline], readers: Iterable[RuleReader]
) -> Iterator[tuple[str, str]]:
    for reader in readers:
        for parsed in reader.read.values():
            yield from ((name, reader.document.file) for name in parsed.condition.parameters)
    for indicator in indicators:
        if indicator.indicator is not None:
            yield from ((name, indicator.sql.file) for name in indicator.indicator.parameters)
    for timeline in timelines:
        if timeline.timeline is not None:
            yield from ((name, timeline.sql.file) for name in timeline.timeline.parameters)
