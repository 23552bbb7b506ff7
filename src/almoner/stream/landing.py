"""Takes in the files that departments put into HOME/landing/<department>/.

A file is complete when a marker ``<name>.done`` lies beside it, or when it has not changed for some seconds,
and no process of this machine writes to it. It is then claimed (`almoner.stream.landing_claims`), read, and
deleted if it is still as it was: one that has grown is read again. While a sender writes a file, its name
should end in ``.part`` or begin with a dot. A marker may hold one day, ``YYYY-MM-DD``: the last day for which
the department's records are complete. Lines ``rows 1200`` and ``sha256 ...`` say what the whole file has.

A file that was taken in leaves its receipt in done/; the file itself stays there only for as many days as the
installation sets. A file that was refused moves to refused/ with the reason, and so does one that failed
three times, even if it ended the worker. Whatever goes wrong with one file concerns that file:
departments take turns, and what waits is shown (`almoner.stream.landing_troubles`).
"""

from __future__ import annotations

import datetime as dt
import errno
import json
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic, time

from almoner.engines import Engine
from almoner.errors import DeliveryRefused, HomeError, VaultError
from almoner.policy.model.pack import Pack
from almoner.registry import dirty
from almoner.registry.deliveries import Delivery, DeliveryReceipt, last_received, take_in
from almoner.registry.vault import IdentityStore, Vault
from almoner.stream import landing_claims as claims
from almoner.stream.landing_claims import MARKER, MOST_TRIES, ClaimedFile, State, plain_name
from almoner.stream.landing_marker import said_in
from almoner.stream.landing_outcomes import DONE, REASON, RECEIPT, REFUSED, OutcomeFolder
from almoner.stream.landing_troubles import Trouble, Troubles
from almoner.stream.log import log_line
from almoner.stream.slice_failures import ends_engine, is_of_disk

FOLDER = "landing"
UNFINISHED = (".part", ".tmp", ".filepart", ".crdownload", MARKER, REASON)
RECEIPT_DAYS = 90  # in done/; counts only
SETTLED_SECONDS = 5.0
AGAIN_SECONDS = 30.0  # until a file is tried again that something else kept from going in; doubles
SHOW_SECONDS = 5.0  # between two counts of what lies in refused/
_OF_THE_PLACE = {  # another file would meet them as well
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EFBIG,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
}
_NOT_IN_RECEIPTS = ("delivery_id", "unknown_columns", "columns_left_out", "new_persons")
_FAILED = (
    f"failed or ended the worker {MOST_TRIES} times, so it was set aside. Save it again, deliver it as CSV,"
    " or report it to whoever looks after the software. Moved back into the folder, it is tried again."
)


@dataclass(frozen=True)
class Landed:
    """The result for one file: a receipt, or the reason why it was refused."""

    department: str
    feed: str | None
    receipt: DeliveryReceipt | None
    reason: str | None = None


@dataclass(frozen=True)
class _Found:
    """A file that may be complete: as it was sent, or claimed already."""

    folder: Path
    name: bytes
    state: State
    claim: ClaimedFile | None = None

    @property
    def path(self) -> Path:
        return self.claim.file if self.claim else claims.sent_as(self.folder, self.name)


