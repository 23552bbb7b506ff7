"""Files that no reader can read, or that end the worker.

Each is set aside with a reason, and the next goes in.
"""

from __future__ import annotations

import errno
import json

import pytest

from almoner.errors import EngineError, VaultError
from almoner.stream import landing as landing_module
from almoner.stream.landing import Landing
from almoner.stream.landing_claims import MOST_TRIES
from stream.taking import AT, Stream
from stream.test_landing import PERSON, ROW, put


@pytest.fixture
def landing(stream: Stream) -> Landing:
    made = Landing(
        home=stream.folder,
        engine=stream.engine,
        pack=stream.pack,
        vault=stream.vault,
        store=stream.store,
        settled_seconds=0,
        again_seconds=0,
    )
    made.make_folders()
    return made


class Interrupted(BaseException):
    """The worker ends midway."""


FAULTS = [
    RuntimeError("a new exception of a new library"),
    MemoryError(),
    RecursionError(),
    NotImplementedError(),
    ZeroDivisionError(),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
    EngineError("Conversion Error: Could not convert", "SELECT 1"),
    AssertionError(),
    OSError(errno.EIO, "the file's blocks cannot be read"),
]


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """Taking in a file whose name has `odd` raises what is put into the list."""
    wanted: list[BaseException] = []
    take_in = landing_module.take_in

    def instead(*arguments: object, **named: object) -> object:
        if "odd" in arguments[4].file.name:  # type: ignore[attr-defined]
            raise wanted[0]
        return take_in(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(landing_module, "take_in", instead)
    return wanted


@pytest.mark.parametrize("fault", FAULTS, ids=lambda e: type(e).__name__)
def test_a_file_that_fails_three_times_is_set_aside_and_the_next_goes_in_at_once(
    landing: Landing, stream: Stream, failing: list[BaseException], fault: Exception
) -> None:
    failing.append(fault)
    odd = put(landing, "insured_wages", "insured_wages-1-odd.jsonl", ROW)
    put(landing, "insured_wages", "insured_wages-2.jsonl", ROW)
    first = landing.take(AT)
    assert first
    assert first.receipt
    assert claimed(landing) == [odd.name]
    assert [landing.take(AT) for _ in range(MOST_TRIES - 1)] == [None] * (MOST_TRIES - 1)
    last = landing.take(AT)
    assert last
    assert "3 times" in (last.reason or "")
    assert (odd.parent / "refused" / f"{odd.name}.reason.txt").exists()
    assert [f.name for f in odd.parent.iterdir() if f.is_file()] == []
    assert stream.rows("insured_wages", "wage") == [(100,)]


def test_a_file_that_ends_the_worker_is_set_aside_after_three_ends(
    landing: Landing, failing: list[BaseException]
) -> None:
    failing.append(Interrupted())
    odd = put(landing, "insured_wages", "insured_wages-1-odd.jsonl", ROW)
    for _ in range(MOST_TRIES):
        with pytest.raises(Interrupted):
            landing.take(AT)
    assert (landed := landing.take(AT))
    assert "set aside" in (landed.reason or "")
    assert not odd.exists()


@pytest.mark.parametrize(
    "fault",
    [OSError(errno.ENOSPC, "full"), VaultError("no key"), EngineError("IO Error: No space left", "")],
)
def test_what_is_not_the_files_fault_is_not_counted(
    landing: Landing, stream: Stream, failing: list[BaseException], fault: Exception
) -> None:
    failing.append(fault)
    odd = put(landing, "insured_wages", "insured_wages-odd.jsonl", ROW)
    for _ in range(2 * MOST_TRIES):
        with pytest.raises(type(fault)):
            landing.take(AT)
    assert claimed(landing) == [odd.name]


def test_a_file_that_fills_the_disk_is_put_off_and_other_departments_go_on(
    landing: Landing, stream: Stream, failing: list[BaseException]
) -> None:
    failing.append(OSError(errno.ENOSPC, "full"))
    landing.again_seconds = 3600
    odd = put(landing, "insured_wages", "insured_wages-odd.jsonl", ROW)
    put(landing, "insured_wages", "insured_wages-2.jsonl", ROW)
    put(landing, "population_register", "population_register.jsonl", PERSON)
    with pytest.raises(OSError, match="full"):
        landing.take(AT)
    assert [bool(landing.take(AT)) for _ in range(3)] == [True, True, False]
    assert [each["file"] for each in landing.troubles.as_json()["files"]] == [odd.name]


def test_a_file_that_is_sent_again_begins_anew(landing: Landing, failing: list[BaseException]) -> None:
    failing.append(RuntimeError())
    odd = put(landing, "insured_wages", "insured_wages-odd.jsonl", ROW)
    for _ in range(MOST_TRIES - 1):
        assert landing.take(AT) is None
    odd.write_text(json.dumps(ROW | {"wage": 7}) + "\n")
    reasons = [landed.reason for _ in range(2) if (landed := landing.take(AT))]
    assert len(reasons) == 1  # the first one's
    assert claimed(landing) == [odd.name]
    assert '"wage": 7' in next((landing.home / "landing" / ".claimed").rglob(odd.name)).read_text()


def claimed(landing: Landing) -> list[str]:
    found = (landing.home / "landing" / ".claimed").rglob("*")
    return sorted(each.name for each in found if each.is_file() and each.name != "claim.json")
