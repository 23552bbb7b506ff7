"""Where clocks are put forward and back, nothing is refused, doubled, or put in another order."""

from __future__ import annotations

import datetime as dt
import json
import os
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from almoner.errors import DeliveryRefused
from almoner.local_time import elapsed, use_zone
from almoner.policy.model.pack import Pack
from almoner.registry import dirty
from almoner.registry.deliveries import Delivery, take_in
from almoner.registry.quarantine import entries
from command import run
from stream.small_events import WHO
from stream.taking import Stream, event
from stream.test_ahead import ZONES, changes, local


@pytest.fixture(autouse=True)
def _zone_as_before() -> Iterator[None]:
    before = os.environ.get("TZ")
    yield
    os.environ.pop("TZ", None)
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


FEW_ZONES = ["Asia/Shanghai", "Europe/Berlin", "Australia/Lord_Howe", "Antarctica/Troll"]
MINUTES = (-125, -61, -31, -1, 0, 1, 29, 31, 59, 61, 119, 181)


@pytest.mark.parametrize("zone", FEW_ZONES)
def test_events_around_a_change_of_clocks_go_in_in_the_order_in_which_they_came(
    zone: str, stream: Stream
) -> None:
    """Each event corrects the same row and is dated now; the last one counts, and no clock of a fact runs
    backwards."""
    use_zone(zone)
    n = 0
    found = changes(zone, range(2025, 2026)) or [dt.datetime(2025, 6, 1, tzinfo=dt.UTC)]
    for change in found:
        for minutes in MINUTES:
            n += 1
            at = local(change + dt.timedelta(minutes=minutes))
            row = {"resident_no": WHO, "month": "2025-01", "employer_code": "E1", "wage": n}
            stream.inbox.put([event("insured_wages", n, through=at.date(), **row)], at)
            assert stream.rounds.take(at) is not None
            assert stream.rows("insured_wages", "wage") == [(n,)]
    assert entries(stream.engine) == []
    received = stream.engine.rows("SELECT received_at FROM registry.delivery ORDER BY delivery_id")
    assert all(a <= b for (a,), (b,) in pairwise(received))
    backwards = "SELECT count(*) FROM facts.insured_wages WHERE known_to < known_from"
    assert stream.engine.value(backwards) == 0
    last = local(found[-1] + dt.timedelta(minutes=MINUTES[-1])).date()
    assert dirty.watermark(stream.engine, "insured_wages") == last


@pytest.mark.parametrize("zone", FEW_ZONES[1:])
def test_files_of_a_repeated_hour_are_not_refused_as_out_of_order(
    zone: str, stream: Stream, base: Pack, tmp_path: Path
) -> None:
    use_zone(zone)
    moments = [
        local(change + dt.timedelta(minutes=minutes))
        for change in changes(zone, range(2025, 2026))
        for minutes in MINUTES
    ]
    for n, at in enumerate(moments):
        file = tmp_path / f"insured_wages-{n}.csv"
        file.write_text(f"resident_no,month,employer_code,wage\n{WHO},2024-01,E1,{n}\n")
        delivery = Delivery(file, "insured_wages", at, None)
        receipt = take_in(stream.engine, stream.vault, stream.store, base.feeds, delivery)
        assert receipt.rows_quarantined == 0
        assert stream.rows("insured_wages", "wage") == [(n,)]
    early = Delivery(
        tmp_path / "insured_wages-x.csv", "insured_wages", moments[0] - dt.timedelta(days=1), None
    )
    early.file.write_text(f"resident_no,month,employer_code,wage\n{WHO},2024-01,E1,9999\n")
    with pytest.raises(DeliveryRefused, match="order"):
        take_in(stream.engine, stream.vault, stream.store, base.feeds, early)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    zone=st.sampled_from(ZONES),
    place=st.integers(0, 20),
    start=st.integers(-10_000, 10_000),
    seconds=st.integers(0, 20_000),
)
def test_a_time_that_passed_is_never_negative_and_wrong_by_a_repeated_hour_at_most(
    zone: str, place: int, start: int, seconds: int
) -> None:
    use_zone(zone)
    found = changes(zone, range(2025, 2026)) or [dt.datetime(2025, 6, 1, tzinfo=dt.UTC)]
    began = found[place % len(found)] + dt.timedelta(seconds=start)
    passed = elapsed(local(began), local(began + dt.timedelta(seconds=seconds)))
    assert passed >= 0
    assert abs(passed - seconds) <= 7200
    fold = [t.astimezone().replace(tzinfo=None).astimezone() for t in (began,)]
    assert abs((fold[0] - began).total_seconds()) <= 7200


ZONES_WRONG = ["Mars/Olympus", "CN", "UTC+8", "../../etc/passwd", "china"]


@pytest.mark.parametrize("name", ZONES_WRONG)
@pytest.mark.parametrize("words", [("status", "nowhere"), ("--version",), ("work", "nowhere")])
def test_every_command_refuses_a_zone_that_does_not_exist(name: str, words: tuple[str, ...]) -> None:
    done = run(*words, env={**os.environ, "ALMONER_TIME_ZONE": name})
    assert done.returncode == 2
    assert "no time zone" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["Asia/Shanghai", "America/New_York", "Asia/Kathmandu", "Etc/UTC"])
def test_commands_and_the_console_use_the_zone(name: str, small_home: Path) -> None:
    program = (
        "import datetime as dt, json\n"
        "from almoner.local_time import use_zone_of_environment; use_zone_of_environment()\n"
        "from almoner.casework.conf import settings\n"
        "print(json.dumps([settings.TIME_ZONE, str(dt.datetime(2026, 7, 1).astimezone().utcoffset())]))"
    )
    done = run(
        program=program, env={**os.environ, "ALMONER_TIME_ZONE": name, "ALMONER_HOME": str(small_home)}
    )
    assert done.returncode == 0, done.stderr
    offsets = {"Asia/Shanghai": "8:00:00", "Asia/Kathmandu": "5:45:00", "Etc/UTC": "0:00:00"}
    assert json.loads(done.stdout) == [name, offsets.get(name, "-1 day, 20:00:00")]
