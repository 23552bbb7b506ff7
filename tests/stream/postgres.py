"""A PostgreSQL of a test's own, which can be stopped and started again."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg


@dataclass
class Server:
    """Its data lie in `folder`, which the server's user must be able to reach: it does not run as root."""

    folder: Path

    def __post_init__(self) -> None:
        found = (
            shutil.which("initdb") or sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")))[-1]
        )
        self._programs, self.port = Path(found).parent, _free_port()
        self.url = f"postgresql://almoner@127.0.0.1:{self.port}/almoner"
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres")
        self._run("initdb", "-U", "almoner", "-A", "trust", "-E", "UTF8", "--no-sync")
        self.start()
        with psycopg.connect(self.url.removesuffix("almoner") + "postgres", autocommit=True) as database:
            database.execute("CREATE DATABASE almoner")

    def start(self) -> None:
        self._run("pg_ctl", *self._options(), "start")

    def restart(self, mode: str) -> None:
        """Stop, breaking off what is under way, and start again at once. `mode`: of `pg_ctl`."""
        self._run("pg_ctl", "-m", mode, *self._options(), "restart")

    def _options(self) -> list[str]:
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self.folder} -c fsync=off"
        return ["-l", str(self.folder / "log"), "-w", "-o", options]

    def stop(self) -> None:
        self._run("pg_ctl", "-m", "immediate", "-w", "stop")

    def _run(self, program: str, *words: str) -> None:
        as_owner = (
            ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups"]
            if os.getuid() == 0
            else []
        )
        command = [*as_owner, str(self._programs / program), "-D", str(self.folder / "data"), *words]
        subprocess.run(
            command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder
        )


def _free_port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
