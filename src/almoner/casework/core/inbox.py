"""The installation's inbox of events, opened once for each process."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from almoner.casework.conf.installation import home_of_environment
from almoner.errors import HomeError
from almoner.home import Home
from almoner.registry.vault import key_state, open_vault
from almoner.stream.inbox import Inbox
from almoner.stream.opened_inbox import open_inbox


class NoInstallation(HomeError):  # noqa: N818 - a state of the server, no fault of a request
    """This process was started without an installation."""


def home() -> Home:
    """The installation that this process serves. Raises NoInstallation when there is none."""
    found = home_of_environment()
    if found is None:
        raise NoInstallation("This server serves no installation. Start it with: almoner serve HOME")
    return found


def inbox() -> Inbox:
    """The installation's inbox, opened once for each process and key."""
    place = home()
    key = place.vault_key.resolve()
    return _inbox(place.folder.resolve(), key, key_state(key))


@lru_cache(maxsize=4)
def _inbox(folder: Path, key: Path, _state: tuple[int, int]) -> Inbox:
    return open_inbox(folder, open_vault(key))
