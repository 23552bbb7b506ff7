"""What is dated ahead within the difference of clocks is taken in; beyond it, it is refused at once."""

from __future__ import annotations

import datetime as dt
import json
import os
import time
import zoneinfo
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almoner.errors import HomeError
from almoner.local_time import latest, use_zone
from almoner.policy.model.feeds import CLOCK_SKEW_SECONDS, Feed, Property, Role
from almoner.registry.quarantine import entries
from almoner.stream.ahead import Dating, DatingLimit, dating, from_json
from almoner.stream.events import Event
from stream.small_events import WHO
from stream.taking import AT, Stream, event

ZONES = [
    "Asia/Shanghai",  # no change of clocks
    "Europe/Berlin",
    "America/New_York",
    "America/Santiago",  # south of the equator
    "Australia/Lord_Howe",  # half an hour
    "Antarctica/Troll",  # two hours
    "Africa/Casablanca",  # put back for a month
    "Asia/Kathmandu",  # 5:45
    "Pacific/Apia",
    "Etc/UTC",
]
SKEW = dt.timedelta(seconds=CLOCK_SKEW_SECONDS)


@pytest.fixture(autouse=True)
def _zone_as_before() -> Iterator[None]:
    before = os.environ.get("TZ")
    yield
    os.environ.pop("TZ", None)
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


def changes(name: str, years: range = range(2024, 2028)) -> list[dt.datetime]:
    """The instants at which the zone changes its clocks."""
    zone, found = zoneinfo.ZoneInfo(name), []
    at, hour = dt.datetime(years.start, 1, 1, tzinfo=dt.UTC), dt.timedelta(hours=1)
    while at.year < years.stop:
        if at.astimezone(zone).utcoffset() != (at + hour).astimezone(zone).utcoffset():
            found.append(at + hour)
        at += hour
    return found


def local(instant: dt.datetime) -> dt.datetime:
    return instant.astimezone().replace(tzinfo=None)


@pytest.mark.parametrize("zone", ZONES)
def test_no_true_time_is_ahead_whatever_the_clocks_do(zone: str) -> None:
    """Around each change, every five minutes: what has happened by a clock that goes right is never ahead."""
    use_zone(zone)
    for change in [*changes(zone), dt.datetime(2026, 11, 9, 8, tzinfo=dt.UTC)]:
        for minutes in range(-190, 190, 5):
            now = change + dt.timedelta(minutes=minutes)
            limit = latest(local(now), SKEW)
            for back in (0, 1, 29, 59, 61, 119, 600):
                assert local(now - dt.timedelta(minutes=back)) <= limit
            assert local(now + SKEW) <= limit
            assert limit - local(now + SKEW) <= dt.timedelta(hours=3)
    quiet = dt.datetime(2026, 11, 9, 8)
    assert latest(quiet, SKEW) == quiet + SKEW


@settings(max_examples=100, deadline=None)
@given(zone=st.sampled_from(ZONES), place=st.integers(0, 100), seconds=st.integers(-15_000, 15_000))
def test_the_limit_is_never_behind_the_clock(zone: str, place: int, seconds: int) -> None:
    """It goes back by no more than clocks do."""
    use_zone(zone)
    found = changes(zone) or [dt.datetime(2026, 11, 9, tzinfo=dt.UTC)]
    now = found[place % len(found)] + dt.timedelta(seconds=seconds)
    limits = [latest(local(now + dt.timedelta(seconds=s)), SKEW) for s in range(0, 10_000, 100)]
    assert all(a - b <= dt.timedelta(hours=3) for a, b in pairwise(limits))
    for s, limit in zip(range(0, 10_000, 100), limits, strict=True):
        assert limit >= local(now + dt.timedelta(seconds=s))


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "CN", "../etc/passwd", "Asia/Shanghai\0", "UTC+8", "8"])
def test_a_zone_that_does_not_exist_is_refused(name: str) -> None:
    before = time.tzname
    with pytest.raises(HomeError, match="time zone"):
        use_zone(name)
    assert time.tzname == before


def feed(kind: str = "date", form: str | None = None, skew: int = 300) -> Feed:
    dated = Property(name="day", type=kind, role=Role.EVENT_TIME, format=form)  # type: ignore[arg-type]
    return Feed(
        id="f",
        label={},
        owner="o",
        sharing_class="unconditional",
        purposes=(),
        legal_basis="",
        properties=(Property(name="id", type="string", key=True), dated),
        version="1",
        cadence="on_event",
        clock_skew_seconds=skew,
    )


