"""Kill Almoner's commands, start them again, and compare what is there in the end with an undisturbed run.

Each round has a copy of a small installation of its own. Its command is killed by SIGKILL once to three
times, at random within its usual time or right after one of its commits, and then runs to its end. It uses
what the tests have: the small pack, its events, and the program that counts commits.
"""

from __future__ import annotations

import csv
import http.client
import json
import math
import os
import random
import re
import shutil
import signal
import socket
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from threading import Timer
from time import monotonic, sleep

import command
from almoner.errors import AlmonerError
from benchmarks.kills_places import Place, Stock, View
from benchmarks.kills_view import BY_SLICES, CHAINS
from policy.support_pack import FILES
from stream.burst import FEEDS, PEOPLE, burst
from stream.installation import Workers, almoner, inbox_of, is_done, stop, wait_until_done
from stream.killed import KILLED
from stream.postgres import Server
from stream.test_epochs import without_epoch
from stream.test_killing import send
from stream.test_serving import ask

DAY = "2026-11-09"
EVENTS = 200
MOST_KILLS = 3  # of one round
LONGEST = 180.0  # seconds for a command that is not killed
BATCHES = 4  # requests in which a sender sends its events
os.environ.setdefault("GLIBC_TUNABLES", "")  # a worker that is forked cannot start itself anew


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command to kill: its `words` at a place that is a copy of `base` (None: an empty one).

    `makes`: the file or folder that it makes, which gets its name last. `stays`: it runs until it is stopped.
    """

    name: str
    base: Place | None
    words: Callable[[Place], Sequence[object]]
    makes: str = ""
    stays: bool = False
    token: str = ""  # a sender has events for it

    def is_made(self, place: Place) -> bool:
        return bool(self.makes) and (place.folder / self.makes).exists()


@dataclass(frozen=True)
class Attempt:
    """How a started command ended. `commits` is not known where it was killed."""

    killed: bool
    seconds: float
    commits: int


@dataclass(kw_only=True)
class Tally:
    """Of one command: `kills` hit a live process, `missed` ones came after its end. The others are records of
    the end that an undisturbed installation has more often, that it has less often, and that it has not at
    all."""

    rounds: int = 0
    kills: int = 0
    at_commits: int = 0
    missed: int = 0
    lost: int = 0
    doubled: int = 0
    different: int = 0
    broken_chains: int = 0
    faults: list[str] = field(default_factory=list)

    def compare(self, found: View, calm: View, *, left_out: Sequence[str] = ()) -> None:
        """Count how an installation differs from an undisturbed one."""
        self.broken_chains += found[CHAINS].count("False")
        for kind in (calm.keys() | found.keys()) - {CHAINS, *left_out}:
            has, should = Counter(found.get(kind, [])), Counter(calm.get(kind, []))
            more = has - should
            new = sum(count for row, count in more.items() if row not in should)
            self.lost += (should - has).total()
            self.different += new
            self.doubled += more.total() - new

    def is_whole(self) -> bool:
        return not (self.lost or self.doubled or self.different or self.broken_chains or self.faults)


class Killing:
    """Kills commands on one kind of database, by a seed, `fewest` times in a round or more if it can."""

    def __init__(self, folder: Path, server: Server | None, seed: int, fewest: int = 1) -> None:
        self._fewest = fewest
        self._stock, self._chance = Stock(folder, server), random.Random(seed)  # noqa: S311 - no secret
        self._commands = _commands(self._stock)
        self._chance.shuffle(self._commands)
        self._calm: dict[str, tuple[list[View], Attempt]] = {}
        self.tallies = {each.name: Tally() for each in self._commands}

    def kill(self, wanted: int, seconds: float = math.inf) -> None:
        """Kill `wanted` live processes, or as many as fit into the time, each command in turn."""
        end, n = monotonic() + seconds, 0
        while (left := wanted - sum(t.kills for t in self.tallies.values())) > 0 and monotonic() < end:
            each = self._commands[n % len(self._commands)]
            tally = self.tallies[each.name]
            tally.rounds += 1
            try:
                self._round(each, tally, f"round_{n}", min(left, MOST_KILLS))
            except (AlmonerError, AssertionError) as error:  # an end that is not the undisturbed one
                tally.faults.append(f"round {n}: {error}"[-2000:])
            n += 1

    def _round(self, each: Command, tally: Tally, name: str, most: int) -> None:
        calm, usual = self._undisturbed(each)
        place = self._stock.place(name, each.base)
        for _ in range(self._chance.randint(min(self._fewest, most), most)):
            if each.is_made(place):
                break
            at_commit = self._chance.random() < 0.5
            attempt = self._attempt(
                each,
                place,
                commits=self._chance.randint(1, max(1, usual.commits)) if at_commit else 0,
                seconds=math.inf if at_commit else self._chance.uniform(0, usual.seconds),
            )
            tally.kills += attempt.killed
            tally.at_commits += attempt.killed and at_commit
            tally.missed += not attempt.killed
        if not each.is_made(place):
            self._attempt(each, place)
        views = self._views(each, place)
        left_out = BY_SLICES if each.token else ()
        for found, expected in zip(views, calm, strict=True):
            tally.compare(found, expected, left_out=left_out)
        self._stock.remove(place)

    def _undisturbed(self, each: Command) -> tuple[list[View], Attempt]:
        """What the command leaves when nothing disturbs it, and how long it takes."""
        if each.name not in self._calm:
            place = self._stock.place(f"calm_{each.name}", each.base)
            attempt = self._attempt(each, place)
            self._calm[each.name] = self._views(each, place), attempt
            self._stock.remove(place)
        return self._calm[each.name]

    def _views(self, each: Command, place: Place) -> list[View]:
        """What the installation holds, and what its backup does."""
        if each.makes != "file":
            return [place.view()]
        restored = self._stock.place(f"{place.folder.name}_restored")
        with restored.reached():
            almoner(*_restore(place.folder / "file", restored, place.home / "secrets"))
        views = [place.view(), restored.view()]
        self._stock.remove(restored)
        return views

    def _attempt(
        self, each: Command, place: Place, *, commits: int = 0, seconds: float = math.inf
    ) -> Attempt:
        """Start the command. It is killed after so many commits or seconds, or it ends by itself, or it is
        stopped when it has done all. Raises AlmonerError when it fails."""
        if each.base is None:
            self._stock.empty_database(place)
        port = _free_port()
        words = [*each.words(place), *(["--port", port] if each.token else [])]
        began, whole = monotonic(), self._chance.random() < 0.5
        with place.reached(), TemporaryFile("w+", encoding="utf-8") as out:
            process = command.Process(commits, *words, program=KILLED, stdout=out, stderr=out)
            timer = Timer(min(seconds, LONGEST), _kill, [process.pid, whole])
            timer.start()
            try:
                self._attend(each, place, process, f"http://127.0.0.1:{port}")
                code = process.wait(LONGEST)
            finally:
                timer.cancel()
                process.kill()
            out.seek(0)
            said = out.read()
        took = monotonic() - began
        killed = code == -signal.SIGKILL and took < LONGEST and (commits > 0 or seconds < math.inf)
        if code and not killed:
            raise AlmonerError(f"{each.name} ended with {code} after {took:.0f} s: {said}")
        return Attempt(killed, took, 0 if killed else int(re.findall(r"^commits (\d+)$", said, re.M)[-1]))

    def _attend(self, each: Command, place: Place, process: command.Process, url: str) -> None:
        """Send the events that the command is to receive, and stop it when it has done all."""
        batches = _batches() if each.token else []
        while each.stays and process.poll() is None:
            if batches:
                with suppress(OSError, http.client.HTTPException):  # it is starting, or was killed
                    if ask(f"{url}/api/events", batches[0], each.token)[0] == 202:
                        del batches[0]
            elif is_done(place.home, _Worker(_worker_of(process.pid, place.home))):
                process.terminate()
                return
            sleep(0.05)


@dataclass(frozen=True)
class _Worker:
    pid: int


def _worker_of(process: int, home: Path) -> int:
    """The process id of its worker, which is itself or a child; 0 when the last status is of another one."""
    with suppress(OSError, ValueError):
        worker = int(json.loads((home / "worker.json").read_text())["process"])
        parent = int(Path(f"/proc/{worker}/stat").read_text().rsplit(")", 1)[1].split()[1])
        return worker if process in (worker, parent) else 0
    return 0


def _kill(process: int, whole: bool) -> None:
    """Kill a process; `whole`: and its children first, such as the worker beside a console."""
    children: list[str] = []
    with suppress(OSError):
        for task in Path(f"/proc/{process}/task").iterdir():
            children += (task / "children").read_text().split()
    for each in (*(map(int, children) if whole else ()), process):
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)


def _free_port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _batches() -> list[list[Mapping[str, object]]]:
    """What a sender sends: events of some households in each request."""
    batches: list[list[Mapping[str, object]]] = [[] for _ in range(BATCHES)]
    for event in burst(EVENTS):
        row = json.loads(event.data or "{}")
        if not event.withdrawn:
            batches[PEOPLE.index(row["resident_no"]) * BATCHES // len(PEOPLE)].append(
                {
                    "specversion": "1.0",
                    "id": event.id,
                    "source": event.source,
                    "type": event.feed,
                    "data": row,
                }
            )
    return batches


def _files(folder: Path) -> list[Path]:
    """The same events as a file of each feed."""
    rows: dict[str, list[dict[str, object]]] = {feed: [] for feed in FEEDS}
    for event in burst(EVENTS):
        if not event.withdrawn:
            rows[event.feed].append(json.loads(event.data or "{}"))
    for feed, found in rows.items():
        with (folder / f"{feed}.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, found[0])
            writer.writeheader()
            writer.writerows(found)
    return [folder / f"{feed}.csv" for feed in FEEDS]


def _restore(file: Path, to: Place, keys: Path) -> list[object]:
    return ["restore", file, to.home, "--keys", keys, "--open", "all"]


def _commands(stock: Stock) -> list[Command]:
    """The commands, with the installations that they begin with."""
    for path, text in FILES.items():
        file = stock.folder / "pack" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    files, new = _files(stock.folder), stock.place("new")
    with new.reached():
        almoner("init", new.home, "--pack", stock.folder / "pack")
        inbox_of(new.home).close()
    waiting, taken, served = (stock.place(name, new) for name in ("waiting", "taken", "served"))
    send(waiting.home, burst(EVENTS))
    with taken.reached():
        almoner("intake", taken.home, *files)
    with served.reached():
        token = almoner("token", served.home, "bureau").strip()
    lived = stock.place("lived", waiting)
    with lived.reached():
        worker = Workers()(lived.home)
        wait_until_done(lived.home, worker)
        stop(worker)
        send(lived.home, burst(EVENTS + 40)[EVENTS:])  # these wait
        almoner("backup", lived.home, stock.folder / "kept")
    older = stock.place("older", lived)
    with older.reached():
        shutil.rmtree(older.home)
        without_epoch(lived.home, older.home)
    keys = lived.home / "secrets"
    at_work = ("--as-of", DAY, "--settled-seconds", 0)
    return [
        Command(name="intake", base=new, words=lambda at: ["intake", at.home, *files]),
        Command(name="run", base=taken, words=lambda at: ["run", at.home, "--as-of", DAY]),
        Command(name="serve", base=served, words=lambda at: ["serve", at.home], stays=True, token=token),
        Command(name="worker", base=waiting, words=lambda at: ["work", at.home, *at_work], stays=True),
        Command(name="compact", base=lived, words=lambda at: ["compact", at.home]),
        Command(
            name="backup", base=lived, words=lambda at: ["backup", at.home, at.folder / "file"], makes="file"
        ),
        Command(
            name="restore",
            base=None,
            words=lambda at: _restore(stock.folder / "kept", at, keys),
            makes="home",
        ),
        Command(name="upgrade", base=older, words=lambda at: ["upgrade", at.home]),
        Command(name="rotate", base=lived, words=lambda at: ["rotate", at.home, "--suite", "sm4-sm3"]),
    ]
