"""Finds events that are dated ahead of the present by more than clocks differ. They are refused at once,
where their sender still hears it."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from almoner.intake.formats import date_format
from almoner.local_time import latest
from almoner.policy.model.feeds import CLOCK_SKEW_SECONDS, Feed
from almoner.stream.events import Event

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?)?")


@dataclass(frozen=True)
class Dating:
    """How rows of a feed are dated: the property with the date (None: they have none), its format, and by how
    many seconds a sender's clock may be ahead."""

    column: str | None = None
    format: str | None = None
    skew_seconds: int = CLOCK_SKEW_SECONDS

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def dating(feed: Feed) -> Dating:
    """How the contract dates the rows of a feed."""
    dated = feed.event_time
    if dated is None or dated.type not in ("date", "timestamp"):
        return Dating(skew_seconds=feed.clock_skew_seconds)
    return Dating(dated.name, dated.format, feed.clock_skew_seconds)


def from_json(kept: Mapping[str, Any]) -> Dating:
    """What `Dating.as_json` gave; of an empty one the defaults."""
    return Dating(**kept)


@dataclass(frozen=True)
class DatingLimit:
    """The latest local time at which an event of a feed may be dated now."""

    dating: Dating
    until: dt.datetime

    @staticmethod
    def of(dating: Dating, now: dt.datetime) -> DatingLimit:
        """The limit at `now` (local time)."""
        return DatingLimit(dating, latest(now, dt.timedelta(seconds=dating.skew_seconds)))

    def ahead(self, event: Event) -> str | None:
        """The attribute of the event, `time` or `data`, that is dated beyond the limit; None when none is,
        and for a date that cannot be read."""
        if event.time is not None and event.time > self.until:
            return "time"
        return "data" if any(each > self.until for each in _dates(event, self.dating)) else None


def _dates(event: Event, how: Dating) -> Iterator[dt.datetime]:
    if how.column is None or event.data is None:
        return
    wanted = how.column.casefold()
    for key, value in json.loads(event.data).items():
        if isinstance(value, str) and key.strip().casefold() == wanted:
            found = _date(value.strip(), how.format)
            if found is not None:
                yield found


def _date(text: str, odcs: str | None) -> dt.datetime | None:
    try:
        if _ISO.fullmatch(text):
            return dt.datetime.fromisoformat(text)
        form = date_format(odcs) if odcs else None
        if form and re.fullmatch(form.regex, text):
            return dt.datetime.strptime(text, form.strptime)  # noqa: DTZ007 - local time
    except ValueError:
        pass
    return None
