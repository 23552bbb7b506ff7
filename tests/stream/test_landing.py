"""Landing folders: a complete file is taken in, makes its households dirty, and moves to done/, or to
refused/ with the reason."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path
from time import time

import pytest

from almoner.registry import dirty
from almoner.stream.landing import RECEIPT_DAYS, Landing
from county import AREA, number
from stream.taking import AT, Stream

WHO = number(1, dt.date(1984, 6, 1))
ROW = {"resident_no": WHO, "month": "2026-09", "employer_code": "E1", "wage": 100}
KEY = ("resident_no", "month", "employer_code")
PERSON = {
    "resident_no": WHO,
    "name": "Mei Fictional",
    "birth_date": "1984-06-01",
    "relation": "head",
    "household_no": "H1",
    "registration": "urban",
    "area_code": AREA,
    "sex": "female",
    "status": "resident",
    "updated_on": "2025-01-01",
}


@pytest.fixture
def landing(stream: Stream) -> Landing:
    made = Landing(
        home=stream.folder,
        engine=stream.engine,
        pack=stream.pack,
        vault=stream.vault,
        store=stream.store,
        settled_seconds=0,
    )
    made.make_folders()
    return made


def put(landing: Landing, feed: str, name: str, *rows: object, department: str | None = None) -> Path:
    folder = landing.home / "landing" / (department or landing.pack.feeds[feed].owner)
    file = folder / name
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def test_a_complete_file_becomes_facts_and_leaves_its_receipt(landing: Landing, stream: Stream) -> None:
    put(landing, "population_register", "population_register.jsonl", PERSON)
    file = put(landing, "insured_wages", "insured_wages-2026-09.jsonl", ROW)
    landed = [landing.take(AT), landing.take(AT), landing.take(AT)]
    assert [x and x.feed for x in landed] == ["population_register", "insured_wages", None]
    assert stream.rows("insured_wages", "wage") == [(100,)]
    receipt = json.loads((file.parent / "done" / f"{file.name}.receipt.json").read_text())
    assert (receipt["feed"], receipt["rows_new"], receipt["rows_quarantined"]) == ("insured_wages", 1, 0)
    assert not [f for f in landing.home.glob("landing/**/*") if f.is_file() and WHO in f.read_text()]
    assert dirty.dirty_households(stream.engine, 9) == [1]
    assert dirty.moved(stream.engine) == ["insured_wages", "population_register"]


def test_the_marker_may_say_how_far_the_department_vouches(landing: Landing, stream: Stream) -> None:
    file = put(landing, "insured_wages", "insured_wages.jsonl", ROW)
    file.with_name(file.name + ".done").write_text("2026-10-31\n")
    landed = landing.take(AT)
    assert landed
    assert landed.receipt
    assert landed.receipt.complete_through == dt.date(2026, 10, 31)
    assert [f.name for f in file.parent.iterdir() if f.is_file()] == []


@pytest.mark.parametrize(
    "name", [".insured_wages.jsonl", "insured_wages.jsonl.part", "insured_wages.jsonl.tmp"]
)
def test_a_file_under_way_is_left_alone(landing: Landing, name: str) -> None:
    file = put(landing, "insured_wages", name, ROW)
    assert landing.take(AT) is None
    assert file.exists()


def test_a_file_that_still_grows_waits_unless_a_marker_says_it_is_complete(landing: Landing) -> None:
    landing.settled_seconds = 60
    file = put(landing, "insured_wages", "insured_wages.jsonl", ROW)
    assert landing.take(AT) is None
    assert landing.take(AT) is None
    file.with_name(file.name + ".done").touch()
    assert landing.take(AT)


def test_what_cannot_be_taken_in_moves_to_refused_with_the_reason(landing: Landing, stream: Stream) -> None:
    wrong = put(landing, "insured_wages", "insured_wages-1.jsonl", {"resident_no": WHO})
    foreign = put(landing, "insured_wages", "elderly_meters.jsonl", ROW)
    broken = put(landing, "insured_wages", "insured_wages-2.parquet", ROW)
    taken = [landing.take(AT) for _ in range(3)]
    assert all(x and x.receipt is None and x.reason for x in taken)
    refused = wrong.parent / "refused"
    reasons = {f.name: f.read_text(encoding="utf-8") for f in refused.glob("*.reason.txt")}
    assert "lacks the columns" in reasons["insured_wages-1.jsonl.reason.txt"]
    assert "begins with no feed of the department" in reasons["elderly_meters.jsonl.reason.txt"]
    assert "not a Parquet file" in reasons["insured_wages-2.parquet.reason.txt"]
    assert all((refused / f.name).exists() for f in (wrong, foreign, broken))
    assert all(WHO not in reason for reason in reasons.values())
    assert stream.rows("insured_wages") == []


def test_a_file_that_was_committed_but_not_moved_changes_nothing_again(
    landing: Landing, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(landing, "insured_wages", "insured_wages.jsonl", ROW)
    with monkeypatch.context() as patch:
        patch.setattr(
            "almoner.stream.landing.Landing._done", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        with pytest.raises(KeyboardInterrupt):
            landing.take(AT)
    again = landing.take(AT)
    assert again
    assert again.receipt
    assert again.receipt.already_taken_in
    assert stream.rows("insured_wages", "wage") == [(100,)]


def test_files_of_one_name_do_not_hide_each_other(landing: Landing) -> None:
    for wage in (1, 2):
        file = put(landing, "insured_wages", "insured_wages.jsonl", ROW | {"wage": wage})
        assert landing.take(AT + dt.timedelta(seconds=wage))
    assert len(list((file.parent / "done").iterdir())) == 2


def test_what_is_done_does_not_lie_about_for_ever(landing: Landing) -> None:
    landing.kept_days = 7
    file = put(landing, "insured_wages", "insured_wages.jsonl", ROW)
    landing.take(AT)
    assert landing.forget_old() == 0
    done, receipt = (file.parent / "done" / f"{file.name}{end}" for end in ("", ".receipt.json"))
    for each, days in ((done, landing.kept_days), (receipt, RECEIPT_DAYS)):
        os.utime(each, (0, time() - (days - 1) * 86_400))
        assert landing.forget_old() == 0
        os.utime(each, (0, time() - (days + 1) * 86_400))
        assert landing.forget_old() == 1
        assert not each.exists()


@pytest.mark.parametrize("name", ["_action", "_操作"])
@pytest.mark.parametrize("said", ["withdraw", "撤销"])
def test_a_file_withdraws_a_row(landing: Landing, stream: Stream, name: str, said: str) -> None:
    put(landing, "population_register", "population_register.jsonl", PERSON)
    put(landing, "insured_wages", "insured_wages-2026-09.jsonl", ROW)
    landing.take(AT)
    landing.take(AT)
    dirty.forget_all(stream.engine)
    put(landing, "insured_wages", "insured_wages-2026-09b.jsonl", {k: ROW[k] for k in KEY} | {name: said})
    landed = landing.take(AT + dt.timedelta(minutes=1))
    assert landed is not None
    assert stream.rows("insured_wages", "wage") == []
    assert dirty.dirty_households(stream.engine, 10) == [1]
