"""Changes the vault's key, and its suite where another one is wanted.

The next key lies beside the present one until facts, inbox and casework have each been brought under it, in
a transaction of their own. A process that is killed leaves some of them done, and nobody opens the vault
until the change is taken up again. What is sealed is sealed anew. A blind index cannot be opened, so the new
one is an index of the old one, and the index keys before it stay in the key's file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from almoner import casework, home
from almoner.installation.epochs import open_facts
from almoner.installation.opening import installation
from almoner.registry import rekeying as facts_rekeying
from almoner.registry.vault import create_next, next_of, read_vault, replace_key
from almoner.stream import rekeying as inbox_rekeying
from almoner.stream.lock import sole_console, sole_worker


@dataclass(frozen=True)
class Rotation:
    """`former` is where the key before lies now: backups made before need it."""

    suite: str
    former: Path


def rotate(folder: Path, suite: str | None = None) -> Rotation:
    """Change the key to a new one of the `suite`, by default of the present one; or finish a change that was
    interrupted, whatever its suite.

    No worker may run, and no console. Raises AlmonerError; what was done before that stays, and is gone on
    with next time.
    """
    place = home.load(folder)
    key = place.vault_key
    with sole_worker(folder), sole_console(folder):
        if not next_of(key).exists():
            with installation(folder) as inst:  # whose parts fit together, or nothing is begun
                wanted = suite or inst.vault.suite.name
            create_next(key, wanted)
        old, new = read_vault(key), read_vault(next_of(key))
        casework.setup(place)
        casework.refuse_other_version(place)
        with open_facts(place) as engine:
            facts_rekeying.rekey(engine, old, new)
        inbox_rekeying.rekey(folder, old, new)
        casework.rekey(old, new)
        return Rotation(new.suite.name, replace_key(key))
