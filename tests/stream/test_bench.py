"""`python -m benchmarks stream`: the figures are what they are called."""

from __future__ import annotations

import csv
import datetime as dt
import json
from pathlib import Path

import pytest

from almoner.lab.place import build
from almoner.policy.model.pack import Pack
from almoner.stream.events import read
from benching import bench
from benchmarks import stream_events
from benchmarks.stream_bench import Sample, Sent, points, share, waited
from stream.taking import AT


def later(seconds: float) -> dt.datetime:
    return AT + dt.timedelta(seconds=seconds)


def test_an_event_waited_until_the_round_that_took_it_was_logged() -> None:
    sent = [Sent("a", 1, AT), Sent("b", 2, AT), Sent("a", 3, later(1)), Sent("a", 4, later(2))]
    log = [
        {"event": "round", "at": later(3).isoformat(), "through": {"a": 3}},
        {"event": "cycle", "at": later(4).isoformat()},
        {"event": "round", "at": later(5).isoformat(), "through": {"a": 4, "b": 2}},
    ]
    assert waited(sent, log) == [3, 5, 2, 3]
    assert waited(sent, log[:1]) == [3, 2]


def test_quantiles_are_of_the_nearest_rank_and_points_of_their_seconds() -> None:
    assert [share(range(100), of) for of in (0.5, 0.99, 1.0)] == [50, 99, 99]
    sent = [Sent("a", n, later(n)) for n in range(20)]
    seen = points(sent, [float(n) for n in range(20)], [Sample(0, 100, 0), Sample(10, 120, 3)])
    assert [(p.events, p.max_seconds, p.memory_mib) for p in seen] == [(10, 9, 100), (10, 19, 120)]


def test_the_last_records_of_a_place_become_events_once_and_by_seed(base: Pack, tmp_path: Path) -> None:
    sent, left = [], []
    for n in range(2):
        summary = build(tmp_path / str(n), 1000, 3, form="parquet")
        deliveries = tmp_path / str(n) / "deliveries"
        events = stream_events.split(deliveries, base.feeds, summary.until, 400, seed=5)
        sent.append(events)
        left.append({f.name: f.read_bytes() for f in deliveries.iterdir()})
    assert sent[0] == sent[1]
    assert left[0] == left[1]
    assert abs(len(sent[0]) - 400) < 20
    assert len({e.feed for e in sent[0]}) >= 5
    as_sent = {
        "specversion": "1.0",
        "id": "1",
        "source": "s",
        "type": sent[0][0].feed,
        "data": json.loads(sent[0][0].data or ""),
    }
    assert read(as_sent, AT.date()).data


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, float], Path]:
    folder = tmp_path_factory.mktemp("bench")
    words = [
        "--residents",
        1000,
        "--rate",
        40,
        "--seconds",
        5,
        "--series",
        folder / "s.csv",
        "--chart",
        folder / "s.svg",
    ]
    return json.loads(bench("stream", *words, "--json")), folder


def test_events_are_measured_up_to_their_case_beside_both_others(
    measured: tuple[dict[str, float], Path],
) -> None:
    found, folder = measured
    wanted = (
        "residents",
        "events",
        "events_per_second",
        "p50_seconds",
        "p95_seconds",
        "p99_seconds",
        "max_seconds",
        "engine_p50_seconds",
    )
    beside = ("naive_events_per_second", "peer_events_per_second", "peak_memory_mib")
    assert all(found[key] > 0 for key in (*wanted, *beside))
    assert found["p50_seconds"] <= found["p95_seconds"] <= found["p99_seconds"] <= found["max_seconds"] < 60
    assert found["peer_alerts_equal"] is True
    rows = list(csv.DictReader((folder / "s.csv").read_text().splitlines()))
    assert sum(int(row["events"]) for row in rows) == found["events"]
    assert (folder / "s.svg").read_text().startswith("<svg")
