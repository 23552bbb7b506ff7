"""Opens the inbox of an installation, which must be there."""

from __future__ import annotations

from pathlib import Path

from almoner.registry.vault import Vault
from almoner.stream.inbox import FILE, Inbox, InboxAway


def open_inbox(folder: Path, vault: Vault) -> Inbox:
    """The inbox of an installation.

    Raises InboxAway where there is none. A new one would count from 1, and its events would pass for taken:
    so only `init`, `upgrade` and `restore` make one.
    """
    if not (folder / FILE).exists():
        raise InboxAway(
            f"{folder / FILE} is missing. Put it back, or restore the installation from a backup. If an older"
            f" Almoner made {folder}, run: almoner upgrade {folder}"
        )
    return Inbox(folder, vault)
