"""What is the matter with landed files that wait, and how many were refused: for status and Today."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from almoner.stream.landing_outcomes import REFUSED, OutcomeFolder

SHOWN_AFTER = dt.timedelta(minutes=1)  # of what is usual for a while
MOST_SHOWN = 20  # files by name


class Trouble(StrEnum):
    """Why a file waits. The values are sentences for people."""

    FOLDER = "The folder cannot be read or made."
    NO_FILE = "It is a link, a folder or another thing, not a file. Put the file itself there."
    BEING_WRITTEN = "A process still has it open for writing."
    HAS_GROWN = "It changed while it was read, and is read again when it rests."
    NOT_CLAIMED = "It cannot be renamed. The worker needs the right to write in the folder."
    NOT_MOVED = (
        "It was read, but cannot be moved to done/ or refused/. Look at these folders and their rights."
    )
    PUT_OFF = "Something else kept it from going in, such as a full disk. It is tried again by itself."


_USUAL = {Trouble.BEING_WRITTEN, Trouble.HAS_GROWN}


@dataclass(frozen=True)
class _Waiting:
    trouble: Trouble
    detail: str  # what the operating system says; it names no file
    since: dt.datetime


@dataclass
class Troubles:
    """The troubles of all departments, as a look at the folders found them."""

    _known: dict[tuple[str, str], _Waiting] = field(default_factory=dict)
    _found: dict[tuple[str, str], _Waiting] = field(default_factory=dict)
    _refused: dict[str, int] = field(default_factory=dict)
    _now: dt.datetime = field(default_factory=dt.datetime.now)

    def begin(self, at: dt.datetime) -> None:
        """A look at the folders begins."""
        self._now, self._found = at, {}

    def add(self, department: str, name: str, trouble: Trouble, detail: str = "") -> bool:
        """A file (empty: the department's folder) is in trouble. Gives whether that is new."""
        known = self._known.get((department, name))
        is_new = known is None or known.trouble is not trouble
        since = self._now if known is None or is_new else known.since
        self._found[department, name] = _Waiting(trouble, detail, since)
        return is_new

    def still(self, department: str, name: str) -> bool:
        """The trouble of a file goes on. Gives whether one is known."""
        if known := self._known.get((department, name)):
            self._found[department, name] = known
        return known is not None

    def end(self, *, everything: bool) -> None:
        """The look has ended; `everything` was looked at, or only a part."""
        self._known = self._found if everything else self._known | self._found

    def count_refused(self, folders: Sequence[Path]) -> None:
        """Count what lies in refused/."""
        counted: dict[str, int] = {}
        for folder in folders:
            with suppress(OSError):
                counted[folder.name] = OutcomeFolder(folder, REFUSED).count()
        self._refused = counted

    def as_json(self) -> dict[str, Any]:
        """`departments`: by department, how many files were `refused` and lie there, and how many are
        `waiting`; `files`: what is the matter with the first of those that wait."""
        waiting = {
            key: each
            for key, each in sorted(self._known.items())
            if each.trouble not in _USUAL or self._now - each.since >= SHOWN_AFTER
        }
        departments = {
            department: {
                "refused": self._refused.get(department, 0),
                "waiting": sum(of == department for of, _ in waiting),
            }
            for department in sorted({*self._refused, *(of for of, _ in waiting)})
        }
        files = [
            {
                "department": department,
                "file": name,
                "trouble": each.trouble.value,
                "detail": each.detail,
                "since": each.since.isoformat(timespec="seconds"),
            }
            for (department, name), each in list(waiting.items())[:MOST_SHOWN]
        ]
        return {"departments": {d: n for d, n in departments.items() if any(n.values())}, "files": files}
