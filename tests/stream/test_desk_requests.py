"""A request at the desk over the real server and worker, from the form to the page of the case."""

from __future__ import annotations

import datetime as dt
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from almoner.stream.events import Event
from command import Process
from county import number
from once import copied
from stream.desk_browser import Browser, answers
from stream.installation import inbox_of, until

PASSWORD = "a long fictional password"
WHO = number(1, dt.date(1984, 6, 1))
WORDS = "My mother cannot be left alone any more."


@pytest.fixture
def served(base_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    """An installation of the base pack that knows one person, with a worker of that area signed in."""
    monkeypatch.setenv("ALMONER_SECOND_FACTOR", "none")
    home = copied(base_home, tmp_path / "home")
    register = {
        "resident_no": WHO,
        "name": "Mei Fictional",
        "sex": "female",
        "birth_date": "1984-06-01",
        "household_no": "H1",
        "relation": "head",
        "registration": "rural",
        "area_code": "710000001001",
        "status": "resident",
        "updated_on": "2025-01-01",
    }
    inbox = inbox_of(home)
    inbox.put(
        [Event(source="register", id="1", feed="population_register", data=json.dumps(register))],
        dt.datetime.now(),
    )
    inbox.close()
    user = [sys.executable, "-m", "almoner", "user", str(home), "wang", "--role", "worker", "--areas", "71"]
    subprocess.run(
        user, input=f"{PASSWORD}\n{PASSWORD}\n", text=True, check=True, capture_output=True, timeout=120
    )
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (tmp_path / "log").open("w") as log:
        process = Process("serve", home, "--port", port, stdout=log, stderr=log)
    try:
        browser = Browser(f"http://127.0.0.1:{port}")
        until(lambda: answers(port), 120)
        browser.send("/sign-in/", username="wang", password=PASSWORD)
        yield browser
    finally:
        process.terminate()
        process.wait(timeout=60)
    text = (tmp_path / "log").read_text()
    assert not [secret for secret in (WHO, "Mei", "mother") if secret in text]


def test_a_request_at_the_desk_opens_a_case_whose_page_shows_it_and_a_second_one_extends_it(
    served: Browser, tmp_path: Path
) -> None:
    until(lambda: "Housing" in served.get("/requests/new/"), 120, every=0.3)  # the worker has copied the pack
    until(lambda: _is_known(tmp_path / "home"), 120)
    asked = {"number": WHO, "text": WORDS, "name": "Mei Fictional"}
    receipt, page = served.send("/requests/new/", matter="income", **asked)
    assert receipt.startswith("/requests/")
    assert "If the rules find something, a case is opened" in page
    until(lambda: "/cases/" in served.get(receipt), 120, every=0.3)
    case = re.search(r"/cases/[a-z0-9]+/", served.get(receipt))
    assert case is not None
    page = served.get(case[0])
    for text in (
        "Somebody asked for help",
        "Orange",
        "Mei Fictional",
        "Requests at the desk",
        receipt.split("/")[2],
    ):
        assert text in page, text
    assert WORDS not in page
    second, _page = served.send("/requests/new/", matter="care", **asked)
    until(lambda: "Red" in served.get(case[0]), 120, every=0.3)
    assert case[0] in served.get(second)
    assert second.split("/")[2] in served.get(case[0])


def _is_known(home: Path) -> bool:
    """Whether the worker has taken the register in."""
    status = json.loads((home / "worker.json").read_text()) if (home / "worker.json").exists() else {}
    return bool(status.get("idle")) and status.get("to_assess") == 0
