"""An event that comes again is known by its name and its content; another one with the name is not lost."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almoner.registry.quarantine import entries
from almoner.registry.vault import Vault
from almoner.stream.events import Event, EventRefused, read
from almoner.stream.inbox import FILE, NAMES_KEPT_DAYS, Inbox
from almoner.stream.sameness import EventsDiffer, digests_of, names_of
from county import KEY, number
from stream.taking import AT, Stream, event

VAULT = Vault(KEY)
WHO = number(1, dt.date(1984, 6, 1))
ROW = {"resident_no": WHO, "month": "2026-09", "employer_code": "E1", "wage": 100, "note": "é"}
FIRST = event("insured_wages", 1, **ROW)


def spelled(text: str, **changes: Any) -> Event:
    return replace(FIRST, data=text, **changes)


SAME = {
    "as it was": FIRST,
    "keys in another order": spelled(json.dumps(dict(reversed(ROW.items())))),
    "with spaces": spelled(json.dumps(ROW, indent=4)),
    "letters not escaped": spelled(json.dumps(ROW, ensure_ascii=False)),
    "100.0": spelled(json.dumps(ROW | {"wage": 100.0})),
    "1e2": spelled(json.dumps(ROW).replace(": 100,", ": 1e2,")),
    "1.00E+2": spelled(json.dumps(ROW).replace(": 100,", ": 1.00E+2,")),
    "another time": replace(FIRST, time=AT),
}
OTHER = {
    "another person": spelled(json.dumps(ROW | {"resident_no": number(2, dt.date(1961, 3, 12))})),
    "another wage": spelled(json.dumps(ROW | {"wage": 101})),
    "a little more": spelled(json.dumps(ROW | {"wage": 100.01})),
    "as text": spelled(json.dumps(ROW | {"wage": "100"})),
    "true for 1": spelled(json.dumps(ROW | {"wage": True})),
    "an empty value": spelled(json.dumps(ROW | {"wage": None})),
    "a value left out": spelled(json.dumps({k: v for k, v in ROW.items() if k != "wage"})),
    "one more value": spelled(json.dumps(ROW | {"more": ""})),
    "a space in a value": spelled(json.dumps(ROW | {"month": "2026-09 "})),
    "the same as a list": spelled(json.dumps(ROW | {"note": ["é"]})),
    "its withdrawal": replace(FIRST, withdrawn=True),
    "complete through a day": replace(FIRST, complete_through=dt.date(2026, 10, 31)),
    "only complete through a day": replace(FIRST, data=None, complete_through=dt.date(2026, 10, 31)),
}


NAMED = ("department", "feed", "source", "id")
NEIGHBOURS = [  # the four parts of two names that a separator alone would not tell apart
    (("health", "f", "a", "b\x1fc"), ("health", "f", "a\x1fb", "c")),
    (("health", "f", "1:a", "b"), ("health", "f", "1:a1:b", "")),
    (("health", "f", "a", "1:b"), ("health", "f", "a1:1", ":b")),
    (("health", "ff", "a", "b"), ("health", "f", "fa", "b")),
    (("healthf", "", "a", "b"), ("health", "f", "a", "b")),
    (("health", "f", "11:a", "b"), ("health", "f1", "1:a", "b")),
]


def inbox(folder: Path) -> Inbox:
    return Inbox(folder, VAULT)


def waiting(box: Inbox, feed: str = "insured_wages") -> list[tuple[str | None, str | None]]:
    return [(e.data, e.fault) for e in box.take(feed, 0, 1000, 10**9)]


@pytest.mark.parametrize("purged", [False, True])
@pytest.mark.parametrize("name", SAME)
def test_the_same_event_again_changes_nothing(tmp_path: Path, name: str, purged: bool) -> None:
    box = inbox(tmp_path)
    box.put([FIRST], AT)
    if purged:
        box.purge({"insured_wages": 1})
    for _ in range(2):
        again = box.put([SAME[name]], AT)
        assert (again.accepted, again.repeated) == (0, 1)
    assert box.position() == 1
    box.close()


@pytest.mark.parametrize("purged", [False, True])
@pytest.mark.parametrize("name", OTHER)
def test_another_event_of_the_name_is_refused_and_nothing_of_the_call_is_kept(
    tmp_path: Path, name: str, purged: bool
) -> None:
    box = inbox(tmp_path)
    box.put([FIRST], AT)
    if purged:
        box.purge({"insured_wages": 1})
    before = waiting(box), box.totals(), box.position()
    good = [replace(FIRST, id=f"good {n}") for n in range(3)]
    with pytest.raises(EventsDiffer) as differ:
        box.put([good[0], OTHER[name], good[1], FIRST, OTHER[name], good[2]], AT)
    assert differ.value.places == (1, 4)
    assert WHO not in str(differ.value)
    assert (waiting(box), box.totals(), box.position()) == before
    assert box.put(good, AT).accepted == 3
    box.close()


@pytest.mark.parametrize("part", NAMED)
def test_what_differs_in_any_part_of_the_name_is_another_event(tmp_path: Path, part: str) -> None:
    """Nobody hides another department's event by sending its source and id first, with whatever content."""
    box, own = inbox(tmp_path), replace(FIRST, department="health")
    box.put([replace(own, **{part: "other"}, data='{"wage": 1}')], AT)
    assert box.put([own], AT).accepted == 1
    assert box.put([own], AT).repeated == 1
    assert waiting(box)[-1] == (own.data, None)
    box.close()


