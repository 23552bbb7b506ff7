"""Views of the facts as they were known at a time, for everybody or for some households."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from almoner.engines.base import Engine, quote
from almoner.policy.model.feeds import Feed, Role
from almoner.registry import runs
from almoner.registry.living import Absent, alive, dead
from almoner.registry.schema import fact_columns, fact_table

SCOPE_TABLE = "scope_household"
_INLINE_HOUSEHOLDS = 50  # at most so many ids are literals in the views, by which the engine skips blocks


def scope_views(
    feeds: Mapping[str, Feed],
    known_at: dt.datetime,
    households: Sequence[int] | None,
    absent: Absent = MappingProxyType({}),
    *,
    day: dt.date | None = None,
) -> dict[str, str]:
    """SELECTs by view name: `member`, every feed, and `feed` with the watermarks.

    With `households`, feeds of persons and households have only their rows, and shared feeds stay whole. The
    caller then registers the table `scope_household(household_id BIGINT)` with the same ids while the views
    are in use. Columns that are `absent` from the facts (`schema.absent`) are null, and a feed without a
    table is empty. The register's view leaves out whoever had died by `day` (None: the day of `known_at`);
    `member` has them, because what they earned belongs to their household.
    """
    chosen = _chosen(households)
    members = {"member": _members(feeds, known_at, chosen, absent)}
    views = {feed.id: _facts(feed, known_at, chosen, absent) for feed in feeds.values()}
    gone = dead(feeds, _known(known_at), day or known_at.date(), absent)
    for feed in feeds.values():
        if feed.membership and feed.with_role(Role.RESIDENT_ID) and not _is_missing(feed, absent):
            views[feed.id] += alive(gone)
    return members | views | {"feed": _feeds(feeds, known_at)}


def up_to(
    views: Mapping[str, str], feeds: Mapping[str, Feed], day: dt.date, known_at: dt.datetime
) -> dict[str, str]:
    """`views` as of the end of an earlier `day`: without later events, and with feeds as complete by then.

    Membership of households stays as it is known: the register has the present, not the day of each move.
    """
    limited = {
        feed.id: f"SELECT * FROM ({views[feed.id]}) WHERE {quote(feed.event_time.name)} <= DATE '{day}'"
        for feed in feeds.values()
        if feed.event_time and not feed.membership and not feed.shared
    }
    return {**views, **limited, "feed": _feeds(feeds, known_at, day)}


def within(views: Mapping[str, str], feeds: Mapping[str, Feed], households: str) -> dict[str, str]:
    """`views` with only those households that are in the table `households`; shared feeds stay whole."""
    chosen = f"household_id IN (SELECT household_id FROM {households})"
    persons = "person_id IN (SELECT person_id FROM member)"
    narrowed = {"member": f"SELECT * FROM ({views['member']}) WHERE {chosen}"}
    for feed in (f for f in feeds.values() if f.id in views and not f.shared):
        columns = fact_columns(feed)
        if "household_id" in columns and (feed.membership or "person_id" not in columns):
            narrowed[feed.id] = f"SELECT * FROM ({views[feed.id]}) WHERE {chosen}"
        elif "person_id" in columns:
            narrowed[feed.id] = f"SELECT * FROM ({views[feed.id]}) WHERE {persons}"
    return narrowed


def everywhere(feeds: Mapping[str, Feed], known_at: dt.datetime, day: dt.date) -> str:
    """A SELECT of the register's view of everybody, whatever scope is open."""
    register = next(f for f in feeds.values() if f.membership)
    return f"{_facts(register, known_at, None)}{alive(dead(feeds, _known(known_at), day))}"


def persons_without_household(engine: Engine, feeds: Mapping[str, Feed], known_at: dt.datetime) -> int:
    """The number of persons with facts whom the register places in no household: a blind spot."""
    known = [
        f"SELECT person_id FROM ({_facts(f, known_at, None)})"
        for f in feeds.values()
        if f.with_role(Role.RESIDENT_ID)
    ]
    if not known:
        return 0
    members = f"SELECT person_id FROM ({_members(feeds, known_at, None)})"
    return int(
        engine.value(
            f"""
            SELECT count(*)
            FROM ({" UNION ".join(known)}) p
            ANTI JOIN ({members}) m USING (person_id)
            WHERE person_id IS NOT NULL
            """
        )
    )


def _facts(
    feed: Feed,
    known_at: dt.datetime,
    chosen: str | None,
    absent: Absent = MappingProxyType({}),
) -> str:
    columns, missing = fact_columns(feed), absent.get(feed.id, frozenset())
    names = ", ".join(
        f"NULL::{kind} AS {quote(c)}" if c in missing else quote(c) for c, kind in columns.items()
    )
    if _is_missing(feed, absent):
        return f"SELECT {names} LIMIT 0"
    select = f"SELECT {names} FROM {fact_table(feed)} WHERE {_known(known_at)}"
    if chosen is None or feed.shared:
        return select
    if "household_id" in columns and (feed.membership or "person_id" not in columns):
        return f"{select} AND household_id IN ({chosen})"
    if "person_id" in columns:
        return f"{select} AND person_id IN (SELECT person_id FROM member)"
    return select


def _is_missing(feed: Feed, absent: Absent) -> bool:
    return absent.get(feed.id, frozenset()) >= fact_columns(feed).keys()


def _members(
    feeds: Mapping[str, Feed],
    known_at: dt.datetime,
    chosen: str | None,
    absent: Absent = MappingProxyType({}),
) -> str:
    register = next((f for f in feeds.values() if f.membership), None)
    if register is None or {"person_id", "household_id"} & absent.get(register.id, frozenset()):
        return "SELECT NULL::BIGINT AS person_id, NULL::BIGINT AS household_id LIMIT 0"
    only = f" AND household_id IN ({chosen})" if chosen is not None else ""
    return f"""
        SELECT person_id, household_id
        FROM {fact_table(register)}
        WHERE {_known(known_at)} AND household_id IS NOT NULL{only}
        """


def _feeds(feeds: Mapping[str, Feed], known_at: dt.datetime, day: dt.date | None = None) -> str:
    """How far each feed is complete, as known at `known_at`; with `day`, as it was complete by then."""
    names = ", ".join(f"('{feed_id}')" for feed_id in feeds)
    last_runs = runs.last_runs(_known(known_at), f"DATE '{day}'" if day else None)
    return f"""
        SELECT f.feed, {", ".join(f"r.{column}" for column in runs.COLUMNS)}, d.received_at
        FROM (VALUES {names}) f(feed)
        LEFT JOIN ({last_runs}) r USING (feed)
        LEFT JOIN (
          SELECT feed, max(received_at) AS received_at
          FROM registry.delivery
          WHERE received_at <= {_literal(known_at)}
          GROUP BY feed
        ) d USING (feed)
        """


def _chosen(households: Sequence[int] | None) -> str | None:
    if households is None:
        return None
    if 0 < len(households) <= _INLINE_HOUSEHOLDS:
        return ", ".join(str(int(h)) for h in households)
    return f"SELECT household_id FROM {SCOPE_TABLE}"


def _known(at: dt.datetime) -> str:
    return f"known_from <= {_literal(at)} AND known_to > {_literal(at)}"


def _literal(at: dt.datetime) -> str:
    return f"TIMESTAMP '{at.isoformat(sep=' ')}'"
