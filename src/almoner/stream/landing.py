"""Takes in the files that departments put into HOME/landing/<department>/.

A file that was taken in leaves its receipt in done/; the file itself stays there only for as many days as the
installation sets. A file that was refused moves to refused/ with the reason, and so does one that failed
three times, even if it ended the worker.

A file is complete when a marker ``<name>.done`` lies beside it, or when it has not changed for some seconds.
While a sender writes a file, its name should end in ``.part`` or begin with a dot. A marker may hold one day,
``YYYY-MM-DD``: the last day for which the department's records are complete. Lines ``rows 1200`` and
``sha256 ...`` say what the whole file has.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import time
from typing import Any

from almoner.engines import Engine
from almoner.errors import DeliveryRefused, HomeError, VaultError
from almoner.policy.model.pack import Pack
from almoner.registry import dirty
from almoner.registry.deliveries import Delivery, DeliveryReceipt, last_received, take_in
from almoner.registry.heads import Stated
from almoner.registry.vault import IdentityStore, Vault
from almoner.stream import landing_tries
from almoner.stream.log import log_line
from almoner.stream.slice_failures import ends_engine, is_of_disk

FOLDER, DONE, REFUSED = "landing", "done", "refused"
MARKER, REASON, RECEIPT = ".done", ".reason.txt", ".receipt.json"
UNFINISHED = (".part", ".tmp", ".filepart", ".crdownload", MARKER, REASON)
RECEIPT_DAYS = 90  # in done/; counts only
SETTLED_SECONDS = 5.0
_NOT_IN_RECEIPTS = ("delivery_id", "unknown_columns", "columns_left_out", "new_persons")
_FAILED = (
    f"failed or ended the worker {landing_tries.MOST_TRIES} times, so it was set aside. Save it again,"
    f" deliver it as CSV,"
    " or report it to whoever looks after the software. Moved back into the folder, it is tried again."
)


@dataclass(frozen=True)
class Landed:
    """The result for one file: a receipt, or the reason why it was refused."""

    department: str
    feed: str | None
    receipt: DeliveryReceipt | None
    reason: str | None = None


@dataclass(kw_only=True)
class Landing:
    """The landing folders of one installation."""

    home: Path
    engine: Engine
    pack: Pack
    vault: Vault
    store: IdentityStore
    settled_seconds: float = SETTLED_SECONDS
    kept_days: int = 0  # of a file in done/: it holds names and numbers in clear
    _sizes: dict[Path, tuple[int, float]] = field(default_factory=dict)

    def make_folders(self) -> None:
        """Make the folders of each department that owns a feed."""
        for department in {f.owner for f in self.pack.feeds.values()}:
            for name in ("", DONE, REFUSED):
                (self.home / FOLDER / department / name).mkdir(mode=0o700, parents=True, exist_ok=True)

    def take(self, at: dt.datetime) -> Landed | None:
        """Take in one complete file; None when there is none."""
        for department, file in self._files():
            if self._is_complete(file) and (landed := self._take(department, file, at)):
                return landed
        return None

    def forget_old(self) -> int:
        """Delete old files from done/. Gives their number."""
        done = (self.home / FOLDER).glob(f"*/{DONE}/*")
        old = [f for f in done if f.stat().st_mtime < time() - self._days(f) * 86_400]
        for file in old:
            file.unlink(missing_ok=True)
        return len(old)

    def _days(self, file: Path) -> int:
        return RECEIPT_DAYS if file.name.endswith(RECEIPT) else self.kept_days

    def _files(self) -> list[tuple[str, Path]]:
        """Files that may be complete, of all departments, the oldest first."""
        files = [
            (f.parent.name, f) for f in (self.home / FOLDER).glob("*/*") if f.is_file() and not f.is_symlink()
        ]
        complete = [
            (d, f) for d, f in files if not f.name.startswith(".") and not f.name.lower().endswith(UNFINISHED)
        ]
        return sorted(complete, key=lambda each: (each[1].stat().st_mtime_ns, each[1].name))

    def _is_complete(self, file: Path) -> bool:
        if _marker(file).exists():
            return True
        size = file.stat().st_size
        known, since = self._sizes.get(file, (-1, 0.0))
        if known != size:
            self._sizes[file] = (size, time())
            return self.settled_seconds <= 0
        return time() - max(since, file.stat().st_mtime) >= self.settled_seconds

    def _take(self, department: str, file: Path, at: dt.datetime) -> Landed | None:
        """Take in or refuse one file; None when it failed and is tried again."""
        self._sizes.pop(file, None)
        feed: str | None = None
        try:
            _begin(file)
            feed = self._feed_of(department, file)
            receipt = self._take_in(feed, file, at)
        except DeliveryRefused as refused:
            _refuse(file, str(refused))
            return Landed(department, feed, None, str(refused))
        except Exception as error:
            if _is_elsewhere(error):
                landing_tries.not_its_fault(file)
                raise
            if ends_engine(error):
                raise
            log_line("trouble", error=type(error).__name__, about="landing", feed=feed)
            return None
        self._done(file, receipt)
        return Landed(department, feed, receipt)

    def _done(self, file: Path, receipt: DeliveryReceipt) -> None:
        """Write the receipt to done/, and keep the file there if the installation says so."""
        there = file.parent / DONE
        there.mkdir(mode=0o700, exist_ok=True)
        counted = {k: v for k, v in asdict(receipt).items() if k not in _NOT_IN_RECEIPTS}
        name = _free(there, file.name, RECEIPT)
        text = json.dumps(counted, default=str, ensure_ascii=False, indent=1)
        (there / f"{name}{RECEIPT}").write_text(text + "\n", encoding="utf-8")
        if self.kept_days:
            file.replace(there / name)
            os.utime(there / name)
        else:
            file.unlink()
        _marker(file).unlink(missing_ok=True)
        landing_tries.forget(file)

    def _feed_of(self, department: str, file: Path) -> str:
        own = sorted(f.id for f in self.pack.feeds.values() if f.owner == department)
        fitting = [feed for feed in own if file.name.startswith(feed)]
        if not fitting:
            raise DeliveryRefused(
                f"The file's name begins with no feed of the department {department}. Begin it with one of:"
                f" {', '.join(own) or 'it has none'}."
            )
        return max(fitting, key=len)

    def _take_in(self, feed: str, file: Path, at: dt.datetime) -> DeliveryReceipt:
        received = max(at, last_received(self.engine, feed) or at)
        note = dirty.noting(self.engine, self.pack.feeds[feed], self.pack.membership_feed)
        marked = _marked(file)
        delivery = Delivery(
            file, feed, received, marked.complete_through, Stated(rows=marked.rows, sha256=marked.sha256)
        )
        return take_in(self.engine, self.vault, self.store, self.pack.feeds, delivery, note=note)


def _marker(file: Path) -> Path:
    return file.with_name(file.name + MARKER)


@dataclass(frozen=True)
class _Marked:
    """What the marker beside a file says: its last complete day, its rows, its SHA-256."""

    complete_through: dt.date | None = None
    rows: int | None = None
    sha256: str | None = None


def _marked(file: Path) -> _Marked:
    """What the marker says, if there is one. Raises DeliveryRefused when it says anything else."""
    marker = _marker(file)
    text = marker.read_text(encoding="utf-8", errors="replace") if marker.exists() else ""
    said: dict[str, Any] = {}
    for word in text.replace("=", " ").replace(":", " ").split("\n"):
        match word.split():
            case []:
                pass
            case ["rows", count] if count.isdecimal():
                said["rows"] = int(count)
            case ["sha256", digest]:
                said["sha256"] = digest
            case [day]:
                said["complete_through"] = _day(day, marker)
            case _:
                raise _unclear(marker)
    return _Marked(**said)


def _day(text: str, marker: Path) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise _unclear(marker) from None


def _unclear(marker: Path) -> DeliveryRefused:
    return DeliveryRefused(
        f"{marker.name} must be empty or hold one day, YYYY-MM-DD; lines `rows 1200` and"
        " `sha256 ...` may follow."
    )


def _refuse(file: Path, reason: str) -> None:
    """Move the file to refused/; its reason is written first, so a file there always has one."""
    there = file.parent / REFUSED
    there.mkdir(mode=0o700, exist_ok=True)
    name = _free(there, file.name, REASON)
    (there / f"{name}{REASON}").write_text(reason + "\n", encoding="utf-8")
    file.replace(there / name)
    os.utime(there / name)
    _marker(file).unlink(missing_ok=True)
    landing_tries.forget(file)


def _begin(file: Path) -> None:
    """Count the try. Raises DeliveryRefused when there were enough."""
    if landing_tries.begin(file) >= landing_tries.MOST_TRIES:
        raise DeliveryRefused(f"{file.name} {_FAILED}")


def _is_elsewhere(error: Exception) -> bool:
    """Whether the disk, the key or another process is the cause, which another file would meet as well."""
    return isinstance(error, OSError | VaultError | HomeError) or is_of_disk(error)


def _free(there: Path, name_wanted: str, suffix: str) -> str:
    """A name in `there` that is free, with and without the suffix."""
    name = name_wanted
    while (there / name).exists() or (there / f"{name}{suffix}").exists():
        name = f"{dt.datetime.now():%Y%m%d-%H%M%S-%f}-{name_wanted}"
    return name