@pytest.mark.parametrize(("one", "other"), NEIGHBOURS)
def test_no_name_can_be_spelled_like_another(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    events = [replace(FIRST, **dict(zip(NAMED, each, strict=True))) for each in (one, other)]
    assert len(set(names_of(VAULT, events))) == 2


@pytest.mark.parametrize("name", ["source", "id", "type"])
@pytest.mark.parametrize(
    "sign", ["\x00", "\t", "\n", "\x1f", "\x7f", "\x9f", "\ud800", "\ufdd0", "\U0001ffff"]
)
def test_signs_that_cloudevents_forbids_are_refused_in_what_names_an_event(name: str, sign: str) -> None:
    sent = {"specversion": "1.0", "id": "1", "source": "s", "type": "insured_wages", "data": {"wage": 1}}
    assert read(sent | {name: "编号 a\u3000é😀-1"}, AT.date())
    with pytest.raises(EventRefused, match="control characters") as refused:
        read(sent | {name: f"a{sign}b"}, AT.date())
    assert refused.value.attribute == name


@pytest.mark.parametrize("name", OTHER)
def test_two_events_of_a_name_in_one_call_are_told(tmp_path: Path, name: str) -> None:
    box = inbox(tmp_path)
    with pytest.raises(EventsDiffer) as differ:
        box.put([FIRST, FIRST, OTHER[name]], AT)
    assert differ.value.places == (2,)
    assert waiting(box) == []
    box.close()


@pytest.mark.parametrize("name", OTHER)
def test_where_nobody_can_be_told_it_is_set_aside_once_and_completes_nothing(
    tmp_path: Path, name: str
) -> None:
    box, other = inbox(tmp_path), OTHER[name]
    box.put([FIRST], AT)
    for _ in range(3):  # a group of Kafka reads anew what it had not committed
        box.put([FIRST, other, other], AT, set_aside=True)
    assert box.totals() == {"accepted": 2, "repeated": 8}
    (kept,) = box.take(other.feed, 1, 10, 10**6)
    assert (kept.fault, kept.complete_through) == ("event_id", None)
    assert kept.data
    box.close()


def test_what_is_set_aside_is_in_quarantine_with_its_reason_and_the_row_stays(stream: Stream) -> None:
    other = [OTHER["another wage"], OTHER["only complete through a day"]]
    stream.inbox.put([FIRST], AT)
    stream.drain()
    stream.inbox.put(
        [other[0], replace(FIRST, id="2", data=json.dumps(ROW | {"month": "2026-08"}))], AT, set_aside=True
    )
    stream.inbox.put([other[1]], AT, set_aside=True)
    stream.drain(AT + dt.timedelta(seconds=1))
    assert sorted(stream.rows("insured_wages", "month, wage")) == [
        (dt.date(2026, 8, 1), 100),
        (dt.date(2026, 9, 1), 100),
    ]
    assert [[f.rule for f in e.faults] for e in entries(stream.engine)] == [["event_id"], ["event_id"]]
    assert stream.engine.value("SELECT max(complete_through) FROM registry.delivery") is None


_rows = st.dictionaries(st.sampled_from("abc"), st.sampled_from([1, 1.0, 2, "1", None, True]), max_size=3)


@settings(max_examples=300, deadline=None)
@given(calls=st.lists(st.lists(st.tuples(st.integers(0, 4), _rows), max_size=4), max_size=6))
def test_an_inbox_is_what_a_list_of_names_with_contents_would_be(
    tmp_path_factory: pytest.TempPathFactory, calls: list[list[tuple[int, Any]]]
) -> None:
    """Against a plain model: every call is taken whole or refused whole, and no event is lost or doubled."""
    box = inbox(tmp_path_factory.mktemp("inbox"))
    known: dict[int, str] = {}
    kept: list[str] = []
    for call in calls:
        after, new, clash = dict(known), [], False
        for name, row in call:
            content = repr(sorted((k, int(v) if type(v) is float else v) for k, v in row.items()))
            clash |= after.setdefault(name, content) != content
            if name not in known and name not in {n for n, _ in new}:
                new.append((name, json.dumps(row)))
        events = [Event(source="s", id=str(n), feed="f", data=json.dumps(row)) for n, row in call]
        if clash:
            with pytest.raises(EventsDiffer):
                box.put(events, AT)
            continue
        assert box.put(events, AT).accepted == len(new)
        known, kept = after, kept + [data for _, data in new]
    assert [data for data, _ in waiting(box, "f")] == kept
    box.close()


def test_the_content_cannot_be_guessed_from_the_file(tmp_path: Path) -> None:
    """A digest without the key could be found by trying all numbers of persons."""
    assert digests_of(VAULT, [FIRST]) != digests_of(Vault(KEY[::-1]), [FIRST])


def test_an_inbox_of_an_older_version_goes_on_and_knows_its_names(tmp_path: Path) -> None:
    inbox(tmp_path).close()
    database = sqlite3.connect(tmp_path / FILE)
    database.executescript(
        """
        PRAGMA user_version = 0; DROP TABLE waiting; DROP TABLE known;
        CREATE TABLE waiting (
          seq INTEGER PRIMARY KEY AUTOINCREMENT, feed TEXT NOT NULL, handle INTEGER NOT NULL,
          withdrawn INTEGER NOT NULL, complete_through TEXT, received_at TEXT NOT NULL, sealed BLOB);
        CREATE TABLE known (name BLOB PRIMARY KEY, day INTEGER NOT NULL) WITHOUT ROWID;
        """
    )
    name = VAULT.index(f"event\x1f{FIRST.source}\x1f{FIRST.id}")[:16]
    handle = int.from_bytes(name[:8]) >> 1
    (sealed,) = VAULT.seal_all([handle], "event", [FIRST.data])
    database.execute(
        "INSERT INTO waiting VALUES (1, 'insured_wages', ?, 0, NULL, ?, ?)", (handle, AT.isoformat(), sealed)
    )
    database.execute("INSERT INTO known VALUES (?, ?)", (name, AT.date().toordinal()))
    database.commit()
    database.close()
    box = inbox(tmp_path)
    assert box.put([FIRST], AT).repeated == 1
    assert waiting(box) == [(FIRST.data, None)]
    new = replace(FIRST, id="2")
    assert box.put([new], AT).accepted == 1
    with pytest.raises(EventsDiffer):
        box.put([replace(OTHER["another wage"], id="2")], AT)
    box.close()


def test_names_of_the_version_before_are_known_with_their_content_until_they_are_forgotten(
    tmp_path: Path,
) -> None:
    """They had source and id only, so what has other content may be another department's."""
    inbox(tmp_path).close()
    database = sqlite3.connect(tmp_path / FILE)
    name = VAULT.index(f"event\x1f{FIRST.source}\x1f{FIRST.id}")[:16]
    database.execute(
        "INSERT INTO known VALUES (?, ?, ?)", (name, AT.date().toordinal(), digests_of(VAULT, [FIRST])[0])
    )
    database.execute("PRAGMA user_version = 0")
    database.commit()
    database.close()
    box, late = inbox(tmp_path), AT.date() + dt.timedelta(days=NAMES_KEPT_DAYS)
    own, other = replace(FIRST, department="social"), replace(OTHER["another wage"], department="health")
    box.forget_names(late)
    assert (box.put([own], AT).repeated, box.put([other], AT).accepted) == (1, 1)
    box.close()
    again = inbox(tmp_path)
    assert again.put([own, other], AT).repeated == 2
    again.forget_names(late + dt.timedelta(days=1))
    assert again.put([own], AT).accepted == 1
    again.close()


def test_a_row_that_is_nested_deep_is_compared_too(tmp_path: Path) -> None:
    deep = '{"a":' + "[" * 5000 + "]" * 5000 + "}"
    box = inbox(tmp_path)
    box.put([spelled(deep)], AT)
    assert box.put([spelled(deep)], AT).repeated == 1
    with pytest.raises(EventsDiffer):
        box.put([FIRST], AT)
    box.close()


def test_attributes_that_nothing_rests_on_are_no_content() -> None:
    sent = {"specversion": "1.0", "id": "1", "source": "s", "type": "insured_wages", "data": {"wage": 1}}
    more = sent | {"subject": "x", "time": "2026-11-09T08:00:00Z", "datacontenttype": "application/json"}
    found = [read(each, AT.date()) for each in (sent, more)]
    assert len(set(digests_of(VAULT, found))) == 1
