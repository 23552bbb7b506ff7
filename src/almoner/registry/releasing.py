"""What people do about complete periods: release a delivery that waits, or take a last day back."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

from almoner.engines.base import Engine
from almoner.errors import AlmonerError
from almoner.policy.model.feeds import Feed
from almoner.registry import completeness, dirty, trail, vouching
from almoner.registry.completeness import TABLE, CompleteDays
from almoner.registry.trail import TrailStep
from almoner.registry.vouching import WaitingClaim

_OPEN = "known_to = 'infinity'::TIMESTAMP"


def release(
    engine: Engine, feed: str, delivery_id: int, *, who: str, reason: str, at: dt.datetime
) -> list[WaitingClaim]:
    """A person answers for a delivery: it vouches for all that it claims, from `at` on. Gives the claims.

    Raises AlmonerError when nothing of the delivery waits, or without a reason.
    """
    _demand(reason)
    found = [claim for claim in vouching.waiting(engine, feed) if claim.delivery_id == delivery_id]
    if not found:
        raise AlmonerError(
            f"Nothing of delivery {delivery_id} of {feed} waits for a release. `almoner feeds`"
            " lists what does."
        )
    with engine.transaction():
        _vouch(engine, found, delivery_id, at)
        trail.add(
            engine,
            TrailStep(done_at=at, who=who, act="release", feed=feed, delivery_id=delivery_id, reason=reason),
        )
    return found


def withdraw(
    engine: Engine, feed: str, through: dt.date, *, who: str, reason: str, at: dt.datetime
) -> dt.date:
    """The feed is complete through an earlier day only, from `at` on. Gives the last day that it was complete
    for. Raises AlmonerError when it is not complete for later days, or without a reason.
    """
    _demand(reason)
    before = completeness.watermarks(engine).get(feed)
    if before is None or before <= through:
        known = f"complete through {before}" if before else "not complete for any day"
        raise AlmonerError(f"{feed} is {known}: there is nothing after {through} to take back.")
    with engine.transaction():
        close_periods(engine, f"feed = $feed AND through > DATE '{through}'", {"feed": feed}, at, through)
        dirty.note_moved(engine, feed)
        dirty.mark_all(engine)
        trail.add(
            engine, TrailStep(done_at=at, who=who, act="withdraw", feed=feed, through=through, reason=reason)
        )
    return before


def close_periods(
    engine: Engine, which: str, values: dict[str, object], at: dt.datetime, through: dt.date | None = None
) -> None:
    """Close the periods of a condition, from `at` on; what lies up to `through` stays complete."""
    rest: dict[tuple[str, bool, int], list[tuple[str | None, CompleteDays]]] = defaultdict(list)
    if through is not None:
        rows = engine.rows(
            f"""
            SELECT DISTINCT feed, part, since, stated, delivery_id
            FROM {TABLE}
            WHERE {_OPEN} AND {which} AND since <= DATE '{through}'
            """,
            values,
        )
        for feed, part, since, stated, delivery_id in rows:
            rest[feed, stated, delivery_id].append((part, CompleteDays(since, through)))
    engine.execute(
        f"UPDATE {TABLE} SET known_to = greatest(known_from, $at) WHERE {_OPEN} AND {which}",
        values | {"at": at},
    )
    for (feed, stated, delivery_id), days in rest.items():
        completeness.record(engine, feed, days, delivery_id=delivery_id, at=at, stated=stated)


def reconsider(engine: Engine, feed: Feed, delivery_id: int, at: dt.datetime) -> bool:
    """After a retry, within its transaction: deliveries of which too many rows were held back vouch now, if
    few enough are left and nothing else was wrong. Gives whether one did; `delivery_id` is the retry's."""
    good = [
        claim
        for claim in vouching.waiting(engine, feed.id)
        if {doubt.rule for doubt in claim.doubts} == {"held_back"}
        and _left(engine, claim) <= feed.held_back_share * claim.doubts[0].expected
    ]
    if good:
        _vouch(engine, good, delivery_id, at)
    return bool(good)


def _vouch(engine: Engine, found: list[WaitingClaim], delivery_id: int, at: dt.datetime) -> None:
    for claim in found:
        completeness.record(
            engine,
            claim.feed,
            [(claim.part, claim.days)],
            delivery_id=delivery_id,
            at=at,
            stated=claim.stated,
        )
        vouching.close(engine, claim.delivery_id, vouching.RELEASED, at)
        dirty.note_moved(engine, claim.feed)


def _left(engine: Engine, claim: WaitingClaim) -> int:
    sql = "SELECT count(*) FROM registry.quarantine WHERE delivery_id = $id AND state = 'open'"
    return int(engine.value(sql, {"id": claim.delivery_id}))


def _demand(reason: str) -> None:
    if not reason.strip():
        raise AlmonerError("Give a reason: somebody will ask.")
