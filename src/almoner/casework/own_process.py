"""Run a worker's updates of casework in a process of its own.

Updating cases is mostly Python code, so a thread would share one interpreter with the intake of events. The
process ends when its parent ends, even if that is killed, because the pipe between them closes.
"""

from __future__ import annotations

import gc
import os
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
from almoner.parent import end_with

T = TypeVar("T")

END_SECONDS = 60.0  # for the process to finish its current call


class ProcessEnded(AlmonerError):  # noqa: N818 - a state, no fault of ours
    """The other process does not answer: it was killed, or did not start."""


class OwnProcess:
    """Starts the process and calls functions in it, one at a time. `process` is its process id."""

    def __init__(self, folder: Path) -> None:
        here, there = Pipe()
        with there:
            words = [sys.executable, "-m", __name__, str(folder), str(there.fileno()), str(os.getpid())]
            self._process = Popen(words, stdin=DEVNULL, pass_fds=[there.fileno()])  # noqa: S603 - our own
        self._connection = here
        self.process = self._process.pid

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run `function`, which must be importable by name, in the process and return its result.

        Raises what the function raises, and ProcessEnded when the process does not answer.
        """
        try:
            self._connection.send((function, arguments))
            is_result, answer = self._connection.recv()
        except (EOFError, OSError) as error:
            raise ProcessEnded("The process that brings cases up to date has ended.") from error
        if not is_result:
            raise answer
        return answer  # type: ignore[no-any-return]

    def close(self) -> None:
        """Let the process finish its current call and end; kill it after `END_SECONDS`."""
        self._connection.close()
        try:
            self._process.wait(END_SECONDS)
        except TimeoutExpired:
            self._process.kill()
            self._process.wait()


def main(folder: str, number: str, parent: str) -> None:
    """The process itself: runs the calls that come through the pipe until the pipe is closed."""
    # A terminal or service manager signals both processes; this one ends when its parent closes the pipe.
    for number_of_signal in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number_of_signal, signal.SIG_IGN)
    end_with(int(parent), lambda: None)  # also in the middle of a call that does not come to an end
    from almoner import casework, home

    casework.setup(home.load(Path(folder)))
    gc.freeze()
    with Connection(int(number)) as connection:
        while True:
            try:
                function, arguments = connection.recv()
                connection.send(_called(function, arguments))
            except (EOFError, OSError):  # the parent has ended
                return


def is_of_driver(error: BaseException) -> bool:
    """Whether a database's driver raised the error by itself: Django does not wrap all of them."""
    return type(error).__module__.partition(".")[0] in ("psycopg", "sqlite3")


def _called(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[bool, Any]:
    from django.db import Error, OperationalError, connections

    try:
        return True, function(*arguments)
    except Exception as error:  # noqa: BLE001 - it is raised on the other side
        connections.close_all()  # whatever it was: the next call begins with connections of its own
        if isinstance(error, Error):
            return False, type(error)(*map(str, error.args))
        if is_of_driver(error):
            return False, OperationalError(type(error).__name__)
        error.add_note("".join(traceback.format_tb(error.__traceback__)))  # source lines only, no values
        return False, error


if __name__ == "__main__":
    main(*sys.argv[1:])
