"""Whether facts, casework, vault and inbox belong together, and are of the same time.

They share an *epoch*, a random name that `init` and `restore` give. Each also stores how far the others were
when it last learned of it. What one learns was committed before, so a process that is killed between the
commits of two databases leaves none that knows more of another than that one holds. Where one does know more,
somebody has put copies of different times side by side, and the installation is not opened.

The order of commits: the vault has new people before the facts that name them; facts have events before the
inbox deletes them; facts have a cycle's changes before casework applies them.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass

from almoner import casework
from almoner.assessment import records
from almoner.engines import Engine, open_engine
from almoner.errors import HomeError
from almoner.home import Home
from almoner.registry import epochs, sealing
from almoner.registry.vault import Vault
from almoner.stream import state
from almoner.stream.inbox import FILE, Inbox

_SAME_TIME = (
    "Nothing was changed. Put back the copies of one time, or restore everything from one backup: almoner"
    " restore FILE NEW-FOLDER --keys KEYS."
)


@contextmanager
def open_facts(home: Home, *, read_only: bool = False) -> Iterator[Engine]:
    """Open the facts of an installation, which must be there: only `init` and `restore` make them.

    Raises HomeError when they are missing or empty.
    """
    if not home.facts.is_file() or home.facts.stat().st_size == 0:
        raise HomeError(f"The facts of {home.folder} are missing ({home.facts}). {_SAME_TIME}")
    with open_engine(home.facts, read_only=read_only, memory_limit=home.settings.memory_limit) as engine:
        if not epochs.holds_tables(engine):
            raise HomeError(f"The facts of {home.folder} are empty ({home.facts}). {_SAME_TIME}")
        yield engine


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The databases of one installation. Casework is the one that this process is set up for; the facts have
    all their tables."""

    home: Home
    vault: Vault
    engine: Engine

    def fit(self, *, discard_unfinished: bool = False) -> None:
        """Check that the parts fit, and tidy up what an interrupted delivery left in the vault.

        An installation of an older version is given an epoch. For it alone, `discard_unfinished` deletes
        people of the vault whom the facts do not know. Raises HomeError when the parts do not fit. Then
        nothing was changed.
        """
        held = casework.epoch()
        if held is None:
            self._adopt(discard_unfinished)
            return
        with self._inbox(make=not held.given) as inbox:
            self._refuse_other_epochs(inbox, {held.epoch} if held.given else {held.epoch, None})
            self._refuse_other_key(held.key_proof, held.epoch)
            if not held.given:
                self._give(inbox, held.epoch)
            self._refuse_other_times(inbox, held.facts)
            sealing.discard_orphans(self.engine, casework.identities())
            self.learn(inbox)

    def still_fit(self, inbox: Inbox) -> None:
        """Check again while an installation is open, and have each part store how far the others are. The
        inbox is the open one.

        Raises HomeError when somebody has put another copy of casework in place meanwhile.
        """
        held = casework.epoch()
        self._refuse_other_epochs(inbox, {held.epoch if held else ""})
        self._refuse_other_times(inbox, held.facts if held else {})
        self.learn(inbox)

    def begin(self) -> None:
        """Begin an epoch for a new or restored installation, whatever its parts had before."""
        epoch = secrets.token_hex(16)
        casework.begin_epoch(epoch, epochs.proof(self.vault, epoch))
        with self._inbox(make=True) as inbox:
            self._give(inbox, epoch)

    def learn(self, inbox: Inbox | None = None) -> None:
        """Have each part store how far the others are."""
        if inbox is None:
            with self._inbox() as opened:
                self.learn(opened)
            return
        found = casework.position()
        del found["person"]  # the vault may hold people of a delivery that is not committed
        epochs.learn(self.engine, found | {"inbox": inbox.position()})
        casework.learn_facts(self._facts())

    def _facts(self) -> dict[str, int]:
        return epochs.position(self.engine) | records.position(self.engine)

    def _adopt(self, discard_unfinished: bool) -> None:
        with self._inbox(make=True) as inbox:
            self._refuse_other_epochs(inbox, {None})
            self._refuse_other_times(inbox, {})
            last, known = epochs.last_person(self.engine), casework.position()["person"]
            if known > last and not discard_unfinished:
                raise HomeError(
                    f"The vault of {self.home.folder} holds people whom the facts do not know. If a delivery"
                    f" was interrupted under the older version, run: almoner upgrade {self.home.folder}"
                    " --discard-unfinished. If the facts are older than casework, put back the facts of the"
                    " same time. Nothing was changed."
                )
            casework.discard_people_above(last)
        self.begin()

    def _give(self, inbox: Inbox, epoch: str) -> None:
        epochs.give(self.engine, epoch)
        inbox.give(epoch)
        self.learn(inbox)
        casework.set_epoch_given()

    @contextmanager
    def _inbox(self, *, make: bool = False) -> Iterator[Inbox]:
        file = self.home.folder / FILE
        if not file.exists() and (not make or state.offsets(self.engine)):
            raise self._refused(f"its inbox is missing ({file})")
        with closing(Inbox(self.home.folder, self.vault)) as inbox:
            yield inbox

    def _refused(self, reason: str) -> HomeError:
        return HomeError(f"{self.home.folder} cannot be opened: {reason}. {_SAME_TIME}")

    def _refuse_other_key(self, key_proof: str, epoch: str) -> None:
        if not hmac.compare_digest(key_proof, epochs.proof(self.vault, epoch)):
            raise HomeError(
                f"{self.home.vault_key} is not the key of this vault. Nothing was changed. Put back the copy"
                " of the key that belongs to this installation."
            )

    def _refuse_other_epochs(self, inbox: Inbox, expected: set[str | None]) -> None:
        found = {"its facts are": epochs.epoch_of(self.engine), "its inbox is": inbox.epoch()}
        others = [what for what, epoch in found.items() if epoch not in expected]
        if len(others) == len(found):
            raise self._refused(
                "its casework database is of another installation, or of before or after a restore"
            )
        if others:
            raise self._refused(f"{others[0]} of another installation, or of before or after a restore")

    def _refuse_other_times(self, inbox: Inbox, known_of_facts: Mapping[str, int]) -> None:
        """Raise HomeError when a part is older than another one knows it to be."""
        facts, cases, known = self._facts(), casework.position(), epochs.known(self.engine)
        offsets, place = state.offsets(self.engine), inbox.position()
        known_of_cases = {**known, "person": facts["person"]}
        known_of_facts = {**known_of_facts, "change": max(cases["change"], known_of_facts.get("change", 0))}
        if _is_behind(facts, known_of_facts):
            raise self._refused("its facts are older than its casework database")
        if _is_behind(offsets, inbox.taken()):
            raise self._refused("its facts are older than its inbox")
        if _is_behind(cases, {name: known_of_cases.get(name, 0) for name in cases}):
            raise self._refused("its casework database is older than its facts")
        if place < max([known.get("inbox", 0), *offsets.values()]):
            raise self._refused("its inbox is older than its facts")


def _is_behind(position: Mapping[str, int], known: Mapping[str, int]) -> bool:
    return any(position.get(name, 0) < value for name, value in known.items())
