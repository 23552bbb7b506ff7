"""Claims landed files: each is renamed into a private folder of its own before it is read.

Nobody but this installation reaches a claimed file by a name, so it cannot be replaced, and what is sent
under its name is another file. A claim is a folder ``HOME/landing/.claimed/<department>/<claim>/`` with the
file, under a name that every part of the system can write, and ``claim.json``: the name as it was sent, what
the marker said, how often the file was begun. Where a department's folder lies on another file system, its
claims lie in ``HOME/landing/<department>/.claimed/``.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import signal
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from almoner.registry.numbers_in_text import hide_numbers

FOLDER = ".claimed"
MARKER = ".done"
MOST_TRIES = 3
_NOTE = "claim.json"
_OURS = {_NOTE, f"{_NOTE}.new"}
_LONGEST_NAME, _LONGEST_ENDING = 120, 24  # bytes of a file's name here; 255 is what file systems take
_LARGEST_MARKER = 4096  # bytes
_UNREADABLE = "?"  # in place of a marker that is no small text

State = tuple[int, ...]
Index = Callable[[str], bytes]  # the vault's blind index


@dataclass(kw_only=True)
class ClaimedFile:
    """One claimed file. `state` is what it was when it counted as complete."""

    department: str
    folder: Path
    name: bytes  # as it was sent
    marker: str | None
    marker_inode: int
    state: State
    tries: int = 0
    not_before: float = 0.0  # seconds since 1970: it is not tried earlier
    put_off: int = 0  # how often it was put off, in a row
    index: Index | None = None  # hides numbers in names

    @property
    def file(self) -> Path:
        return self.folder / plain_name(self.name, self.index)

    @property
    def is_as_it_was(self) -> bool:
        return state_of(self.file) == self.state

    def is_to_be_tried(self, now: float) -> bool:
        """Whether it is time; `now` in seconds since 1970."""
        return now >= self.not_before

    def begin(self) -> int:
        """Note that the file is begun, before it is read. Gives how often it was begun before."""
        self.tries += 1
        self.save()
        return self.tries - 1

    def not_its_fault(self, seconds: float) -> None:
        """Take the last try back, and put the file off for at least `seconds`, so that others go first."""
        self.tries = max(self.tries - 1, 0)
        self.not_before = time.time() + seconds * 2 ** min(self.put_off, 4)
        self.put_off += 1
        self.save()

    def begin_anew(self, state: State) -> None:
        """It is another file now: it has grown."""
        self.state, self.tries, self.not_before, self.put_off = state, 0, 0.0, 0
        self.save()

    def save(self) -> None:
        note = {
            "name": self.name.hex(),
            "marker": self.marker,
            "marker_inode": self.marker_inode,
            "state": self.state,
            "tries": self.tries,
            "not_before": self.not_before,
            "put_off": self.put_off,
        }
        new = self.folder / f"{_NOTE}.new"
        new.write_text(json.dumps(note), encoding="utf-8")
        new.replace(self.folder / _NOTE)

    def remove_marker(self, folder: Path) -> None:
        """Delete the marker in the department's folder, if it is still the one that was read."""
        marker = marker_of(sent_as(folder, self.name))
        with suppress(OSError):
            if self.marker is not None and os.lstat(marker).st_ino == self.marker_inode:
                marker.unlink()

    def release(self) -> None:
        """Remove the claim, whose file is not there any more."""
        (self.folder / _NOTE).unlink(missing_ok=True)
        (self.folder / f"{_NOTE}.new").unlink(missing_ok=True)
        self.folder.rmdir()


def claim(
    landing: Path, folder: Path, name: bytes, found: State, index: Index | None = None
) -> ClaimedFile | None:
    """Claim the file `name` of a department's folder; None when it has gone. Raises OSError.

    `found`: its state when it counted as complete. The claim has that state; whoever reads the file compares
    it with what was renamed, which is another file where the sender replaced it in between.
    """
    source = sent_as(folder, name)
    marker, inode = _read_marker(marker_of(source))
    for private in _private_folders(landing, folder):
        there = _new_folder(private)
        made = ClaimedFile(
            department=folder.name,
            folder=there,
            name=name,
            marker=marker,
            marker_inode=inode,
            state=found,
            index=index,
        )
        try:
            made.save()
            source.rename(made.file)
        except OSError as error:
            made.release()
            if error.errno == errno.EXDEV and private.parent.parent == landing:
                continue
            if isinstance(error, FileNotFoundError):
                return None
            raise
        made.remove_marker(folder)
        return made
    return None


def claims(landing: Path, folder: Path, index: Index | None = None) -> Iterator[ClaimedFile]:
    """The claims of a department's folder. What a process left that died before it had renamed is removed."""
    for private in _private_folders(landing, folder):
        for there in sorted(private.iterdir()) if private.is_dir() else ():
            found = _read(there, folder.name, index)
            if found is None or not os.path.lexists(found.file):
                _remove_rest(there)
            else:
                yield found


