"""After landed and bad files, batches, notes and uploads, no byte that was written shows a person."""

from __future__ import annotations

import csv
import datetime as dt
import json
import os
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from almoner.engines import open_engine
from casework.uploads import paper, photo
from command import Process
from county import number
from once import copied
from stream.desk_browser import Browser, answers
from stream.installation import almoner, until

PASSWORD = "a long fictional password"
WHO, OTHER = number(1, dt.date(1984, 6, 1)), number(2, dt.date(1950, 1, 2))
WRONG = WHO[:17] + ("0" if WHO[17] != "0" else "1")
NAME, PHONE, ADDRESS = "Mei Fictional-Orange", "13800001234", "8 Willow Lane, Pine Village"
WORDS = "My mother cannot be left alone any more."
SECRETS = (WHO, OTHER, WRONG, NAME, PHONE, ADDRESS, WORDS, PASSWORD)
OWNER_OF_REGISTER = "public_security"
MEBIBYTE = 1024 * 1024


def row(who: str) -> dict[str, str]:
    return {
        "resident_no": who,
        "name": NAME,
        "sex": "female",
        "birth_date": f"{who[6:10]}-{who[10:12]}-{who[12:14]}",
        "household_no": "H1",
        "relation": "head",
        "registration": "rural",
        "area_code": "710000001001",
        "status": "resident",
        "updated_on": "2025-01-01",
        "address": ADDRESS,
        "phone": PHONE,
    }


@dataclass
class Served:
    """An installation that is served, with all folders that its processes write to."""

    home: Path
    folder: Path
    url: str
    process: Process
    browser: Browser

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=60)


@pytest.fixture
def served(base_home: Path, tmp_path: Path) -> Iterator[Served]:
    folder = tmp_path / "all"
    (folder / "temporary").mkdir(parents=True)
    home = copied(base_home, folder / "home")
    user = [sys.executable, "-m", "almoner", "user", str(home), "wang", "--role", "worker", "--areas", "71"]
    subprocess.run(user, input=f"{PASSWORD}\n", text=True, check=True, capture_output=True, timeout=120)
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = os.environ | {"ALMONER_SECOND_FACTOR": "none", "TMPDIR": str(folder / "temporary")}
    with (folder / "log").open("w") as log:
        process = Process("serve", home, "--port", port, stdout=log, stderr=log, env=env)
    url = f"http://127.0.0.1:{port}"
    made = Served(home, folder, url, process, Browser(url))
    try:
        until(lambda: answers(port), 120)
        yield made
    finally:
        made.end()


def land(served: Served) -> None:
    """A good file with a wrong row and a number in its name, one that is none, and one of no feed."""
    folder = served.home / "landing" / OWNER_OF_REGISTER
    until(folder.exists, 120)
    for name, whose in ((f"population_register {WHO}.csv", (WHO, WRONG)), (f"{PHONE}.csv", (WHO,))):
        with (folder / f"{name}.part").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(row(WHO)))
            writer.writeheader()
            writer.writerows(row(who) for who in whose)
        (folder / f"{name}.part").rename(folder / name)
        (folder / f"{name}.done").touch()
    bad = folder / f"population_register {OTHER}.xlsx"
    bad.write_text(f"{NAME},{WHO},{PHONE},{ADDRESS}\n" * 100, encoding="utf-8")
    (folder / f"{bad.name}.done").touch()


