"""An installation of a test's own: on SQLite, or on a new database of the server that the tests run on."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import command

SERVER = os.environ.get("ALMONER_TEST_DATABASE_URL")


@dataclass
class Installed:
    home: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(
        self,
        *words: object,
        code: int = 0,
        program: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """Run a command, or a program in its place. Gives what it printed, without line breaks of errors."""
        outside = {k: v for k, v in os.environ.items() if not k.startswith(("ALMONER_", "DJANGO_"))}
        done = command.run(*words, env=outside | self.environment | dict(environment or {}), program=program)
        assert done.returncode == code, done.stderr + done.stdout
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr


@contextmanager
def empty_database(name: str) -> Iterator[str | None]:
    """The address of a new, empty database; None where the tests run on SQLite."""
    if SERVER is None:
        yield None
        return
    import psycopg

    base = urlsplit(SERVER)
    with psycopg.connect(base._replace(path="/postgres").geturl(), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            yield base._replace(path=f"/{name}").geturl()
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def new_installation(folder: Path, name: str) -> Iterator[Installed]:
    """An installation on the base pack in `folder`, with a database called `name` on PostgreSQL."""
    with empty_database(name) as database:
        made = Installed(folder / "home", {"ALMONER_DATABASE_URL": database} if database else {})
        made.run("init", made.home)
        yield made
