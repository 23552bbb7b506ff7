"""The inbox stores every event once, in order and sealed, until the facts have it."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from pathlib import Path

import pytest

from almoner.errors import VaultError
from almoner.registry.vault import Vault
from almoner.stream.events import Event
from almoner.stream.inbox import NAMES_KEPT_DAYS, Inbox, InboxFull
from county import KEY
from stream.taking import AT, event


def inbox(folder: Path, **options: int) -> Inbox:
    folder.mkdir(exist_ok=True)
    return Inbox(folder, Vault(KEY), **options)


def wage(n: int, of: int = 0) -> Event:
    return event("insured_wages", n, resident_no=f"secret-number-{of:06d}", wage=n)


def test_events_come_out_in_order_of_arrival_and_stay_until_purged(tmp_path: Path) -> None:
    box = inbox(tmp_path)
    box.put([wage(n) for n in range(5)], AT)
    first = box.take("insured_wages", 0, 3, 1_000_000)
    assert [e.seq for e in first] == [1, 2, 3]
    assert [e.seq for e in box.take("insured_wages", 0, 9, 1_000_000)] == [1, 2, 3, 4, 5]
    assert box.purge({"insured_wages": 3}) == 3
    assert [e.seq for e in box.take("insured_wages", 0, 9, 1_000_000)] == [4, 5]
    box.close()


def test_an_event_that_comes_again_is_counted_and_left_out_even_after_it_was_purged(tmp_path: Path) -> None:
    box = inbox(tmp_path)
    assert (box.put([wage(1), wage(2), wage(1)], AT).accepted, box.put([wage(2)], AT).repeated) == (2, 1)
    box.purge({"insured_wages": 2})
    again = box.put([wage(1), wage(3)], AT)
    assert (again.accepted, again.repeated, again.position) == (1, 1, 3)
    assert box.totals() == {"accepted": 3, "repeated": 3}
    box.close()


def test_positions_are_never_used_twice(tmp_path: Path) -> None:
    box = inbox(tmp_path)
    box.put([wage(1)], AT)
    box.purge({"insured_wages": 1})
    box.close()
    again = inbox(tmp_path)
    assert again.put([wage(2)], AT).position == 2
    again.close()


def test_names_of_events_are_forgotten_in_the_end(tmp_path: Path) -> None:
    box = inbox(tmp_path)
    box.put([wage(1)], AT)
    box.forget_names(AT.date() + dt.timedelta(days=NAMES_KEPT_DAYS))
    assert box.put([wage(1)], AT).repeated == 1
    box.forget_names(AT.date() + dt.timedelta(days=NAMES_KEPT_DAYS + 1))
    assert box.put([wage(1)], AT).accepted == 1
    box.close()


def test_no_byte_of_a_record_or_of_an_events_name_is_on_the_disk(tmp_path: Path) -> None:
    box = inbox(tmp_path)
    box.put(
        [event("insured_wages", "named-after-secret-number-000001", resident_no="secret-number-000001")], AT
    )
    files = [f.read_bytes() for f in tmp_path.iterdir()]
    assert len(files) >= 2  # the file and its log
    assert not any(b"secret" in data for data in files)
    assert box.path.stat().st_mode & 0o077 == 0
    box.close()


def test_a_sealed_record_opens_with_its_key_only(tmp_path: Path) -> None:
    inbox(tmp_path).put([wage(1)], AT)
    with pytest.raises(VaultError):
        Inbox(tmp_path, Vault(KEY[::-1])).take("insured_wages", 0, 1, 1_000)


def test_a_full_inbox_takes_nothing_and_says_so(tmp_path: Path) -> None:
    box = inbox(tmp_path, largest_bytes=200_000)
    n = 0
    while box.path.stat().st_size + box.path.with_name("inbox.sqlite3-wal").stat().st_size < 1_000_000:
        n += 1
        try:
            box.put([wage(100 * n + k) for k in range(100)], AT)
        except InboxFull:
            break
    kept = box.position()
    with pytest.raises(InboxFull, match="Send again later"):
        box.put([wage(999_999)], AT)
    assert box.position() == kept
    box.purge({"insured_wages": kept})
    assert box.put([wage(999_999)], AT).accepted == 1
    box.close()


def test_memory_is_bounded_by_bytes_too(tmp_path: Path) -> None:
    box = inbox(tmp_path)
    box.put([event("areas", n, text="x" * 1000) for n in range(50)], AT)
    assert len(box.take("areas", 0, 50, 10_000)) <= 10
    box.close()


def test_many_processes_send_at_once_and_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    inbox(tmp_path).close()
    script = str(Path(__file__).with_name("sending.py"))
    senders = [subprocess.Popen([sys.executable, script, str(tmp_path), str(n)]) for n in range(3)]
    assert [sender.wait() for sender in senders] == [0, 0, 0]
    box = inbox(tmp_path)
    assert box.backlog()["insured_wages"].events == 3 * 40 + 40
    assert [e.seq for e in box.take("insured_wages", 0, 1000, 10**9)] == list(range(1, 161))
    box.close()