def send(served: Served) -> None:
    """Batches of 2 MB: one with a remark that no contract knows, one that is refused, one of a stranger."""
    token = almoner("token", served.home, OWNER_OF_REGISTER).strip()
    remark = f"{NAME} {PHONE} {ADDRESS} {WORDS} " * 400
    events = [
        {
            "specversion": "1.0",
            "id": f"{OTHER}-{n}",
            "source": f"/register/{WHO}",
            "type": "population_register",
            "data": row(OTHER) | {"remark": remark, "updated_on": f"2025-02-{n % 28 + 1:02d}"},
        }
        for n in range(2 * MEBIBYTE // len(remark) + 1)
    ]
    kind = "application/cloudevents-batch+json"
    for sent, key, expected in ((events, token, 202), ([*events, {}], token, 422), (events, "no", 413)):
        body = json.dumps(sent).encode()
        assert len(body) > 2 * MEBIBYTE
        headers = {"Authorization": f"Bearer {key}", "Content-Type": kind}
        asked = urllib.request.Request(f"{served.url}/api/events", body, headers)  # noqa: S310
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310
                status = answer.status
        except urllib.error.HTTPError as error:
            status = error.code
        except OSError:  # a stranger is cut off while sending
            status = 413
        assert status == expected


def work(served: Served) -> str:
    """A request at the desk opens a case, which gets notes and files; gives the case's address."""
    browser = served.browser
    browser.send("/sign-in/", username="wang", password=PASSWORD)
    until(lambda: "Housing" in browser.get("/requests/new/"), 120, every=0.3)
    until(lambda: not list((served.home / "landing" / OWNER_OF_REGISTER).glob("*.csv")), 120)
    asked = {"number": WHO, "text": WORDS, "name": NAME}
    receipt, _page = browser.send("/requests/new/", matter="income", **asked)
    until(lambda: "/cases/" in browser.get(receipt), 120, every=0.3)
    found = re.search(r"/cases/[a-z0-9]+/", browser.get(receipt))
    assert found is not None
    case = found[0]
    assert NAME in browser.get(case)
    version = re.search(r'name="version" value="(\d+)"', browser.get(case))
    assert version is not None
    browser.send_from(case, f"{case}take/", version=version[1])
    drawn = f"4 0 obj<</Length {len(NAME)}>>stream\n{NAME}\nendstream endobj\n".encode()
    files = {
        f"{NAME}.pdf": (paper(drawn, page=b"/Contents 4 0 R"), 200),
        f"{WHO}.jpg": (photo(1_500, 1_500) + f"{NAME} {PHONE}".encode() * 50_000, 200),
        f"{OTHER}.pdf": (f"%PDF-1.7 {NAME} {WHO} ".encode() * 40_000, 409),
    }
    for name, (data, expected) in files.items():
        status, page = browser.upload(case, f"{case}files/", name, data, about="visit")
        assert status == expected, page
    for note, expected in ((f"Spoke with {WHO}.", 409), ("Spoke with the mother.", 200)):
        version = re.search(r'name="version" value="(\d+)"', browser.get(case))
        assert version is not None
        status, _page = browser.send_from(case, f"{case}note/", version=version[1], note=note)
        assert status == expected
    return case


def test_no_name_number_phone_or_address_is_in_clear_in_any_byte(served: Served) -> None:
    until(lambda: (served.home / "worker.json").exists(), 120)
    limits = Path(f"/proc/{served.process.pid}/limits").read_text(encoding="ascii")
    assert re.search(r"Max core file size +[01] +[01] ", limits)
    land(served)
    send(served)
    work(served)
    until(lambda: _is_done(served.home), 120)
    assert _showing(served.folder) == []  # while all processes run
    served.end()
    assert _showing(served.folder) == []
    assert _shown_in_facts(served.home) == []
    assert (served.home / "casework.sqlite3").stat().st_size > MEBIBYTE  # something was written


def _is_done(home: Path) -> bool:
    status = json.loads((home / "worker.json").read_text())
    return bool(status.get("idle")) and status.get("to_assess") == 0


def _is_refused(file: Path) -> bool:
    """What was refused lies there as it came, until somebody has looked at it."""
    return file.parent.name == "refused" and not file.name.endswith(".reason.txt")


def _showing(folder: Path) -> list[tuple[str, str]]:
    """Files, with names of files, in which a secret stands in clear, and its beginning."""
    found = []
    for file in folder.rglob("*"):
        try:
            data = file.read_bytes() if file.is_file() and not _is_refused(file) else b""
        except FileNotFoundError:  # it was deleted meanwhile
            continue
        data += os.fsencode(str(file.relative_to(folder)))
        name, codings = str(file.relative_to(folder)), ("utf-8", "utf-16-le")
        found += [(name, s[:4]) for s in SECRETS if any(s.encode(coding) in data for coding in codings)]
    return found


def _shown_in_facts(home: Path) -> list[tuple[str, str]]:
    """Tables of the facts, which may be compressed, with a secret in any column."""
    with open_engine(home / "facts.duckdb") as engine:
        tables = engine.rows("SELECT table_schema, table_name FROM information_schema.tables")
        assert len(tables) > 10
        return [
            (f"{schema}.{name}", secret[:4])
            for schema, name in tables
            for secret in SECRETS
            if engine.rows(
                f'SELECT 1 FROM "{schema}"."{name}" t WHERE contains(t::VARCHAR, $secret) LIMIT 1',
                {"secret": secret},
            )
        ]
