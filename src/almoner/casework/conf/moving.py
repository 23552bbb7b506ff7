"""Move a process to another installation, for tests and tools that handle several homes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connections

from almoner.casework.conf.environment import second_factor_of
from almoner.casework.conf.installation import database, secret_key

if TYPE_CHECKING:
    from almoner.home import Home


def move_to(home: Home) -> None:
    """Point the database connection, the vault's key and the secret key at `home`; does nothing when they
    are already there."""
    target = database(home)
    present = connections["default"].settings_dict
    if (
        all(present.get(key) == target[key] for key in ("ENGINE", "NAME"))
        and str(home.vault_key) == settings.VAULT_KEY
    ):
        return
    connections["default"].close()
    del connections["default"]
    connections.settings["default"] = connections.configure_settings({"default": target})["default"]
    settings.VAULT_KEY = str(home.vault_key)
    settings.SECRET_KEY = secret_key(home)
    settings.DEMO = home.settings.demo
    settings.SECOND_FACTOR = second_factor_of(home)
