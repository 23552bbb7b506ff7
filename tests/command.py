"""The command `almoner` in a process of its own, without the seconds that Python takes to load what it
imports.

A process that has loaded it and the compiled base pack, and done nothing else, is forked for each command:
what the command does, and how it ends, is its own. cli/test_story.py starts `python -m almoner` itself.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.reduction import DupFd
from pathlib import Path
from subprocess import TimeoutExpired
from typing import IO, Any

import pytest
from django.conf import settings
from django.db import connections

from almoner.cli import COMMANDS

LOADED = [
    *(f"almoner.cli.{module}" for module in sorted(set(COMMANDS.values()))),
    "almoner.cli.comparing",
    "almoner.trials.scenarios",
    "almoner.policy.compiler",
    "compiled_base",
    "altair",
    "openpyxl",
    "pandas",
    "pyarrow.compute",
    "cryptography.fernet",
    "django.contrib.auth.hashers",
    "django.contrib.staticfiles.finders",
    "django.core.management.commands.migrate",
    "django.db.backends.sqlite3.base",
    "django.forms",
    "django.shortcuts",
    "django.template.loader",
    "PIL.Image",
    "requests",
    "vl_convert",
]

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(LOADED)


def _start_server() -> None:
    """Start the process that is forked, unless it runs. It finds modules of the tests by its environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
        forkserver.ensure_running()


class Process:
    """A command that runs; to be used as a `subprocess.Popen`."""

    def __init__(
        self,
        *words: object,
        stdout: IO[Any] | None = None,
        stderr: IO[Any] | None = None,
        env: Mapping[str, str] | None = None,
        program: str | None = None,
        limits: Callable[[], object] | None = None,
    ) -> None:
        files = {number: file.fileno() for number, file in ((1, stdout), (2, stderr)) if file}
        argv = ["almoner", *map(str, words)]
        _start_server()
        self._process = _context.Process(
            target=_run,
            args=(argv, dict(os.environ if env is None else env), _Files(files), program, limits),
            daemon=True,
        )
        self._process.start()
        self.pid = self._process.pid or 0

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self.returncode is None:
            raise TimeoutExpired("almoner", timeout or 0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def run(
    *words: object, env: Mapping[str, str] | None = None, program: str | None = None, timeout: float = 300
) -> Done:
    """Run `almoner` with these words, or `program` in its place, to its end."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = Process(*words, stdout=out, stderr=err, env=env, program=program)
        try:
            code = process.wait(timeout)
        finally:
            process.kill()
        return Done(code, *(_text(file) for file in (out, err)))


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


class _Files:
    """What the process has as standard output and standard error."""

    def __init__(self, files: Mapping[int, int]) -> None:
        self._files = files

    def __getstate__(self) -> dict[int, Any]:
        return {number: DupFd(file) for number, file in self._files.items()}

    def __setstate__(self, given: dict[int, Any]) -> None:
        for number, file in given.items():
            os.dup2(file.detach(), number)


def _run(
    words: list[str],
    environment: dict[str, str],
    files: _Files,
    program: str | None,
    limits: Callable[[], object] | None,
) -> None:
    del files
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = words
    if limits:
        limits()
    try:
        if program is None:
            from almoner.cli import main

            main()
        else:
            exec(program, {"__name__": "__main__"})  # noqa: S102
    finally:  # as happens where Python ends, which a forked process leaves undone
        if settings.configured:
            connections.close_all()


def read_only(folder: str) -> None:
    """The folder can only be read, by this process and its children: in a mount namespace of its own."""
    libc, recursive, bind, again, only_read = ctypes.CDLL(None, use_errno=True), 0x44000, 0x1000, 0x20, 1
    as_user = 0 if os.getuid() == 0 else 0x10000000
    assert libc.unshare(0x20000 | as_user) == 0, os.strerror(ctypes.get_errno())
    place = folder.encode()
    assert libc.mount(b"none", b"/", None, recursive, None) == 0
    assert libc.mount(place, place, None, bind, None) == 0
    assert libc.mount(b"none", place, None, bind | again | only_read, None) == 0
