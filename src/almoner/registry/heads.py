"""What is known of a delivery before its rows are read."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from almoner.intake.slices import Totals
from almoner.policy.model.feeds import Feed
from almoner.registry.facts import keys_only


@dataclass(frozen=True)
class Stated:
    """What a manifest or a marker says of a file: its first day, its number of rows, its SHA-256."""

    complete_since: dt.date | None = None
    rows: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class DeliveryHead:
    """What is known of a delivery before its rows are read.

    `ordered`: rows came one after the other, so the last of several rows with one key is kept. `withdraws`:
    the rows name keys of facts that no longer hold. `expected`: the persons of its numbers were looked up
    before, together with those of other deliveries (`identity.expect`). `lists`: it is a whole list,
    which takes back what it does not name.
    """

    feed: Feed
    name: str  # of the file; shown with every fault
    sha256: str
    received_at: dt.datetime
    complete_through: dt.date | None = None
    complete_since: dt.date | None = None
    rows_stated: int | None = None  # how many rows there should be, as a manifest or a marker says
    totals: Totals | None = None  # what the file's last row says, known once its rows are read
    unread: tuple[str, ...] = ()  # parts of the file that were not read: then it vouches for nothing
    moves_watermark: bool = True  # by its rows, where `complete_through` is None
    ordered: bool = False
    withdraws: bool = False
    lists: bool = False
    expected: bool = False

    @property
    def row_feed(self) -> Feed:
        """The feed as its rows have it: when they withdraw facts, they have the key only."""
        return keys_only(self.feed) if self.withdraws else self.feed
