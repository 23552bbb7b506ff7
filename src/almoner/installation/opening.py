"""Makes, opens and upgrades an installation: settings, compiled pack, engine and vault."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from almoner import casework, home
from almoner.assessment import ledger
from almoner.engines import Engine, open_engine
from almoner.errors import HomeError
from almoner.home import Home
from almoner.installation.epochs import Parts, open_facts
from almoner.policy import compile_pack, find_pack
from almoner.policy.model.feeds import Feed
from almoner.policy.model.pack import Pack
from almoner.registry import dirty
from almoner.registry.deliveries import Noted
from almoner.registry.schema import ensure
from almoner.registry.suites import DEFAULT
from almoner.registry.vault import Vault, create_key, open_vault
from almoner.stream import state
from almoner.stream.lock import sole_worker


@dataclass
class Installation:
    """An open installation: settings, compiled pack, engine, vault, and what holds its databases together."""

    home: Home
    pack: Pack
    engine: Engine
    vault: Vault
    parts: Parts

    def noting(self, feed: Feed) -> Noted:
        """What marks the households of a delivery of the feed as dirty, for a worker or the next sweep."""
        return dirty.noting(self.engine, feed, self.pack.membership_feed)


def pack_folder(place: Home) -> Path:
    """The folder of the installation's pack: its own, or one that comes with Almoner."""
    own = place.folder / place.settings.pack
    return own if own.is_dir() else find_pack(place.settings.pack)


def make_home(folder: Path, pack: str, language: str, demo: bool = False, suite: str = DEFAULT) -> Home:
    """Make an installation with its key, databases, departments and calendar.

    When that fails, no folder is left behind. Raises PackError, HomeError or VaultError.
    """
    compiled = compile_pack(pack)
    named = str(Path(pack).resolve()) if Path(pack).is_dir() else pack
    with _undone_on_failure(folder):
        made = home.create(folder, named, language, demo)
        create_key(made.vault_key, suite)
        casework.setup(made)
        casework.migrate()
        if casework.epoch() is not None:
            raise HomeError(
                "The database that ALMONER_DATABASE_URL names holds an installation already. Name an"
                " empty one."
            )
        casework.sync_departments(compiled)
        casework.sync_calendar(compiled)
        with open_engine(made.facts, memory_limit=made.settings.memory_limit) as engine:
            _ensure(engine, compiled)
            Parts(home=made, vault=open_vault(made.vault_key), engine=engine).begin()
    return made


def _ensure(engine: Engine, pack: Pack) -> None:
    """Create the tables and columns of the facts that are missing."""
    ensure(engine, pack.feeds)
    ledger.create(engine)
    state.ensure(engine)


@contextmanager
def _undone_on_failure(folder: Path) -> Iterator[None]:
    """Delete the folder when the block fails, unless it existed before."""
    was_there = folder.exists()
    try:
        yield
    except BaseException:
        if not was_there:
            shutil.rmtree(folder, ignore_errors=True)
        raise


@contextmanager
def installation(
    folder: Path,
    *,
    as_of: dt.date | None = None,
    pack: Pack | None = None,
    discard_unfinished: bool = False,
) -> Iterator[Installation]:
    """Open an installation; one process at a time may. `pack`: use it in place of the installation's own.

    Raises HomeError when its databases do not fit together (`epochs.Parts.fit`).
    """
    place = home.load(folder)
    vault = open_vault(place.vault_key)
    compiled = pack or compile_pack(pack_folder(place), as_of=as_of)
    casework.setup(place)
    casework.refuse_other_version(place)
    with open_facts(place) as engine:
        _ensure(engine, compiled)
        parts = Parts(home=place, vault=vault, engine=engine)
        parts.fit(discard_unfinished=discard_unfinished)
        yield Installation(place, compiled, engine, vault, parts)
        with _while_it_answers():
            parts.learn()


@contextmanager
def _while_it_answers() -> Iterator[None]:
    """What casework's database cannot take now, the next opening gives it."""
    from django.db import Error

    with suppress(Error):
        yield


def upgrade(folder: Path, *, discard_unfinished: bool = False) -> list[str]:
    """Bring the tables of an older version up to this one. Gives the steps taken.

    `discard_unfinished`: see `epochs.Parts.fit`.
    """
    place = home.load(folder)
    with sole_worker(folder):
        casework.setup(place)
        steps = casework.migrate()
    with installation(folder, discard_unfinished=discard_unfinished) as inst:
        casework.sync_departments(inst.pack)
        casework.sync_calendar(inst.pack)
    return steps
