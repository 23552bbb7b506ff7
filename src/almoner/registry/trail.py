"""Who set back what of a feed, when and why: the trail of releases, withdrawals and undone deliveries."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from typing import Literal

from almoner.engines.base import Engine

Act = Literal["release", "withdraw", "undo"]
TRAIL = "registry.feed_trail"
NOT_UNDONE = (  # of a delivery
    f"delivery_id NOT IN (SELECT delivery_id FROM {TRAIL} WHERE act = 'undo' AND delivery_id IS NOT NULL)"
)


@dataclass(frozen=True, kw_only=True)
class TrailStep:
    """One act of a person on a feed. `delivery_id` or `through` says what it was about."""

    done_at: dt.datetime
    who: str
    act: Act
    feed: str
    delivery_id: int | None = None
    through: dt.date | None = None
    reason: str = ""


def add(engine: Engine, step: TrailStep) -> None:
    """Add a step, within the caller's transaction."""
    names = ", ".join(asdict(step))
    values = ", ".join(f"${name}" for name in asdict(step))
    engine.execute(f"INSERT INTO {TRAIL} ({names}) VALUES ({values})", asdict(step))


def steps(engine: Engine, feed: str | None = None) -> list[TrailStep]:
    """All steps, the latest first; of one feed or of all."""
    names = ("done_at", "who", "act", "feed", "delivery_id", "through", "reason")
    only = " WHERE feed = $feed" if feed else ""
    rows = engine.rows(
        f"SELECT {', '.join(names)} FROM {TRAIL}{only} ORDER BY done_at DESC",
        {"feed": feed} if feed else None,
    )
    return [TrailStep(**dict(zip(names, row, strict=True))) for row in rows]
