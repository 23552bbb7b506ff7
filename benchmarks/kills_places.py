"""Places for `python -m benchmarks kills`: installations to copy, each with a database of its own."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from psycopg import sql

import command
from almoner.errors import AlmonerError
from benchmarks.kills_view import PROGRAM
from once import copied
from stream.postgres import Server

View = dict[str, list[str]]


@dataclass(frozen=True)
class Place:
    """A folder with an installation in `home`, and the URL of its database where that is PostgreSQL."""

    folder: Path
    url: str | None

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @contextmanager
    def reached(self) -> Iterator[None]:
        """Commands that are started within the block use its database."""
        before = os.environ.pop("ALMONER_DATABASE_URL", None)
        if self.url:
            os.environ["ALMONER_DATABASE_URL"] = self.url
        try:
            yield
        finally:
            os.environ.pop("ALMONER_DATABASE_URL", None)
            if before:
                os.environ["ALMONER_DATABASE_URL"] = before

    def view(self) -> View:
        """What the installation holds, read in a process of its own."""
        with self.reached():
            done = command.run(self.home, program=PROGRAM)
        if done.returncode:
            raise AlmonerError(f"The installation cannot be read: {done.stderr}")
        found: View = json.loads(done.stdout)
        return found


@dataclass
class Stock:
    """Makes places. On PostgreSQL the database of a copy has the first one's as its template."""

    folder: Path
    server: Server | None

    def place(self, name: str, of: Place | None = None) -> Place:
        made = Place(self.folder / name, self._url(name))
        made.folder.mkdir()
        self._make(name, of)
        if of:
            copied(of.home, made.home)
        return made

    def empty_database(self, place: Place) -> None:
        """Make its database anew, as a person does whose restore was killed."""
        self._drop(place)
        self._make(place.folder.name)

    def remove(self, place: Place) -> None:
        shutil.rmtree(place.folder)
        self._drop(place)

    def _url(self, name: str) -> str | None:
        return self.server and f"{self.server.url.removesuffix('almoner')}{name}"

    def _make(self, name: str, of: Place | None = None) -> None:
        template = of.folder.name if of else "template0"
        self._do(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*map(sql.Identifier, (name, template))))

    def _drop(self, place: Place) -> None:
        name = sql.Identifier(place.folder.name)
        self._do(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))

    def _do(self, statement: sql.Composed) -> None:
        if self.server:
            with psycopg.connect(self.server.url, autocommit=True) as database:
                database.execute(statement)


@contextmanager
def casework_in(database: str) -> Iterator[Server | None]:
    """A PostgreSQL of one's own while the block lasts; None for SQLite."""
    if database == "sqlite":
        yield None
        return
    with TemporaryDirectory() as data:
        server = Server(Path(data))
        try:
            yield server
        finally:
            server.stop()