def sent_as(folder: Path, name: bytes) -> Path:
    """The path of a file as it was sent."""
    return folder / os.fsdecode(name)


def marker_of(file: Path) -> Path:
    """The path of the marker beside a file."""
    return file.with_name(file.name + MARKER)


def state_of(file: Path) -> State | None:
    """Device, inode, size in bytes and time of the last change of a regular file; None for anything else."""
    try:
        found = os.lstat(file)
    except OSError:
        return None
    return state_in(found) if stat.S_ISREG(found.st_mode) else None


def state_in(found: os.stat_result) -> State:
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def is_being_written(file: Path) -> bool:
    """Whether a process of this machine has the file open for writing, as far as may be known.

    Linux grants a read lease only on a file that nobody has open for writing. It is given back at once.
    Where the file is another user's, or lies elsewhere, nothing is known.
    """
    try:
        opened = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # Whoever opens it for writing meanwhile makes the kernel send a signal: one that is ignored.
        fcntl.fcntl(opened, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(opened, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(opened, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    except AttributeError:  # not on Linux
        return False
    finally:
        os.close(opened)
    return False


def plain_name(name: bytes, index: Index | None = None) -> str:
    """The name of a file as it can be written everywhere: UTF-8 that prints, and short; its ending stays.

    With `index`, long numbers, which may be a person's, are hidden (`numbers_in_text`).
    """
    text = "".join(c if c.isprintable() and c != "\ufffd" else "_" for c in name.decode("utf-8", "replace"))
    text = hide_numbers(text, index) if index else text
    endings = [each for each in Path(text).suffixes[-2:] if len(each.encode()) <= _LONGEST_ENDING // 2]
    ending = "".join(endings) if text.endswith("".join(endings)) else ""
    start = text.removesuffix(ending)
    room = _LONGEST_NAME - len(ending.encode())
    return start.encode()[:room].decode("utf-8", "ignore") + ending


def _private_folders(landing: Path, folder: Path) -> tuple[Path, Path]:
    """Where claims of the department may lie: the first, or the second on another file system."""
    return landing / FOLDER / folder.name, folder / FOLDER


def _new_folder(private: Path) -> Path:
    private.parent.mkdir(mode=0o700, exist_ok=True)
    private.mkdir(mode=0o700, exist_ok=True)
    found = os.lstat(private)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise PermissionError(errno.EPERM, "The folder of claims is not private")
    there = private / f"{time.time_ns():020d}-{secrets.token_hex(4)}"
    there.mkdir(mode=0o700)
    return there


def _read(there: Path, department: str, index: Index | None) -> ClaimedFile | None:
    try:
        note = json.loads((there / _NOTE).read_text(encoding="utf-8"))
        return ClaimedFile(
            department=department,
            folder=there,
            name=bytes.fromhex(note["name"]),
            marker=note["marker"],
            marker_inode=int(note["marker_inode"]),
            state=tuple(map(int, note["state"])),
            tries=int(note["tries"]),
            not_before=float(note["not_before"]),
            put_off=int(note["put_off"]),
            index=index,
        )
    except (OSError, ValueError, KeyError, TypeError):  # somebody else was at work here
        names = [each.name for each in there.iterdir() if each.name not in _OURS] if there.is_dir() else []
        if len(names) != 1:
            return None
        name = os.fsencode(names[0])
        return ClaimedFile(
            department=department,
            folder=there,
            name=name,
            marker=None,
            marker_inode=0,
            state=(),
            index=index,
        )


def _remove_rest(there: Path) -> None:
    """Remove a claim without a file. What holds a file, but no note of ours, stays."""
    with suppress(OSError):
        names = {each.name for each in there.iterdir()}
        if names <= _OURS:
            for name in names:
                (there / name).unlink()
            there.rmdir()


def _read_marker(marker: Path) -> tuple[str | None, int]:
    """The text of a marker, and its inode; None without one. It may be anything, so it is read with care."""
    try:
        found = os.lstat(marker)
    except OSError:
        return None, 0
    try:
        opened = os.open(marker, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return _UNREADABLE, found.st_ino
    try:
        is_text = stat.S_ISREG(os.fstat(opened).st_mode)
        text = os.read(opened, _LARGEST_MARKER + 1) if is_text else b"?" * (_LARGEST_MARKER + 1)
    except OSError:
        return _UNREADABLE, found.st_ino
    finally:
        os.close(opened)
    if len(text) > _LARGEST_MARKER:
        return _UNREADABLE, found.st_ino
    return text.decode("utf-8", "replace"), found.st_ino
