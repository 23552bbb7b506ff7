"""Measure how well the signals of areas find true events, beside the rule "the rate has doubled".

The place knows its events: a flood, a landslide, an illness that spreads, a factory that closed. Every
month is tested as a sweep soon after its end would have tested it. An alert is right when something
happened, up to `MONTHS_AFTER` months before, in the area, in an area within it or in one around it; an
event is found when an alert is right by it. Recall counts events that struck at least as many households
as an alarm takes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow.parquet as pq

from almoner.assessment import area_alerts, months
from almoner.assessment.opening import open_context
from almoner.assessment.watch import Above
from almoner.engines import Engine
from almoner.errors import AlmonerError
from almoner.policy.model.pack import Pack

FILE = "area_events.parquet"
MONTHS_AFTER = 5  # a window of three months fills first, and is delivered late
MONTHS_COUNTED = 22


@dataclass(frozen=True)
class AreaShock:
    """An event in an area: its kind, first day and number of households."""

    area: str
    started_on: dt.date
    households: int


@dataclass(frozen=True)
class RaisedAlert:
    area: str
    month: dt.date


@dataclass(frozen=True)
class AreaQuality:
    """One rule against the events. Alerts are pairs of area and month, whatever the signal."""

    rule: str
    alerts: int
    right: int
    events: int
    found: int

    @property
    def precision(self) -> float | None:
        return self.right / self.alerts if self.alerts else None

    @property
    def recall(self) -> float | None:
        return self.found / self.events if self.events else None


def area_quality(
    engine: Engine, pack: Pack, place: Path, as_of: dt.date, known_at: dt.datetime
) -> list[AreaQuality]:
    """Quality of the pack's area signals and of the naive rule, over all months with a complete past.

    Months that are not counted yet are counted first.
    """
    layer = pack.watch.areas if pack.watch else None
    if layer is None or layer.alarm is None:
        raise AlmonerError(f"The pack {pack.id} has no signals of areas to be judged.")
    months.count(engine, pack, as_of, known_at, MONTHS_COUNTED)
    back = int(months.threshold(engine, pack, layer.alarm.months, as_of) or 0)
    least = int(months.threshold(engine, pack, layer.alarm.least, as_of) or 0)
    last = months.month_end(as_of)
    judged = months.months_before(last, MONTHS_COUNTED - back - 1)
    events = [
        e
        for e in _events(place / "truth" / FILE)
        if e.started_on > judged[0].replace(day=1) - dt.timedelta(days=1)
    ]
    bare = replace(pack, indicators={}, signals={}, programmes={}, categories={}, watch=None)
    ours: set[RaisedAlert] = set()
    doubled: dict[int, set[RaisedAlert]] = {1: set(), least: set()}
    with open_context(engine, bare, as_of, known_at) as opened:
        for month in judged:
            context = replace(opened, pack=pack, as_of=min(as_of, month + dt.timedelta(days=9)))
            ours |= {RaisedAlert(j.area, j.month) for j in area_alerts.find(context) if j.month == month}
            for at_least, found in doubled.items():
                found |= {RaisedAlert(area, month) for area in area_alerts.doubled(context, month, at_least)}
        above = Above(replace(opened, pack=pack))
    around = {area: set(above.of(area).values()) for area in _named([*ours, *doubled[1]], events)}
    rules: Mapping[str, set[RaisedAlert]] = {
        "signals of areas": ours,
        "rate doubled": doubled[1],
        f"rate doubled, {least} households or more": doubled[least],
    }
    counted = [e for e in events if e.households >= least]
    return [_quality(rule, alerts, events, counted, around) for rule, alerts in rules.items()]


def _events(file: Path) -> list[AreaShock]:
    rows = pq.read_table(file).to_pylist()
    return [AreaShock(row["area_code"], row["started_on"], row["households"]) for row in rows]


def _named(alerts: Iterable[RaisedAlert], events: Iterable[AreaShock]) -> set[str]:
    return {a.area for a in alerts} | {e.area for e in events}


def _quality(
    rule: str,
    alerts: set[RaisedAlert],
    events: Sequence[AreaShock],
    counted: Sequence[AreaShock],
    around: Mapping[str, set[str]],
) -> AreaQuality:
    right = sum(any(_by(alert, event, around) for event in events) for alert in alerts)
    found = sum(any(_by(alert, event, around) for alert in alerts) for event in counted)
    return AreaQuality(rule, len(alerts), right, len(counted), found)


def _by(alert: RaisedAlert, event: AreaShock, around: Mapping[str, set[str]]) -> bool:
    since = (alert.month.year - event.started_on.year) * 12 + alert.month.month - event.started_on.month
    near = alert.area in around[event.area] or event.area in around[alert.area]
    return near and 0 <= since <= MONTHS_AFTER
