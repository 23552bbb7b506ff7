"""Checks a feed as a whole, once each part of its contract is well formed."""

from __future__ import annotations

from collections.abc import Callable

from almoner.policy.document import Document, Path
from almoner.policy.model.feeds import IDENTITY_ROLES, Feed, Property, Role
from almoner.policy.report import Report

_COLUMNS: Path = ("schema", 0, "properties")
_ONCE = (Role.RESIDENT_ID, Role.HOUSEHOLD, Role.EVENT_TIME, Role.BIRTH_DATE)


class FeedRules:
    """Checks one feed. Findings go to `report`.

    `where` gives the path of an addition, by the column's position and the addition's name.
    """

    def __init__(
        self, document: Document, feed: Feed, where: Callable[[int, str], Path], report: Report
    ) -> None:
        self._document, self._feed, self._where, self._report = document, feed, where, report

    def check(self) -> None:
        """Report all that is wrong."""
        self._keyed()
        if self._feed.shared:
            self._no_persons()
            return
        self._timed()
        self._about_somebody()
        self._narrower()
        self._for_desk()

    def _keyed(self) -> None:
        feed = self._feed
        for role in _ONCE:
            names = [p.name for p in feed.properties if p.role is role]
            if len(names) > 1:
                self._fault(
                    _COLUMNS,
                    "role-twice",
                    f"Several columns have the role `{role}`: {', '.join(names)}.",
                    "Keep it at one column.",
                )
        if not feed.key:
            self._fault(
                _COLUMNS,
                "no-key",
                f"The feed `{feed.id}` has no key.",
                "Set `primaryKey: true` at the columns that identify a row.",
            )

    def _timed(self) -> None:
        feed = self._feed
        if feed.event_time is None:
            self._fault(
                _COLUMNS,
                "no-event-time",
                f"The feed `{feed.id}` does not say when something was true.",
                "Give one date column the role `event_time`.",
            )
        elif feed.event_time.type not in {"date", "timestamp"}:
            self._fault(
                _COLUMNS,
                "no-event-time",
                f"The event time `{feed.event_time.name}` is not a date.",
                "Set its logicalType to date or timestamp.",
            )

    def _about_somebody(self) -> None:
        feed = self._feed
        if feed.with_role(Role.RESIDENT_ID) is None and feed.with_role(Role.HOUSEHOLD) is None:
            self._fault(
                _COLUMNS,
                "no-subject",
                f"The feed `{feed.id}` does not say whom a row is about.",
                "Give a column the role `resident_id` or `household`, or mark the feed `shared`.",
            )
        if feed.membership and (
            feed.with_role(Role.RESIDENT_ID) is None or feed.with_role(Role.HOUSEHOLD) is None
        ):
            self._fault(
                _COLUMNS,
                "membership",
                f"`{feed.id}` does not say who lives with whom.",
                "Give one column the role `resident_id` and one the role `household`.",
            )

    def _for_desk(self) -> None:
        """A walk-in application must be able to be a row of its feed."""
        feed = self._feed
        marked = [n for n, prop in enumerate(feed.properties) if prop.at_desk]
        for n in marked:
            lacking = [prop.name for prop in feed.properties if prop.required and not _known_at_desk(prop)]
            path = self._where(n, "atDesk")
            if n != marked[0]:
                self._fault(
                    path,
                    "desk",
                    "`atDesk` stands at two columns.",
                    "Keep it at the one that says how people ask.",
                )
            elif lacking or feed.with_role(Role.RESIDENT_ID) is None:
                reason = (
                    f"a clerk cannot know {', '.join(lacking)}" if lacking else "it does not say who asks"
                )
                self._fault(
                    path,
                    "desk",
                    f"Requests cannot be taken into `{feed.id}`: {reason}.",
                    "Let each required column be who asks, the time, a text key, or one whose values have"
                    " `words`.",
                )

    def _no_persons(self) -> None:
        feed = self._feed
        if any(p.role in IDENTITY_ROLES for p in feed.properties):
            self._fault(
                _COLUMNS,
                "shared-with-persons",
                f"`{feed.id}` is marked `shared` but has a column about persons.",
                "Remove `shared`, or the column.",
            )

    def _narrower(self) -> None:
        feed = self._feed
        for n, prop in enumerate(feed.properties):
            wider = [p for p in prop.purposes or () if p not in feed.purposes]
            if wider:
                listed = ", ".join(wider)
                message = (
                    f"`{prop.name}` is for {listed}, which the agreement for `{feed.id}` does not cover."
                )
                self._fault(
                    self._where(n, "purposes"),
                    "purpose-wider",
                    message,
                    "A column's purposes only narrow the feed's.",
                )

    def _fault(self, path: Path, rule: str, message: str, advice: str) -> None:
        self._report.at(self._document, path, rule, message, advice)


def _known_at_desk(prop: Property) -> bool:
    """Whether a request taken at the desk has a value of it: by its role, its own reference as key, or
    chosen there."""
    if prop.role in {Role.RESIDENT_ID, Role.EVENT_TIME} or prop.at_desk or prop.value_labels:
        return True
    return prop.key and prop.type == "string"
