"""Departments send events over HTTP: permissions, what is stored, and the answers to what is refused."""

from __future__ import annotations

import datetime as dt
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from schemathesis import GenerationMode

from almoner import home
from almoner.casework.api import receiving, tokens
from almoner.casework.api.models import Token
from almoner.casework.core import inbox
from almoner.casework.models import Department, Endpoint
from almoner.policy.model.pack import Pack
from almoner.registry.vault import create_key, open_vault
from almoner.stream import restarts
from almoner.stream.heartbeat import StepAtWork, beating
from almoner.stream.inbox import Inbox
from almoner.stream.restarts import Restarts
from almoner.stream.status import BUCKETS
from county import number
from fuzzing import ask

WHO = number(1, dt.date(1984, 6, 1))
Send = Callable[..., Any]


@pytest.fixture
def place(db: None, base: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    made = home.create(tmp_path / "home", "base")
    create_key(made.vault_key)
    Inbox(made.folder, open_vault(made.vault_key)).close()
    monkeypatch.setenv("ALMONER_HOME", str(made.folder))
    for department in base.departments:
        Department.objects.create(id=department)
    tokens.sync_feeds(base)
    yield made.folder
    inbox.inbox().close()
    inbox._inbox.cache_clear()


@pytest.fixture
def owner(base: Pack) -> str:
    return base.feeds["insured_wages"].owner


@pytest.fixture
def send(place: Path, owner: str) -> Send:
    token = tokens.issue(owner, "test")

    def post(body: Any, kind: str = receiving.SINGLE, token: str | None = token) -> Any:
        data = body if isinstance(body, bytes | str) else json.dumps(body)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return Client(raise_request_exception=False, enforce_csrf_checks=True).post(
            "/api/events", data, content_type=kind, headers=headers
        )

    return post


def an_event(n: object = 1, **other: Any) -> dict[str, Any]:
    row = {"resident_no": WHO, "month": "2026-09", "employer_code": "E1", "wage": 100}
    return {
        "specversion": "1.0",
        "id": str(n),
        "source": "/wages",
        "type": "insured_wages",
        "data": row,
    } | other


def waiting(place: Path) -> list[str]:
    box = Inbox(place, open_vault(home.load(place).vault_key))
    found = [e.data or "" for e in box.take("insured_wages", 0, 100, 10**6)]
    box.close()
    return found


def test_one_event_is_kept_and_a_receipt_given(send: Send, place: Path) -> None:
    answer = send(
        an_event(time="2026-11-09T08:00:00+08:00", subject="ignored", datacontenttype="application/json")
    )
    assert answer.status_code == 202
    assert {k: answer.json()[k] for k in ("accepted", "repeated", "position")} == {
        "accepted": 1,
        "repeated": 0,
        "position": 1,
    }
    assert [json.loads(data)["wage"] for data in waiting(place)] == [100]


def test_a_batch_is_kept_in_order_and_each_event_once(send: Send, place: Path) -> None:
    batch = [an_event(n, data={"wage": n}) for n in (1, 2, 3)]
    assert send(batch, receiving.BATCH).json()["accepted"] == 3
    again = send([*batch, an_event(4, data={"wage": 4})], receiving.BATCH).json()
    assert (again["accepted"], again["repeated"]) == (1, 3)
    assert [json.loads(data)["wage"] for data in waiting(place)] == [1, 2, 3, 4]


def test_another_event_with_a_known_id_is_refused_with_409_and_nothing_is_lost(
    send: Send, place: Path
) -> None:
    first = an_event("named-after-a-person")
    assert send(first).json()["accepted"] == 1
    assert send(first).json()["repeated"] == 1
    other = an_event("named-after-a-person", data=first["data"] | {"wage": 101})
    for body, kind, pointers in (
        (other, receiving.SINGLE, ["#/id"]),
        ([an_event(2), other, first, other], receiving.BATCH, ["#/1/id", "#/3/id"]),
        ([an_event(3), an_event(3, type="insured_wages.withdrawn")], receiving.BATCH, ["#/1/id"]),
    ):
        answer = send(body, kind)
        problem = answer.json()
        assert (answer.status_code, problem["type"]) == (409, "urn:almoner:problem:event-id-reused")
        assert [each["pointer"] for each in problem["errors"]] == pointers
        assert "another id" in problem["errors"][0]["detail"]
        assert "named-after" not in answer.content.decode()
        assert WHO not in answer.content.decode()
    assert [json.loads(data)["wage"] for data in waiting(place)] == [100]
    assert send(an_event("fresh", data=other["data"])).json()["accepted"] == 1


@pytest.mark.parametrize("days", [1, 30, 400, 20_000])
def test_an_event_dated_ahead_is_refused_at_once_with_the_reason(send: Send, place: Path, days: int) -> None:
    later = dt.datetime.now().astimezone() + dt.timedelta(days=days)
    month = {"month": f"{(later + dt.timedelta(days=31)):%Y-%m}"}
    for changes, where in (
        ({"time": later.isoformat()}, "time"),
        ({"data": an_event()["data"] | month}, "data"),
    ):
        answer = send([an_event(1), an_event(2, **changes)], receiving.BATCH)
        problem = answer.json()
        assert (answer.status_code, problem["errors"][0]["pointer"]) == (422, f"#/1/{where}")
        assert "ahead of our clock" in problem["errors"][0]["detail"]
        assert "300 seconds" in problem["errors"][0]["detail"]
    assert waiting(place) == []


@pytest.mark.parametrize("seconds", [-3600, 0, 60, 290])
def test_an_event_within_the_difference_of_clocks_is_taken_in(send: Send, seconds: int) -> None:
    at = dt.datetime.now().astimezone() + dt.timedelta(seconds=seconds)
    assert send(an_event(time=at.isoformat())).status_code == 202
    assert send(an_event(2, time=at.astimezone(dt.UTC).isoformat())).status_code == 202


def test_a_withdrawal_and_a_watermark_may_come_too(send: Send) -> None:
    assert send(an_event(1, type="insured_wages.withdrawn")).status_code == 202
    silent = an_event(2, completethrough="2020-01-31")
    del silent["data"]
    assert send(silent).status_code == 202


@pytest.mark.parametrize("token", [None, "", "almoner_wrong"])
def test_a_stranger_is_sent_away(send: Send, place: Path, token: str | None) -> None:
    answer = send(an_event(), token=token)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer["Content-Type"] == "application/problem+json"
    assert waiting(place) == []


def test_a_token_that_was_ended_opens_nothing(send: Send, owner: str) -> None:
    assert tokens.revoke(owner) == 1
    assert send(an_event()).status_code == 401


def test_tokens_are_kept_as_hashes_only(send: Send, owner: str) -> None:
    token = tokens.issue(owner, "second")
    assert not any(token in str(value) for row in Token.objects.values() for value in row.values())


def test_another_departments_feed_is_refused(send: Send, place: Path, base: Pack, owner: str) -> None:
    foreign = next(f.id for f in base.feeds.values() if f.owner != owner)
    answer = send(an_event(type=foreign))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "#/type"
    assert "feed of your department" in answer.json()["errors"][0]["detail"]
    assert waiting(place) == []


WRONG: dict[str, dict[str, Any]] = {
    "specversion": {"specversion": "0.3"},
    "id": {"id": ""},
    "source": {"source": 7},
    "type": {"type": "nothing"},
    "data": {"data": [1]},
    "data ": {"data": {"x": "y" * 70_000}},
    "time": {"time": "yesterday"},
    "completethrough": {"completethrough": "2999-01-01"},
    "completethrough ": {"completethrough": 20260101},
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_event_is_refused_whole_with_a_pointer(send: Send, place: Path, name: str) -> None:
    answer = send([an_event(1), an_event(2, **WRONG[name])], receiving.BATCH)
    problem = answer.json()
    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
    assert problem["errors"][0]["pointer"] == f"#/1/{name.strip()}"
    assert {"type", "title", "status", "detail", "instance"} <= problem.keys()
    assert WHO not in answer.content.decode()
    assert waiting(place) == []


NOT_JSON = [b"{", b"\xff\xfe", b"[" * 100_000, '{"id": "1", "id": "2"}', r'{"id": "\ud800"}', '{"a": NaN}']


@pytest.mark.parametrize("body", [*NOT_JSON, "7", "null", '"text"'])
def test_what_is_no_json_object_is_refused(send: Send, place: Path, body: Any) -> None:
    answer = send(body)
    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
    assert answer.json()["type"].endswith("not-json" if body in NOT_JSON else "not-an-event")
    assert waiting(place) == []


def test_too_much_at_once_is_refused(send: Send) -> None:
    assert send(b" " * (receiving.LARGEST_BODY_BYTES + 1)).status_code == 413
    assert send([{}] * (receiving.MOST_EVENTS + 1), receiving.BATCH).status_code == 413
    assert send(an_event(), "text/csv").status_code == 415


def test_a_full_inbox_says_when_to_come_again(send: Send, place: Path) -> None:
    inbox.inbox()._largest = 0
    answer = send(an_event())
    assert (answer.status_code, answer["Retry-After"]) == (429, "30")
    assert waiting(place) == []


def test_an_inbox_that_cannot_be_written_to_loses_nothing_it_promised(
    send: Send, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("almoner.stream.inbox._WAIT_SECONDS", 0.1)
    inbox._inbox.cache_clear()
    assert send(an_event(1)).status_code == 202
    other = sqlite3.connect(place / "inbox.sqlite3")
    other.execute("BEGIN EXCLUSIVE")
    answer = send(an_event(2))
    other.close()
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:almoner:problem:inbox-away")
    assert send(an_event(2)).json()["accepted"] == 1


def test_the_api_describes_itself(place: Path) -> None:
    described = Client().get("/api/openapi.json").json()
    operation = described["paths"]["/api/events"]["post"]
    assert {"202", "401", "413", "422", "429"} <= operation["responses"].keys()
    assert receiving.BATCH in operation["requestBody"]["content"]


def test_health_and_metrics_say_how_it_goes(send: Send, place: Path, owner: str) -> None:
    Endpoint.objects.create(department=owner, url="https://system.example/", secret=b"sealed")

    def health() -> tuple[int, dict[str, bool | None]]:
        answer = Client().get("/health")
        return answer.status_code, answer.json()["checks"]

    no_worker_yet = {"casework": True, "inbox": True, "worker": None}
    assert health() == (200, no_worker_yet)
    send(an_event())
    assert health() == (503, no_worker_yet)  # something waits for one
    (place / "worker.json").write_text(json.dumps({"process": os.getpid(), "trouble": None}))
    assert health() == (503, no_worker_yet | {"worker": False})  # its number is in use, but it does not beat
    with beating(place, StepAtWork()):
        assert health() == (200, no_worker_yet | {"worker": True})
    assert health() == (503, no_worker_yet | {"worker": False})
    text = Client().get("/metrics").content.decode()
    assert 'almoner_inbox_waiting{feed="insured_wages"} 1' in text
    assert "almoner_events_accepted_total 1" in text
    assert "almoner_worker_up 0" in text
    assert f'almoner_webhooks_waiting{{department="{owner}"}} 0' in text
    assert f'almoner_webhooks_given_up{{department="{owner}"}} 0' in text
    assert 'almoner_event_to_case_seconds_bucket{le="+Inf"} 0' in text
    assert WHO not in text


METRICS = {  # dashboards rest on these names, types and labels
    "almoner_events_accepted_total": ("counter", set()),
    "almoner_events_repeated_total": ("counter", set()),
    "almoner_inbox_waiting": ("gauge", {"feed"}),
    "almoner_inbox_oldest_seconds": ("gauge", {"feed"}),
    "almoner_worker_up": ("gauge", set()),
    "almoner_worker_restarts_total": ("counter", set()),
    "almoner_kafka_up": ("gauge", set()),
    "almoner_events_total": ("counter", set()),
    "almoner_quarantined_total": ("counter", set()),
    "almoner_files_total": ("counter", set()),
    "almoner_files_refused_total": ("counter", set()),
    "almoner_cycles_total": ("counter", set()),
    "almoner_ticks_total": ("counter", set()),
    "almoner_cases_opened_total": ("counter", set()),
    "almoner_worker_seconds_total": ("counter", {"part"}),
    "almoner_watermark_age_days": ("gauge", {"feed"}),
    "almoner_quarantine_open": ("gauge", set()),
    "almoner_households_to_assess": ("gauge", set()),
    "almoner_event_to_case_seconds_bucket": ("histogram", {"le"}),
    "almoner_event_to_case_seconds_count": ("histogram", set()),
    "almoner_event_to_case_seconds_sum": ("histogram", set()),
    "almoner_cases_open": ("gauge", set()),
    "almoner_webhooks_waiting": ("gauge", {"department"}),
    "almoner_webhooks_given_up": ("gauge", {"department"}),
}


def test_metrics_keep_their_names_types_and_labels_and_whole_values(
    send: Send, place: Path, owner: str
) -> None:
    Endpoint.objects.create(department=owner, url="https://system.example/", secret=b"sealed")
    send(an_event())
    status = {
        "process": os.getpid(),
        "trouble": None,
        "kafka": True,
        "counts": {"events": 12_345_678},
        "seconds": {"cycle": 1.25},
        "watermarks": {"insured_wages": dt.date.today().isoformat(), "pensions": None},
        "waited": [2, 1] + [0] * (len(BUCKETS) - 1),
        "waited_seconds": 0.5,
    }
    (place / "worker.json").write_text(json.dumps(status))
    restarts.write(place, Restarts(3, "it ended with exit status 1"))
    with beating(place, StepAtWork()):
        answer = Client().get("/metrics")
    assert answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = list(text_string_to_metric_families(answer.content.decode()))
    samples = [(family.type, sample) for family in families for sample in family.samples]
    assert {sample.name: (kind, set(sample.labels)) for kind, sample in samples} == METRICS
    values = {(sample.name, *sample.labels.values()): sample.value for _, sample in samples}
    assert values["almoner_events_total",] == 12_345_678
    assert values["almoner_worker_up",] == values["almoner_kafka_up",] == 1
    assert values["almoner_worker_restarts_total",] == 3
    assert values["almoner_worker_seconds_total", "cycle"] == 1.25
    assert values["almoner_watermark_age_days", "insured_wages"] == 0
    assert ("almoner_watermark_age_days", "pensions") not in values
    waited = [values["almoner_event_to_case_seconds_bucket", str(limit)] for limit in BUCKETS[:3]]
    assert waited == [2, 3, 3]
    assert values["almoner_event_to_case_seconds_sum",] == 0.5
    assert all(family.documentation for family in families)


def test_metrics_that_cannot_be_read_are_503_not_a_part_of_them(place: Path) -> None:
    inbox.inbox().close()
    (place / "inbox.sqlite3").write_bytes(b"no database" * 1000)
    inbox._inbox.cache_clear()
    answer = Client().get("/metrics")
    (place / "inbox.sqlite3").unlink()
    Inbox(place, open_vault(home.load(place).vault_key)).close()
    inbox._inbox.cache_clear()
    assert (answer.status_code, answer.content) == (503, b"")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_names = st.sampled_from(
    ["specversion", "id", "source", "type", "time", "data", "completethrough", "data_base64", "subject"]
)
_likely = st.sampled_from(
    ["1.0", "insured_wages", "insured_wages.withdrawn", "2026-01-31", "2026-11-09T08:00:00Z", "x"]
)
_bodies = st.dictionaries(_names, _likely | _json, max_size=8)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    body=_json | _bodies | st.lists(_bodies, max_size=3),
    kind=st.sampled_from([receiving.SINGLE, receiving.BATCH, receiving.PLAIN, "x/y"]),
)
def test_whatever_is_sent_is_answered_by_a_receipt_or_a_problem(send: Send, body: Any, kind: str) -> None:
    answer = send(body, kind)
    assert answer.status_code in (202, 409, 415, 422)
    assert answer.json()


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_what_the_description_allows_and_forbids_is_answered_as_it_says(
    place: Path, owner: str, mode: GenerationMode
) -> None:
    statuses = ask("send_events", mode, tokens.issue(owner, "fuzz"), 150)
    assert 422 in statuses
