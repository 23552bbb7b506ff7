"""Reads watch.yaml: the four layers of the watch, and when an area's rate counts as a jump."""

from __future__ import annotations

import re
from collections.abc import Mapping

from almoner.policy.document import Document
from almoner.policy.model.feeds import Feed, Role
from almoner.policy.model.pack import Parameter
from almoner.policy.model.terms import Condition
from almoner.policy.model.watch import Alarm, AreaLayer, ThemeLine, Watch, WatchGroup
from almoner.policy.reading import fitting
from almoner.policy.reading.rules import Ground, RuleReader, term
from almoner.policy.reading.watch_shapes import AlarmShape, AreasShape, WatchShape
from almoner.policy.report import Report, instead

_ID = re.compile(r"[a-z][a-z0-9_]*")
THRESHOLDS = ("chance", "least", "ratio", "months", "fewest_months")
_NOTHING: dict[str, str] = {}


def themes(document: Document | None) -> frozenset[str]:
    """The themes that signals may have; empty where the pack lists none, and then any will do."""
    return frozenset(document.mapping("lines", "themes")) if document else frozenset()


class _AlarmReader(RuleReader):
    """The thresholds of area signals."""

    numbers = frozenset(THRESHOLDS)


class WatchReader:
    """Reads watch.yaml. Findings go to `report`.

    `readers` hold its conditions, which the engine tries and whose parameters need a value.
    """

    def __init__(
        self, document: Document, ground: Ground, parameters: Mapping[str, Parameter | None], report: Report
    ) -> None:
        self._document, self._ground, self._parameters, self._report = document, ground, parameters, report
        self._groups = {
            name: RuleReader(name, document.part("points", "groups", name), ground, report)
            for name in document.mapping("points", "groups")
        }
        self._alarm = _AlarmReader("alarm", document.part("areas"), ground, report)
        self.readers = [*self._groups.values(), self._alarm]

    def watch(self) -> Watch | None:
        """The watch; None when the file has a fault."""
        before = len(self._report)
        shape: WatchShape | None = fitting.fit(self._document, WatchShape, self._report)
        for reader in self._groups.values():
            reader.one_of(("purpose",), self._ground.purposes, "purpose")
            reader.condition("when")
        self._names()
        feed = self._areas()
        return self._made(shape, feed) if shape and len(self._report) == before else None

    def _fault(self, path: tuple[str | int, ...], rule: str, message: str, advice: str) -> None:
        self._report.at(self._document, path, rule, message, advice)

    def _names(self) -> None:
        for path in (("points", "groups"), ("lines", "themes"), ("areas", "levels")):
            for name in self._document.mapping(*path):
                if not _ID.fullmatch(name):
                    advice = "Use small letters, digits and underscores."
                    self._fault((*path, name), "name", f"`{name}` cannot be a name.", advice)
        for name in self._document.mapping("lines", "themes"):
            self._department("lines", "themes", name, "department")

    def _department(self, *path: str) -> None:
        value = self._document.get(*path)
        if isinstance(value, str) and value not in self._ground.departments:
            advice = instead(value, self._ground.departments)
            self._fault(path, "unknown-department", f"There is no department `{value}`.", advice)

    def _areas(self) -> Feed | None:
        """The feed of areas; checks its level column and the thresholds of the alarm."""
        if not self._document.mapping("areas"):
            return None
        feed = next(
            (f for f in self._ground.feeds.values() if f and f.shared and f.with_role(Role.PARENT_AREA)), None
        )
        if feed is None:
            if None not in self._ground.feeds.values():
                message = "No shared feed says which area belongs to which."
                self._fault(
                    ("areas",), "missing-areas", message, "Give its columns the roles area and parent_area."
                )
            return None
        self._levels(feed)
        if self._document.mapping("areas", "alarm"):
            self._thresholds()
        return feed

    def _levels(self, feed: Feed) -> None:
        name = self._document.get("areas", "column")
        column = feed.property_named(name) if isinstance(name, str) else None
        if isinstance(name, str) and column is None:
            advice = instead(name, [p.name for p in feed.properties])
            self._fault(("areas", "column"), "unknown-column", f"`{feed.id}` has no column `{name}`.", advice)
        levels = self._document.mapping("areas", "levels")
        for level in levels if column and column.valid_values else ():
            if column and level not in column.valid_values:
                message = f"`{column.name}` of `{feed.id}` is never `{level}`."
                self._fault(
                    ("areas", "levels", level), "unknown-level", message, instead(level, column.valid_values)
                )
        for n, level in enumerate(self._document.items("areas", "alarm", "levels")):
            if isinstance(level, str) and level not in levels:
                message = f"There is no level `{level}` of areas."
                self._fault(("areas", "alarm", "levels", n), "unknown-level", message, instead(level, levels))

    def _thresholds(self) -> None:
        self._department("areas", "alarm", "department")
        for name in THRESHOLDS:
            path = ("alarm", name)
            self._alarm.condition(*path)
            threshold = self._alarm.optional(*path)
            if threshold is None:
                continue
            if threshold.columns:
                message = f"`{name}` reads `{threshold.columns[0]}`, and holds for all areas alike."
                self._alarm.fault(path, "column-in-threshold", message, "Use parameters only.")
            for parameter in threshold.parameters:
                known = self._parameters.get(parameter)
                if known is not None and known.by_area:
                    message = f"`:{parameter}` differs by area, and areas are compared with one another."
                    self._alarm.fault(path, "parameter-by-area", message, "Use a parameter without areas.")

    def _made(self, shape: WatchShape, feed: Feed | None) -> Watch:
        groups = {
            name: WatchGroup(name, g.label, g.subject, g.purpose, self._groups[name].compiled("when"))
            for name, g in (shape.points.groups if shape.points else {}).items()
        }
        lines = {
            name: ThemeLine(name, line.label, line.department)
            for name, line in (shape.lines.themes if shape.lines else {}).items()
        }
        return Watch(
            points=shape.points.label if shape.points else _NOTHING,
            groups=groups,
            themes=shape.lines.label if shape.lines else _NOTHING,
            lines=lines,
            areas=self._area_layer(shape.areas, feed) if shape.areas and feed else None,
            surface=shape.surface.label,
        )

    def _area_layer(self, shape: AreasShape, feed: Feed) -> AreaLayer:
        levels = {name: level.label for name, level in shape.levels.items()}
        alarm = self._alarm_of(shape.alarm) if shape.alarm else None
        return AreaLayer(shape.label, feed.id, shape.column, levels, alarm)

    def _alarm_of(self, shape: AlarmShape) -> Alarm:
        thresholds: dict[str, Condition] = {name: self._alarm.compiled("alarm", name) for name in THRESHOLDS}
        return Alarm(
            label=shape.label,
            levels=tuple(shape.levels),
            department=shape.department,
            within=term(shape.within),
            check=shape.check,
            why=shape.why,
            expires_days=shape.expires_days,
            **thresholds,
        )
