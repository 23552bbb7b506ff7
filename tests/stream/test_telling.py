"""`almoner work` notifies departments' systems; commands list, change and repeat webhooks; the receiver in
docs/ works."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import command
from casework.receiver import Receiver, is_signed, receiving
from once import copied
from stream.installation import Workers, almoner, log_lines, stop, until

DOCS = Path(__file__).parents[2] / "docs" / "referrals.md"
SEND = """
import datetime as dt, sys
from pathlib import Path
from almoner import casework
from almoner.home import load
casework.setup(load(Path(sys.argv[1])))
from almoner.casework.cases import workflow
from almoner.casework.models import Case, OutboxPosition
from casework.makers import Outbox
casework.apply([[Outbox().proposal(1)]])
OutboxPosition.objects.update(seq=0)  # the facts have no such change
case = Case.objects.get()
case.signals.all().delete()
one, two = (casework.create_user(name, "a long fictional password", role="lead") for name in ("one", "two"))
for who, move in ((one, "take"), (one, "start"), (one, "confirm"), (two, "agree")):
    case.refresh_from_db()
    workflow.act(who, case.reference, move, case.version, {})
print(case.referrals.get().reference)
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as started:
        yield started


@pytest.fixture(scope="module")
def installed(base_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation with a department that the referrals of these tests go to."""
    folder = copied(base_home, tmp_path_factory.mktemp("installed") / "home")
    script = (
        "import sys\nfrom pathlib import Path\nfrom almoner import casework\nfrom almoner.home import"
        " load\ncasework.setup(load(Path(sys.argv[1])))\n"
    )
    run(
        folder,
        script + "from almoner.casework.models import Department\nDepartment.objects.create(id='relief',"
        " label={'en': 'Relief'})\n",
    )
    return folder


@pytest.fixture
def home(installed: Path, tmp_path: Path) -> Path:
    return copied(installed, tmp_path / "home")


def run(folder: Path, script: str) -> str:
    """Run a script beside the installation in its own process."""
    done = command.run(folder, program=script, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def answers(port: int) -> bool:
    with closing(socket.socket()) as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def as_json(*words: object) -> Any:
    return json.loads(almoner(*words, "--json"))


def listens(home: Path, url: str) -> str:
    return str(as_json("webhook", "set", home, "relief", "--url", url, "--private-network")["secret"])


def test_the_worker_sends_what_waits_and_stops_cleanly(
    home: Path, receiver: Receiver, worker: Workers
) -> None:
    receiver.answers = [500]
    secret = listens(home, receiver.url)
    reference = run(home, SEND)
    waits = as_json("status", home)["webhooks"]["relief"]
    assert (waits["waiting"], waits["given_up"]) == (1, 0)
    process = worker(home)
    until(lambda: receiver.got)
    until(lambda: any(line["event"] == "webhook_failed" for line in log_lines(home)))
    assert stop(process, signal.SIGTERM) == 0
    assert log_lines(home)[-1]["event"] == "stopped"
    failed = next(line for line in log_lines(home) if line["event"] == "webhook_failed")
    assert (failed["department"], failed["why"], failed["tries"]) == ("relief", "answered 500", 1)
    (got,) = receiver.got
    assert (got.event["subject"], is_signed(got, secret, time.time())) == (reference, True)


def test_a_worker_that_is_killed_while_it_sends_sends_again(
    home: Path, receiver: Receiver, worker: Workers
) -> None:
    receiver.answers = ["silent"]
    listens(home, receiver.url)
    run(home, SEND)
    process = worker(home)
    until(lambda: receiver.got)
    process.kill()
    process.wait()
    run(home, CLAIM_ENDS)
    worker(home)
    until(lambda: len(receiver.got) == 2)
    assert len({got.id for got in receiver.got}) == 1
    until(lambda: as_json("webhook", "list", home)["departments"][0]["waiting"] == 0)


CLAIM_ENDS = """
import datetime as dt, sys
from pathlib import Path
from almoner import casework
from almoner.home import load
casework.setup(load(Path(sys.argv[1])))
from almoner.casework.models import OutgoingEvent
event = OutgoingEvent.objects.get()
assert event.claimed_until > dt.datetime.now(), "it died with its claim"
OutgoingEvent.objects.update(claimed_until=dt.datetime.now() - dt.timedelta(seconds=1))  # two minutes later
"""


def test_the_commands_set_list_rotate_repeat_and_stop(
    home: Path, receiver: Receiver, worker: Workers
) -> None:
    assert "no department 'nobody'" in almoner(
        "webhook", "set", home, "nobody", "--url", "https://x.example/", code=1
    )
    assert "names no address" in almoner("webhook", "set", home, "relief", code=1)
    assert "Write https://" in almoner(
        "webhook", "set", home, "relief", "--url", "http://relief.example/", code=1
    )
    secret = listens(home, receiver.url)
    assert secret.startswith("whsec_")
    assert as_json("webhook", "set", home, "relief", "--public-only") == {"secret": None}
    assert as_json("webhook", "rotate", home, "relief")["secret"] != secret
    receiver.answers = [410]
    almoner("webhook", "set", home, "relief", "--private-network")
    reference = run(home, SEND)
    worker(home)
    until(lambda: as_json("webhook", "list", home)["given_up"])
    found = as_json("webhook", "list", home)
    (letter,) = found["given_up"]
    assert (letter["department"], letter["kind"], letter["failure"]) == ("relief", "sent", "answered 410")
    (department,) = found["departments"]
    assert (department["url"], department["private_network"], department["given_up"]) == (
        receiver.url,
        True,
        1,
    )
    assert dt.datetime.fromisoformat(department["both_sign_until"]) > dt.datetime.now() + dt.timedelta(days=6)
    text = almoner("webhook", "list", home)
    assert reference in text
    assert "answered 410" in text
    assert "whsec_" not in text + json.dumps(found)
    assert "Name events" in almoner("webhook", "again", home, code=2)
    assert as_json("webhook", "again", home, letter["id"]) == {"queued": 1}
    until(lambda: len(receiver.got) == 2)
    assert as_json("webhook", "stop", home, "relief") == {"given_up": 0}
    assert "webhook set" in almoner("webhook", "rotate", home, "relief", code=1)


def test_tokens_are_made_with_scopes_listed_and_ended(home: Path) -> None:
    made = as_json(
        "token",
        home,
        "relief",
        "--scope",
        "referrals:read",
        "--scope",
        "referrals:answer",
        "--days",
        "30",
        "--name",
        "system",
    )
    assert made["token"].startswith("almoner_")
    almoner("token", home, "relief")
    latest, first = as_json("token", home, "relief", "--list")["tokens"]
    assert latest["scopes"] == ["events:write"]
    assert (first["name"], first["scopes"]) == ("system", ["referrals:answer", "referrals:read"])
    assert first["expires_at"] is not None
    assert first["last_used_on"] is None
    assert made["token"] not in almoner("token", home, "relief", "--list")
    assert "referrals:read" in almoner("token", home, "relief", "--scope", "everything", code=1)
    assert as_json("token", home, "relief", "--name", "system", "--revoke") == {"ended": 1}


def test_the_receiver_of_the_documentation_receives(home: Path, worker: Workers, tmp_path: Path) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    secret = listens(home, f"http://127.0.0.1:{port}/hook")
    with (tmp_path / "received").open("w") as received:
        environment = os.environ | {"SECRET": secret, "PORT": str(port)}
        receiver = subprocess.Popen(
            [sys.executable, "-c", program], stdout=received, stderr=subprocess.DEVNULL, env=environment
        )
    try:
        until(lambda: answers(port))
        reference = run(home, SEND)
        worker(home)
        until(lambda: (tmp_path / "received").read_text())
        assert (tmp_path / "received").read_text() == f"almoner.referral.sent {reference}\n"
        assert as_json("webhook", "list", home)["given_up"] == []
    finally:
        receiver.terminate()
        receiver.wait()