NOON, NIGHT = dt.datetime(2026, 11, 30, 12), dt.datetime(2026, 11, 30, 23, 57)
DATED: list[tuple[Feed, dt.datetime, object, str | None]] = [
    *((feed(), NOON, day, None) for day in ("2026-11-30", "2026-11-01", "1999-01-01", "2026-11-30 00:00:00")),
    *((feed(), NOON, day, "data") for day in ("2026-12-01", "2027-11-30", "2062-01-01", " 2026-12-01 ")),
    (feed(), NIGHT, "2026-12-01", None),
    (feed(), NIGHT, "2026-12-02", "data"),
    (feed(skew=60), NIGHT, "2026-12-01", "data"),
    (feed(skew=0), NOON, "2026-11-30", None),
    (feed(skew=86_400), NOON, "2026-12-01", None),
    *((feed("date", "yyyy-MM"), NOON, m, None) for m in ("2026-11", "2026-01", "2026-13", "2026-1")),
    *((feed("date", "yyyy-MM"), NOON, m, "data") for m in ("2026-12", "2027-01")),
    (feed("date", "yyyyMMdd"), NOON, "20261130", None),
    (feed("date", "yyyyMMdd"), NOON, "20261201", "data"),
    (feed("date", "yyyy年M月d日"), NOON, "2026年12月1日", "data"),
    (feed("date", "yyyy年M月d日"), NOON, "2026年11月30日", None),
    *(
        (feed("timestamp"), NOON, t, None)
        for t in ("2026-11-30 12:05:00", "2026-11-30T12:04:59.9", "2026-11-30")
    ),
    *(
        (feed("timestamp"), NOON, t, "data")
        for t in ("2026-11-30 12:05:01", "2026-11-30T13:00", "2026-12-01")
    ),
    (feed("timestamp", "yyyyMMddHHmmss"), NOON, "20261130120500", None),
    (feed("timestamp", "yyyyMMddHHmmss"), NOON, "20261130120501", "data"),
    # what cannot be read is found with the row's other faults
    *(
        (feed(), NOON, value, None)
        for value in ("", "tomorrow", "2026-02-30", "9999-99-99", 20261201, None, [], {}, True)
    ),
    *((feed("string"), NOON, value, None) for value in ("2062-01-01", "9999")),
]


@pytest.mark.parametrize(("of", "now", "value", "found"), DATED)
def test_a_row_is_ahead_or_not(of: Feed, now: dt.datetime, value: object, found: str | None) -> None:
    use_zone("Asia/Shanghai")
    how = from_json(json.loads(json.dumps(dating(of).as_json())))
    for key in ("day", "DAY", " day "):
        sent = Event(source="s", id="1", feed="f", data=json.dumps({"id": 1, key: value}))
        assert DatingLimit.of(how, now).ahead(sent) == found
        assert DatingLimit.of(how, now).ahead(replace(sent, withdrawn=True)) == found


@pytest.mark.parametrize("seconds", [-86_400, -1, 0, 1, 299, 300, 301, 3600, 86_400])
def test_the_time_of_an_event_is_ahead_or_not(seconds: int) -> None:
    sent = Event(source="s", id="1", feed="f", data="{}", time=NOON + dt.timedelta(seconds=seconds))
    assert DatingLimit.of(Dating(), NOON).ahead(sent) == ("time" if seconds > 300 else None)


def test_what_the_inbox_takes_within_the_skew_is_no_fault_later(stream: Stream) -> None:
    """Refused at once or taken in: never accepted and then held back."""
    late = AT.replace(hour=23, minute=58)
    stream.inbox.put(
        [
            event(
                "elderly_contacts",
                1,
                resident_no=WHO,
                contacted_on="2026-11-10",
                channel="visit",
                reached=True,
            )
        ],
        late,
    )
    stream.rounds.take(late)
    assert entries(stream.engine) == []
    assert len(stream.rows("elderly_contacts")) == 1


@pytest.mark.parametrize("day", ["2026-11-10", "2026-12-01", "2062-01-01"])
def test_a_row_beyond_the_skew_is_a_fault(stream: Stream, day: str) -> None:
    stream.inbox.put(
        [event("elderly_contacts", 1, resident_no=WHO, contacted_on=day, channel="visit", reached=True)], AT
    )
    stream.rounds.take(AT)
    assert "future" in [f.rule for e in entries(stream.engine) for f in e.faults]
