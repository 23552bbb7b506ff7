"""Limits on guessing passwords. A try is counted before the password is hashed, and given back when it was
right: tries that come at the same time count, and none of those beyond a limit costs a hash.

django-axes counts wrong passwords as well, in the database, so a restart does not forget them.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from almoner.casework.core.rates import Limit

QUARTER_HOUR = 15 * 60  # seconds
LONGEST_NAME = 150  # characters of a user name that exist
BY_BOTH = Limit(most=5, seconds=QUARTER_HOUR)  # of one name from one network
BY_NAME = Limit(most=50, seconds=QUARTER_HOUR)  # of one name from anywhere
BY_NETWORK = Limit(most=100, seconds=QUARTER_HOUR)  # of any names from one network


@dataclass(frozen=True)
class PasswordTry:
    """One try to give the password of a name, from a network."""

    name: str
    network: str

    def wait(self) -> int:
        """Count the try; returns the seconds to wait, 0 when the password may be looked at."""
        counted: list[tuple[Limit, object]] = []
        for limit, asker in self._limits():
            seconds = limit.wait(asker)
            if seconds:
                for before, same in counted:
                    before.give_back(same)
                return seconds
            counted.append((limit, asker))
        return 0

    def was_right(self) -> None:
        """Take the try back, and forget the wrong ones of this name from this network."""
        for limit, asker in self._limits():
            limit.give_back(asker)
        BY_BOTH.forget((self.name, self.network))

    def _limits(self) -> tuple[tuple[Limit, object], ...]:
        return (
            (BY_BOTH, (self.name, self.network)),
            (BY_NAME, self.name),
            (BY_NETWORK, self.network),
        )


def password_try(username: str, network: str) -> PasswordTry:
    """A try for a user name as it was typed, from the network of `core.origin.network_of`."""
    return PasswordTry(unicodedata.normalize("NFKC", username).strip()[:LONGEST_NAME], network)


def forget() -> None:
    """Forget all tries."""
    for limit in (BY_BOTH, BY_NAME, BY_NETWORK):
        limit.forget()
