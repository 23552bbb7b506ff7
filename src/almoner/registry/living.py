"""Who is alive: whoever the feed of deaths names is no member from the day of death on.

The population register may follow months later. Its view and all that is counted by it leave the dead out;
what they earned or paid stays with their household, so that its loss is seen.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from types import MappingProxyType

from almoner.engines.base import quote
from almoner.policy.model.feeds import Feed
from almoner.registry.schema import current_facts, fact_columns, fact_table

Absent = Mapping[str, frozenset[str]]  # by feed, the columns that the facts do not have


def deaths_feed(feeds: Mapping[str, Feed]) -> Feed | None:
    """The feed whose contract says `deaths: true`; None when the pack has none."""
    return next((f for f in feeds.values() if f.deaths), None)


def register_of(feeds: Mapping[str, Feed]) -> Feed | None:
    """The feed that says who lives with whom; None when the pack has none."""
    return next((f for f in feeds.values() if f.membership), None)


def dead(
    feeds: Mapping[str, Feed],
    known: str,
    day: dt.date | None = None,
    absent: Absent = MappingProxyType({}),
) -> str | None:
    """A SELECT of the `person_id` of the dead; None when no feed tells.

    `known` is SQL for which rows are known. With `day`, deaths after it do not count.
    """
    feed = deaths_feed(feeds)
    if feed is None or feed.event_time is None:
        return None
    if absent.get(feed.id, frozenset()) >= fact_columns(feed).keys():
        return None
    until = f" AND {quote(feed.event_time.name)} < DATE '{day}' + 1" if day else ""
    return f"SELECT person_id FROM {fact_table(feed)} WHERE person_id IS NOT NULL AND {known}{until}"


def alive(dead_persons: str | None, person: str = "person_id") -> str:
    """SQL, to be put behind a WHERE: that a person is not among the dead. Empty when nobody is known dead."""
    return f" AND {person} NOT IN ({dead_persons})" if dead_persons else ""


def current_deaths(feeds: Mapping[str, Feed]) -> str:
    """A SELECT of `person_id` and `died_on` as known now; without rows where no feed tells."""
    feed = deaths_feed(feeds)
    if feed is None or feed.event_time is None:
        return "SELECT NULL::BIGINT AS person_id, NULL::DATE AS died_on LIMIT 0"
    return f"""
        SELECT person_id, min({quote(feed.event_time.name)})::DATE AS died_on
        FROM ({current_facts(feed)})
        GROUP BY person_id
        """
