"""A real installation on the base pack with an empty county in it, for tests that run the command."""

from __future__ import annotations

import datetime as dt
import json
import signal
import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import command
from almoner.home import load
from almoner.registry.vault import open_vault
from almoner.stream.events import Event
from almoner.stream.inbox import Inbox
from command import Process
from county import AS_OF, DAILY, THROUGH, Book

AT = dt.datetime(2026, 11, 9, 8)


def almoner(*words: object, code: int = 0) -> str:
    done = command.run(*words, timeout=120)
    assert done.returncode == code, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stdout + done.stderr


def made(folder: Path) -> Path:
    almoner("init", folder, "--pack", "base")
    return folder


def inbox_of(folder: Path) -> Inbox:
    return Inbox(folder, open_vault(load(folder).vault_key))


@dataclass
class Workers:
    """Starts workers, and ends them with the test."""

    started: list[Process] = field(default_factory=list)

    def __call__(self, folder: Path, limits: Any = None, topics: tuple[str, str] | None = None) -> Process:
        """`topics` are the brokers of a Kafka cluster and what its topics' names begin with."""
        words = ("--kafka", topics[0], "--kafka-prefix", topics[1]) if topics else ()
        with log_of(folder).open("a", encoding="utf-8") as log:  # a pipe that nobody reads would fill up
            process = Process(
                "work", folder, "--as-of", AS_OF, "--settled-seconds", 0, *words, stderr=log, limits=limits
            )
        self.started.append(process)
        return process

    def end(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.wait()


def log_of(folder: Path) -> Path:
    return folder.parent / f"{folder.name}.log"


def log_lines(folder: Path) -> list[dict[str, Any]]:
    """All lines of the log that workers of this installation wrote."""
    lines = log_of(folder).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def stop(process: Process, number: int = signal.SIGTERM) -> int:
    process.send_signal(number)
    return process.wait(timeout=120)


def is_done(folder: Path, process: Process) -> bool:
    """Whether the inbox is empty, no household is dirty, and this worker was idle since."""
    with sqlite3.connect(folder / "inbox.sqlite3", timeout=30) as database:
        waits = database.execute("SELECT 1 FROM waiting LIMIT 1").fetchone()
    database.close()
    status = _status_of(folder)
    return (
        waits is None
        and status.get("process") == process.pid
        and status.get("to_assess") == 0
        and status["idle"]
    )


def until(holds: Callable[[], object], seconds: float = 60, every: float = 0.05) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(every)


def wait_until_at_work(folder: Path, process: Process, seconds: float = 120) -> None:
    """Until this worker has seen that something waits."""
    end = time.monotonic() + seconds
    while _status_of(folder).get("process") != process.pid:
        assert process.poll() is None, log_of(folder).read_text(encoding="utf-8")
        assert time.monotonic() < end, "the worker did not begin"
        time.sleep(0.01)


def _status_of(folder: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((folder / "worker.json").read_text())
    except FileNotFoundError:
        return {}
    return found


def wait_until_done(folder: Path, process: Process, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not is_done(folder, process):
        assert process.poll() is None, log_of(folder).read_text(encoding="utf-8")
        assert time.monotonic() < end, "the worker did not come to an end"
        time.sleep(0.05)


def events_of(book: Book, parts: Iterable[int] = (0, 1, 2)) -> list[Event]:
    """A book's records as events, in the order of its parts. The last of each feed and part has the
    watermark."""
    found: list[Event] = []
    for part in parts:
        for (feed, of), rows in sorted(book.rows.items()):
            if of != part:
                continue
            through = (
                DAILY.get(feed, THROUGH[part])
                if part or feed == "elderly_contacts"
                else min(THROUGH[0], DAILY.get(feed, THROUGH[0]))
            )
            for n, row in enumerate(rows):
                last = through if n == len(rows) - 1 else None
                found.append(
                    Event(
                        source="county",
                        id=f"{part}-{feed}-{n}",
                        feed=feed,
                        data=json.dumps(row, ensure_ascii=False),
                        withdrawn=False,
                        complete_through=last,
                    )
                )
    return found
