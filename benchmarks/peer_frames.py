"""Share helpers between the peers in pandas: household members, ages, watermarks and entries in force."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import pandas as pd

Frames = Mapping[str, pd.DataFrame]
Through = Mapping[str, dt.date]


def through_day(through: Through, feed: str, as_of: dt.date) -> pd.Timestamp:
    """The last day that a feed is complete for, at most `as_of`."""
    return pd.Timestamp(min(as_of, through[feed]))


def last_month(through: Through, feed: str, as_of: dt.date) -> pd.Timestamp:
    """The first day of the last month that a feed is complete for."""
    next_day = through_day(through, feed, as_of) + pd.Timedelta(days=1)
    return next_day.to_period("M").start_time - pd.offsets.MonthBegin(1)


def ages(births: pd.Series, as_of: dt.date) -> pd.Series:
    """Whole years on `as_of`."""
    born = births.dt
    before_birthday = (born.month > as_of.month) | ((born.month == as_of.month) & (born.day > as_of.day))
    years: pd.Series = as_of.year - born.year - before_birthday.astype(int)
    return years


def members(frames: Frames) -> pd.DataFrame:
    """person_id and household_id of everybody in a household."""
    register = frames["population_register"]
    return register.loc[register["household_id"].notna(), ["person_id", "household_id"]]


def months_back(frames: Frames, through: Through, as_of: dt.date, feed: str, amount: str) -> pd.DataFrame:
    """A feed's payments, with the months between each payment and the feed's last complete month."""
    last, paid = last_month(through, feed, as_of), frames[feed]
    back = (last.year - paid["month"].dt.year) * 12 + last.month - paid["month"].dt.month
    return pd.DataFrame({"person_id": paid["person_id"], "back": back, "amount": paid[amount]})


def in_force(entries: pd.DataFrame, since: str, as_of: dt.date) -> pd.DataFrame:
    """Entries of a register that have begun, have not ended and have not run out."""
    today = pd.Timestamp(as_of)
    begun = (entries[since] <= today) & (entries["ended_on"].isna() | (entries["ended_on"] > today))
    if "valid_until" in entries:
        begun &= entries["valid_until"].isna() | (entries["valid_until"] >= today)
    return entries[begun]
