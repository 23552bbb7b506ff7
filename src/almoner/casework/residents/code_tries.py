"""Limits on guessing a notice's code or a number: by notice and by network.

A try is counted before anything is compared, and taken back when it was right. So tries that come at the same
time cannot be more than the limit.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from almoner.casework.core.vault_rows import opened_vault
from almoner.casework.models import Notice, WrongTry

TRIES_A_NOTICE, LOCKED = 5, dt.timedelta(hours=1)
TRIES_A_NETWORK, REMEMBERED = 20, dt.timedelta(hours=1)


@dataclass
class CodeTry:
    """A try that was counted. `allowed` says whether it was within the limits; nothing may be revealed if
    not."""

    allowed: bool
    right: bool = field(default=False, init=False)

    def was_right(self) -> None:
        """The try does not count as a wrong one."""
        self.right = True


def keyed(text: str) -> bytes:
    """A hash under the vault's key, for a code or a network that must not be stored in clear."""
    return opened_vault(str(settings.VAULT_KEY)).index(f"notice:{text}")


@contextmanager
def code_try(network: str, which: Q) -> Iterator[CodeTry]:
    """Count a try from a network at the standing notice that `which` selects. There need not be one.

    The same statements run whatever is found.
    """
    now = dt.datetime.now()
    origin, standing = keyed(f"address:{network}"), Notice.objects.filter(which, ended_at=None)
    WrongTry.objects.filter(at__lte=now - REMEMBERED).delete()
    with transaction.atomic():
        tried = WrongTry.objects.create(origin=origin, at=now)
        open_ones = standing.filter(Q(locked_until=None) | Q(locked_until__lte=now))
        counted = open_ones.update(wrong=F("wrong") + 1)
        full = standing.filter(wrong__gte=TRIES_A_NOTICE)
        locked = full.update(wrong=0, locked_until=now + LOCKED)
    recent = WrongTry.objects.filter(origin=origin, at__gt=now - REMEMBERED).count()  # this one is among them
    found = CodeTry(allowed=bool(counted) and recent <= TRIES_A_NETWORK)
    try:
        yield found
    finally:
        if found.right or recent > TRIES_A_NETWORK:  # who is refused anyway does not stay refused by asking
            tried.delete()
        if found.right and locked:
            standing.update(wrong=TRIES_A_NOTICE - 1, locked_until=None)
        elif found.right:
            standing.filter(wrong__gt=0).update(wrong=F("wrong") - 1)
