"""Let many people use the console at once, over HTTP, and time what each of them waits for.

A browser here is a thread with a connection of its own and the cookie of somebody who has signed in. It opens
a page at random, reads it for some seconds, and opens the next one.
"""

from __future__ import annotations

import random
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from statistics import quantiles
from threading import Thread
from time import monotonic, sleep
from typing import Any

from almoner.errors import AlmonerError
from benchmarks.console.page_times import Page

READING = 2.0, 8.0  # seconds between two pages
PATIENCE = 30.0  # seconds until a request counts as failed, and until the console answers at all
LIMIT = 1.0  # seconds that 95 % of pages may take


@dataclass
class Waited:
    """What the browsers waited for: seconds by page, and what went wrong."""

    seconds: list[tuple[str, float]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        times = sorted(took for _, took in self.seconds)
        if len(times) < 2:
            raise AlmonerError("The browsers opened no two pages. Give them more seconds.")
        cuts = quantiles(times, n=100, method="inclusive")
        return {
            "pages": len(times),
            "errors": len(self.errors),
            "first_errors": self.errors[:5],
            "median_seconds": round(cuts[49], 3),
            "p95_seconds": round(cuts[94], 3),
            "longest_seconds": round(times[-1], 3),
            "share_under_limit": round(sum(t < LIMIT for t in times) / len(times), 4),
            "slowest_pages": [name for name, _ in sorted(self.seconds, key=lambda one: -one[1])[:5]],
        }


@contextmanager
def served(home: Path) -> Iterator[int]:
    """The console of `home` in a process of its own; gives its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    words = [sys.executable, "-m", "almoner", "serve", str(home), "--port", str(port), "--no-worker"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)  # noqa: S603 - our own
    try:
        end = monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if process.poll() is not None or monotonic() > end:
                    raise AlmonerError("The console did not start.") from None
                sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait()


def browse(
    port: int,
    pages: Sequence[Page],
    headers: Mapping[str, Mapping[str, str]],
    browsers: int,
    seconds: float,
    seed: int,
) -> Waited:
    """Let `browsers` people open `pages` for so many seconds. `headers` are those of each user's requests."""
    waited, end = Waited(), monotonic() + seconds
    threads = [
        Thread(target=_one, args=(port, pages, headers, random.Random(seed + n), end, waited))  # noqa: S311
        for n in range(browsers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return waited


def _one(
    port: int,
    pages: Sequence[Page],
    headers: Mapping[str, Mapping[str, str]],
    chance: random.Random,
    end: float,
    waited: Waited,
) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    sleep(chance.uniform(0, READING[1]))
    while monotonic() < end:
        page = chance.choice(pages)
        started = monotonic()
        try:
            connection.request("GET", page.address, headers=dict(headers[page.by]))
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                waited.errors.append(f"{page.name}: {answer.status}")
        except (OSError, HTTPException) as error:
            waited.errors.append(f"{page.name}: {type(error).__name__}")
            connection.close()
        waited.seconds.append((page.name, monotonic() - started))
        sleep(chance.uniform(*READING))
    connection.close()
