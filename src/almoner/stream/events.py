"""CloudEvents 1.0 (https://github.com/cloudevents/spec) as the records of a feed.

`type` names the feed, `data` is one row of its contract; a row of a known key is a correction. The type
``<feed>.withdrawn`` takes a row back: `data` names its key. So does `_action: withdraw` in `data`. The
extension ``completethrough`` (a date) says that the sender has sent all that happened up to that day; such an
event may come without data.
"""

from __future__ import annotations

import datetime as dt
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from almoner.errors import AlmonerError

if TYPE_CHECKING:
    from almoner.intake.row_actions import Action

WITHDRAWN = ".withdrawn"
LONGEST_ATTRIBUTE = 512  # characters
LARGEST_DATA_BYTES = 64 * 1024


class EventRefused(AlmonerError):  # noqa: N818 - it is a refusal, not a fault of ours
    """Not a valid event. `attribute` names what is wrong; the text never quotes data."""

    def __init__(self, attribute: str, message: str) -> None:
        super().__init__(message)
        self.attribute = attribute


@dataclass(frozen=True, kw_only=True)
class Event:
    """One record on its way into the facts. `department`, `feed`, `source` and `id` together identify it;
    `data` is personal data as JSON. `department` is who sent it; empty for this installation's own desk."""

    source: str
    id: str
    feed: str
    data: str | None
    department: str = ""
    withdrawn: bool = False
    complete_through: dt.date | None = None
    time: dt.datetime | None = None  # when it happened, as the sender says

    def __repr__(self) -> str:
        return f"Event({self.feed})"  # never the rest: a repr ends up in logs


def read(attributes: Mapping[str, Any], today: dt.date, department: str = "") -> Event:
    """An event of its attributes (structured mode), sent by `department`. Raises EventRefused."""
    from almoner.intake.row_actions import ACTION, WITHDRAW  # `almoner status` reads no contracts

    if attributes.get("specversion") != "1.0":
        raise EventRefused("specversion", 'Write `specversion` as "1.0".')
    if attributes.get("data_base64") is not None:
        raise EventRefused("data_base64", "Send `data` as a JSON object, not as `data_base64`.")
    named = _required(attributes, "type")
    withdrawn = named.endswith(WITHDRAWN)
    through = _through(attributes, today)
    data, action = _data(attributes)
    if withdrawn and action == "add":
        raise EventRefused("data", f"`type` withdraws the row, but `{ACTION.name}` in `data` adds it.")
    withdrawn = withdrawn or action == WITHDRAW
    if data is None and (withdrawn or through is None):
        raise EventRefused("data", "Send `data`: one row of the contract as a JSON object.")
    return Event(
        source=_required(attributes, "source"),
        id=_required(attributes, "id"),
        feed=named.removesuffix(WITHDRAWN),
        data=data,
        department=department,
        withdrawn=withdrawn,
        complete_through=through,
        time=_time(attributes),
    )


def _required(attributes: Mapping[str, Any], name: str) -> str:
    value = attributes.get(name)
    if not isinstance(value, str) or not value or len(value) > LONGEST_ATTRIBUTE:
        raise EventRefused(name, f"Write `{name}` as text of 1 to {LONGEST_ATTRIBUTE} characters.")
    if not value.isprintable() and any(map(_is_disallowed, value)):
        raise EventRefused(
            name, f"Write `{name}` without control characters, half surrogates and noncharacters."
        )
    return value


def _is_disallowed(character: str) -> bool:
    """Whether CloudEvents 1.0 forbids the character in an attribute ("String" of its type system)."""
    code = ord(character)
    is_noncharacter = 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE
    return is_noncharacter or unicodedata.category(character) in ("Cc", "Cs")


def _data(attributes: Mapping[str, Any]) -> tuple[str | None, Action | None]:
    """The row without its action, and the action where it says one."""
    from almoner.intake.faults import ADVICE
    from almoner.intake.row_actions import RULE, action_of, take_out

    data = attributes.get("data")
    if data is None:
        return None, None
    if not isinstance(data, dict):
        raise EventRefused("data", "`data` must be one JSON object: a row of the contract.")
    data = dict(data)
    said = take_out(data)
    action = action_of(said)
    if action is None:
        raise EventRefused("data", ADVICE[RULE]["en"])
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    if len(text) > LARGEST_DATA_BYTES:
        raise EventRefused(
            "data", f"`data` is larger than {LARGEST_DATA_BYTES:,} bytes. Send one row an event."
        )
    return text, action if said else None


def _through(attributes: Mapping[str, Any], today: dt.date) -> dt.date | None:
    value = attributes.get("completethrough")
    if value is None:
        return None
    try:
        day = dt.date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else None
    except ValueError:
        day = None
    if day is None or day > today:
        raise EventRefused(
            "completethrough", "Write `completethrough` as a day that is not in the future: YYYY-MM-DD."
        )
    return day


def _time(attributes: Mapping[str, Any]) -> dt.datetime | None:
    value = attributes.get("time")
    if value is None:
        return None
    try:
        return dt.datetime.fromisoformat(value).astimezone().replace(tzinfo=None)
    except (TypeError, ValueError, OverflowError, OSError):
        raise EventRefused(
            "time", "Write `time` as RFC 3339, for example 2026-11-09T08:00:00+08:00."
        ) from None
