"""The whole way over HTTP: `almoner serve` with its worker, a department's token, one event, a case."""

from __future__ import annotations

import datetime as dt
import json
import socket
import sqlite3
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from command import Process
from once import copied
from stream.burst import PEOPLE, registers
from stream.installation import almoner, until


@pytest.fixture
def served(small_home: Path, tmp_path: Path) -> Iterator[tuple[Path, str]]:
    home = copied(small_home, tmp_path / "home")
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (tmp_path / "log").open("w") as log:
        process = Process("serve", home, "--port", port, stdout=log, stderr=log)
    yield home, f"http://127.0.0.1:{port}"
    process.terminate()
    assert process.wait(timeout=60) == 0
    assert '"event": "stopped"' in (tmp_path / "log").read_text()


def ask(
    url: str, body: Any = None, token: str = "", kind: str = "application/cloudevents-batch+json"
) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
    request = urllib.request.Request(url, data, headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return answer.status, json.loads(answer.read() or "null")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or "null")
    except urllib.error.URLError:
        return 0, None


def cases(home: Path) -> int:
    with closing(sqlite3.connect(home / "casework.sqlite3", timeout=30)) as database:
        return int(database.execute("SELECT count(*) FROM casework_case").fetchone()[0])


def log_is_moved(home: Path) -> bool:
    """Whether all frames of SQLite's log have been moved to the database file, as its index says."""
    index = (home / "casework.sqlite3-shm").read_bytes()
    frames, moved = (int.from_bytes(index[at : at + 4], sys.byteorder) for at in (16, 96))
    return 0 < frames == moved


def test_an_event_becomes_a_case(served: tuple[Path, str]) -> None:
    home, url = served
    until(
        lambda: (
            (ask(f"{url}/health")[1] or {}).get("checks") == {"casework": True, "inbox": True, "worker": True}
        ),
        90,
    )
    token = almoner("token", home, "bureau").strip()
    people = [
        {
            "specversion": "1.0",
            "id": e.id,
            "source": e.source,
            "type": e.feed,
            "data": json.loads(e.data or ""),
        }
        for e in registers()
    ]
    assert ask(f"{url}/api/events", people, token)[0] == 202
    today = dt.datetime.now().date().isoformat()
    poor = {"resident_no": PEOPLE[0], "month": today, "wage": 100}
    event = {"specversion": "1.0", "id": "w1", "source": "/wages", "type": "wages", "data": poor}
    status, receipt = ask(f"{url}/api/events", [event, event], token)
    assert (status, receipt["accepted"], receipt["repeated"]) == (202, 1, 1)
    until(lambda: cases(home) == 1, 90)
    until(lambda: log_is_moved(home), 90)
    assert ask(f"{url}/api/events", [event], "almoner_wrong")[0] == 401
    almoner("token", home, "bureau", "--revoke")
    assert ask(f"{url}/api/events", [event], token)[0] == 401