@dataclass(kw_only=True)
class Landing:
    """The landing folders of one installation."""

    home: Path
    engine: Engine
    pack: Pack
    vault: Vault
    store: IdentityStore
    settled_seconds: float = SETTLED_SECONDS
    again_seconds: float = AGAIN_SECONDS
    kept_days: int = 0  # of a file in done/: it holds names and numbers in clear
    troubles: Troubles = field(default_factory=Troubles)
    _seen: dict[Path, tuple[State, float]] = field(default_factory=dict)  # since when a file is so
    _served: dict[str, float] = field(default_factory=dict)  # when a department's file was tried last
    _held: dict[Path, float] = field(default_factory=dict)  # until when a file is left alone
    _shown: float = float("-inf")

    @property
    def _folder(self) -> Path:
        return self.home / FOLDER

    def make_folders(self) -> None:
        """Make the folders of each department that owns a feed, and finish claims of a process that died."""
        for department in {f.owner for f in self.pack.feeds.values()}:
            try:
                for name in ("", DONE, REFUSED):
                    (self._folder / department / name).mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                self._trouble(department, "", Trouble.FOLDER, error)
        for folder in self._departments():
            for claim in claims.claims(self._folder, folder, self.vault.index):
                claim.remove_marker(folder)

    def take(self, at: dt.datetime) -> Landed | None:
        """Take in one complete file; None when there is none. Departments take turns."""
        self.troubles.begin(at)
        landed = next((landed for found in self._in_turn() if (landed := self._try(found, at))), None)
        self.troubles.end(everything=landed is None)
        if landed or monotonic() - self._shown > SHOW_SECONDS:
            self._shown = monotonic()
            self.troubles.count_refused(self._departments())
        return landed

    def forget_old(self) -> int:
        """Delete old files from done/. Gives their number."""
        gone = 0
        for folder in self._departments():
            with suppress(OSError):  # that department's affair; it is shown when files are looked for
                gone += OutcomeFolder(folder, DONE).forget(
                    lambda name: RECEIPT_DAYS if name.endswith(RECEIPT) else self.kept_days
                )
        return gone

    def _departments(self) -> list[Path]:
        try:
            folders = sorted(self._folder.iterdir())
        except OSError:
            return []
        return [each for each in folders if not each.name.startswith(".") and _is_folder(each)]

    def _in_turn(self) -> Iterator[_Found]:
        """Files that may be complete: the departments in turn, of each the oldest file first."""
        by_department: dict[str, list[_Found]] = {}
        for folder in self._departments():
            found = list(self._of(folder))
            by_department[folder.name] = sorted(found, key=lambda each: (each.state[-1], each.name))
        every = {found.path for each in by_department.values() for found in each}
        self._seen = {path: seen for path, seen in self._seen.items() if path in every}
        self._held = {path: until for path, until in self._held.items() if path in every}
        waiting = [(department, found) for department, found in by_department.items() if found]
        oldest = sorted(waiting, key=lambda each: (self._served.get(each[0], 0.0), each[1][0].state[-1]))
        for place in range(max((len(found) for _, found in oldest), default=0)):
            yield from (found[place] for _, found in oldest if place < len(found))

    def _of(self, folder: Path) -> Iterator[_Found]:
        """The files of one department: those that were claimed, and those in its folder."""
        try:
            for claim in claims.claims(self._folder, folder, self.vault.index):
                state = claims.state_of(claim.file)
                yield _Found(folder, claim.name, state or (0, 0, 0, 0), claim)
            entries = list(os.scandir(folder))
        except OSError as error:
            self._trouble(folder.name, "", Trouble.FOLDER, error)
            return
        for entry in entries:
            name = entry.name
            if name.startswith(".") or name.lower().endswith(UNFINISHED):
                continue
            try:
                found = entry.stat(follow_symlinks=False)
            except OSError:  # it has gone
                continue
            if stat.S_ISREG(found.st_mode):
                yield _Found(folder, os.fsencode(name), claims.state_in(found))
            elif name not in (DONE, REFUSED):
                self._trouble(folder.name, self._shown_name(os.fsencode(name)), Trouble.NO_FILE)

    def _try(self, found: _Found, at: dt.datetime) -> Landed | None:
        """Take in or refuse one file if it is complete; None when it is not, or is tried again."""
        held = self._held.get(found.path)
        if held and monotonic() < held:
            self.troubles.still(found.folder.name, self._shown_name(found.name))
            return None
        try:
            claim = self._claimed(found)
        except OSError as error:
            self._held[found.path] = monotonic() + self.again_seconds
            self._trouble(found.folder.name, self._shown_name(found.name), Trouble.NOT_CLAIMED, error)
            return None
        if claim is None:
            return None
        self._served[claim.department] = monotonic()
        landed = self._take(claim, at)
        try:
            if landed and landed.receipt:
                self._done(found.folder, claim, landed.receipt)
            elif landed:
                self._refuse(found.folder, claim, landed.reason or "")
        except OSError as error:
            self._put_off(claim)
            if error.errno in _OF_THE_PLACE:
                raise
            self._trouble(claim.department, claim.file.name, Trouble.NOT_MOVED, error)
            return None
        return landed

    def _claimed(self, found: _Found) -> ClaimedFile | None:
        """The claim of a file that is complete and to be tried now, else None. Raises OSError."""
        department, name = found.folder.name, self._shown_name(found.name)
        if found.claim and not found.claim.is_to_be_tried(time()):
            if not self.troubles.still(department, name):
                self._trouble(department, name, Trouble.PUT_OFF)
            return None
        if found.claim and found.claim.state != found.state:
            if not self._is_settled(found):
                return None
            found.claim.begin_anew(found.state)
        elif not found.claim and not (
            os.path.lexists(claims.marker_of(found.path)) or self._is_settled(found)
        ):
            return None
        if claims.is_being_written(found.path):
            self._trouble(department, name, Trouble.BEING_WRITTEN)
            return None
        if found.claim:
            return found.claim
        claim = claims.claim(self._folder, found.folder, found.name, found.state, self.vault.index)
        if claim is None or not claim.is_as_it_was or claims.is_being_written(claim.file):
            return None  # it has gone, or it was replaced or opened in between: it is looked at again
        return claim

    def _is_settled(self, found: _Found) -> bool:
        """Whether the file has not changed for so long. Its own times say nothing: clocks differ."""
        known, since = self._seen.get(found.path, ((), 0.0))
        if known != found.state:
            self._seen[found.path] = found.state, monotonic()
            return self.settled_seconds <= 0
        return monotonic() - since >= self.settled_seconds

    def _take(self, claim: ClaimedFile, at: dt.datetime) -> Landed | None:
        """Read one file; None when it failed, or changed meanwhile, and is read again."""
        department, name, feed = claim.department, claim.file.name, None
        landed: Landed | None = None
        try:
            before = os.lstat(claim.file).st_ctime_ns
            _begin(claim)
            feed = self._feed_of(department, name)
            landed = Landed(department, feed, self._take_in(feed, claim, at))
        except DeliveryRefused as refused:
            landed = Landed(department, feed, None, str(refused))
        except Exception as error:
            if _is_elsewhere(error):
                self._put_off(claim)
                raise
            if ends_engine(error):
                raise
            log_line("trouble", error=type(error).__name__, about="landing", feed=feed)
            return None
        if not claim.is_as_it_was or os.lstat(claim.file).st_ctime_ns != before:
            self._trouble(department, name, Trouble.HAS_GROWN)
            return None
        return landed

    def _done(self, folder: Path, claim: ClaimedFile, receipt: DeliveryReceipt) -> None:
        """Write the receipt to done/, and keep the file there if the installation says so."""
        counted = {k: v for k, v in asdict(receipt).items() if k not in _NOT_IN_RECEIPTS}
        text = json.dumps(counted, default=str, ensure_ascii=False, indent=1)
        OutcomeFolder(folder, DONE).put(claim.file, RECEIPT, text + "\n", keep=self.kept_days > 0)
        claim.release()

    def _refuse(self, folder: Path, claim: ClaimedFile, reason: str) -> None:
        """Move the file to refused/; its reason is written first, so a file there always has one."""
        OutcomeFolder(folder, REFUSED).put(claim.file, REASON, reason + "\n", keep=True)
        claim.release()

    def _feed_of(self, department: str, name: str) -> str:
        own = sorted(f.id for f in self.pack.feeds.values() if f.owner == department)
        fitting = [feed for feed in own if name.startswith(feed)]
        if not fitting:
            raise DeliveryRefused(
                f"The file's name begins with no feed of the department {department}. Begin it with one of:"
                f" {', '.join(own) or 'it has none'}."
            )
        return max(fitting, key=len)

    def _take_in(self, feed: str, claim: ClaimedFile, at: dt.datetime) -> DeliveryReceipt:
        received = max(at, last_received(self.engine, feed) or at)
        note = dirty.noting(self.engine, self.pack.feeds[feed], self.pack.membership_feed)
        through, stated = said_in(claim.marker or "", claim.file.name + MARKER)
        delivery = Delivery(claim.file, feed, received, through, stated)
        return take_in(self.engine, self.vault, self.store, self.pack.feeds, delivery, note=note)

    def _shown_name(self, name: bytes) -> str:
        return plain_name(name, self.vault.index)

    def _trouble(self, department: str, name: str, trouble: Trouble, error: OSError | None = None) -> None:
        if self.troubles.add(department, name, trouble, (error.strerror or "") if error else ""):
            log_line("trouble", about="landing", department=department, error=trouble.name.lower())

    def _put_off(self, claim: ClaimedFile) -> None:
        """Let others go first; where that cannot be noted, it is tried again at once."""
        with suppress(OSError):
            claim.not_its_fault(self.again_seconds)


def _begin(claim: ClaimedFile) -> None:
    """Count the try. Raises DeliveryRefused when there were enough."""
    if claim.begin() >= MOST_TRIES:
        raise DeliveryRefused(f"{claim.file.name} {_FAILED}")


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _is_elsewhere(error: Exception) -> bool:
    """Whether the disk, the key or another process is the cause, which another file would meet as well."""
    if isinstance(error, OSError):
        return error.errno in _OF_THE_PLACE
    return isinstance(error, VaultError | HomeError) or is_of_disk(error)
