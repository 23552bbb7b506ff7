"""Let a delivery vouch for the days that it claims, or keep its claim waiting with the reasons."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from almoner.engines.base import Engine
from almoner.registry import claims, completeness, wholeness
from almoner.registry.completeness import CompleteDays
from almoner.registry.doubts import Doubt
from almoner.registry.heads import DeliveryHead

CLAIMS = "registry.claim"
WAITING, RELEASED, SETTLED = "waiting", "released", "settled"
_SCHEMA = pa.schema(
    [
        ("delivery_id", pa.int32()),
        ("feed", pa.string()),
        ("part", pa.string()),
        ("since", pa.date32()),
        ("through", pa.date32()),
        ("stated", pa.bool_()),
        ("rule", pa.string()),
        ("found", pa.int64()),
        ("expected", pa.int64()),
        ("period", pa.date32()),
        ("state", pa.string()),
        ("changed_at", pa.timestamp("us")),
    ]
)


@dataclass(frozen=True)
class Vouched:
    """What a delivery vouches for: days through `through` (None: for nothing), new ones where it `moved`.

    `doubts`: why it does not vouch for all that it claims.
    """

    through: dt.date | None
    moved: bool
    doubts: tuple[Doubt, ...] = ()


def vouch(
    engine: Engine,
    delivery_id: int,
    head: DeliveryHead,
    matched: str | None,
    *,
    read: int = 0,
    held_back: int = 0,
) -> Vouched:
    """Record what the delivery completes, within the caller's transaction.

    Its good rows are in `matched`, and in the facts; `read` and `held_back` count rows.
    """
    claim = claims.claim(engine, head, matched)
    if not claim.adds:
        return Vouched(claim.through, moved=False)
    whole = wholeness.of_delivery(engine, head, read, held_back)
    doubts = {
        days: [*whole, *wholeness.of_days(engine, head.feed, *days)] for days in dict.fromkeys(claim.spans)
    }
    good = [days for days, found in doubts.items() if not found]
    completeness.record(
        engine, head.feed.id, good, delivery_id=delivery_id, at=head.received_at, stated=claim.stated
    )
    _keep(
        engine,
        (
            (
                *(delivery_id, head.feed.id, part, days.since, days.through, claim.stated),
                *(doubt.rule, doubt.found, doubt.expected, doubt.period, WAITING, head.received_at),
            )
            for (part, days), found in doubts.items()
            for doubt in found
        ),
    )
    through = max((days.through for _, days in good), default=None)
    said = dict.fromkeys(doubt for found in doubts.values() for doubt in found)
    return Vouched(claim.through if good and not said else through, bool(good), tuple(said))


def doubts_of(engine: Engine, delivery_id: int) -> tuple[Doubt, ...]:
    """Why a delivery does not vouch for its claim; empty when it does or was released."""
    sql = f"""
        SELECT DISTINCT rule, found, expected, period
        FROM {CLAIMS}
        WHERE delivery_id = $id AND state = '{WAITING}'
        ORDER BY ALL
        """
    return tuple(Doubt(*row) for row in engine.rows(sql, {"id": delivery_id}))


@dataclass(frozen=True, kw_only=True)
class WaitingClaim:
    """A claim that waits for a person, or for a whole delivery of the same days."""

    delivery_id: int
    feed: str
    part: str | None
    days: CompleteDays
    stated: bool
    file: str
    doubts: tuple[Doubt, ...]


def waiting(engine: Engine, feed: str | None = None) -> list[WaitingClaim]:
    """The claims that wait, in order of deliveries; without those whose days are complete by now."""
    only = " AND c.feed = $feed" if feed else ""
    rows = engine.rows(
        f"""
        SELECT c.delivery_id, c.feed, part, since, through, stated, coalesce(d.file, ''),
          rule, found, expected, period
        FROM {CLAIMS} c
        LEFT JOIN registry.delivery d USING (delivery_id)
        WHERE state = '{WAITING}'{only}
        ORDER BY ALL
        """,
        {"feed": feed} if feed else None,
    )
    found: dict[tuple[int, str, str | None, CompleteDays, bool, str], list[Doubt]] = {}
    for delivery_id, name, part, since, through, stated, file, *doubt in rows:
        key = (delivery_id, name, part, CompleteDays(since, through), stated, file)
        found.setdefault(key, []).append(Doubt(*doubt))
    names = ("delivery_id", "feed", "part", "days", "stated", "file")
    known = completeness.runs(engine, feed=feed) if found else {}
    return [
        WaitingClaim(**dict(zip(names, key, strict=True)), doubts=tuple(doubts))  # type: ignore[arg-type]
        for key, doubts in found.items()
        if not completeness.covers(known.get(key[1], {}).get(key[2], ()), key[3])
    ]


def close(engine: Engine, delivery_id: int, state: str, at: dt.datetime) -> None:
    """Claims of the delivery wait no longer."""
    engine.execute(
        f"""
        UPDATE {CLAIMS} SET state = $state, changed_at = $at WHERE delivery_id = $id AND state = '{WAITING}'
        """,
        {"state": state, "at": at, "id": delivery_id},
    )


def _keep(engine: Engine, rows: Iterable[tuple[object, ...]]) -> None:
    listed = list(rows)
    if not listed:
        return
    columns = [pa.array(values, f.type) for values, f in zip(zip(*listed, strict=True), _SCHEMA, strict=True)]
    with engine.register("claims_kept", pa.table(columns, schema=_SCHEMA)):
        engine.execute(f"INSERT INTO {CLAIMS} SELECT * FROM claims_kept")
