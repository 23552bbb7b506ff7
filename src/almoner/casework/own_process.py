"""A process that works on casework's database for another one, which goes on meanwhile.

Bringing cases up to date is Python for the most part, so a thread would not do: it would share one
interpreter with the taking in of events. The process ends with whoever started it, also when that one is
killed: the pipe between them closes.
"""

from __future__ import annotations

import gc
import signal
import sys
import traceback
from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from subprocess import DEVNULL, Popen, TimeoutExpired
from typing import Any, TypeVar

from almoner.errors import AlmonerError

T = TypeVar("T")

END_SECONDS = 60.0  # that it has for what it is at


class ProcessEnded(AlmonerError):  # noqa: N818 - a state, no fault of ours
    """Nobody answers on the other side: it was killed, or did not start."""


class OwnProcess:
    """Starts the process, and calls functions in it, one at a time. `process` is its number."""

    def __init__(self, folder: Path) -> None:
        here, there = Pipe()
        with there:
            words = [sys.executable, "-m", __name__, str(folder), str(there.fileno())]
            self._process = Popen(words, stdin=DEVNULL, pass_fds=[there.fileno()])  # noqa: S603 - our own
        self._connection = here
        self.process = self._process.pid

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """What `function` (of a module, by its name) gives there. Raises what it raises, and ProcessEnded."""
        try:
            self._connection.send((function, arguments))
            is_result, answer = self._connection.recv()
        except (EOFError, OSError) as error:
            raise ProcessEnded("The process that brings cases up to date has ended.") from error
        if not is_result:
            raise answer
        return answer  # type: ignore[no-any-return]

    def close(self) -> None:
        """It finishes what it is at."""
        self._connection.close()
        try:
            self._process.wait(END_SECONDS)
        except TimeoutExpired:
            self._process.kill()
            self._process.wait()


def main(folder: str, number: str) -> None:
    """The other side: does what comes through the pipe until it is closed."""
    for number_of_signal in (
        signal.SIGINT,
        signal.SIGTERM,
    ):  # a terminal and a service manager tell both; who started this one closes the pipe
        signal.signal(number_of_signal, signal.SIG_IGN)
    from almoner import casework, home

    casework.setup(home.load(Path(folder)))
    gc.freeze()
    with Connection(int(number)) as connection:
        while True:
            try:
                function, arguments = connection.recv()
                connection.send(_called(function, arguments))
            except (EOFError, OSError):  # the other side is gone
                return


def _called(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[bool, Any]:
    from django.db import Error, connections

    try:
        return True, function(*arguments)
    except Error as error:
        connections.close_all()
        return False, type(error)(*map(str, error.args))
    except Exception as error:  # noqa: BLE001 - it is raised on the other side
        error.add_note("".join(traceback.format_tb(error.__traceback__)))  # places in our code, no values
        return False, error


if __name__ == "__main__":
    main(*sys.argv[1:])
