"""The base pack's indicators of the watch list once more, in pandas; see `benchmarks.peer_pandas`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

import pandas as pd

from benchmarks.peer_frames import Frames, Through, members


def watch_household(frames: Frames, through: Through, as_of: dt.date) -> pd.DataFrame:
    """Whole months since the latest end of a monitored risk or of a recognition."""
    del through
    monitored, listed = frames["monitored_households"], frames["low_income_register"]
    ends = pd.concat(
        [
            monitored[["person_id", "eliminated_on"]].rename(columns={"eliminated_on": "day"}),
            listed[["person_id", "ended_on"]].rename(columns={"ended_on": "day"}),
        ]
    )
    ended = ends[ends["day"] <= pd.Timestamp(as_of)].merge(members(frames), on="person_id")
    last = ended.groupby("household_id")["day"].max()
    months = (as_of.year - last.dt.year) * 12 + as_of.month - last.dt.month
    months -= (last.dt.day > as_of.day).astype(int)
    found: pd.DataFrame = months.to_frame("months_since_lifted_out")
    return found


INDICATORS: Mapping[str, tuple[Callable[..., pd.DataFrame], tuple[str, ...]]] = {
    "watch_household": (watch_household, ())
}
"""Indicator to its function and the pack parameters that it is given."""
