"""A row says in `_action` that it withdraws, in events as in files."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from almoner.registry import retrying
from almoner.registry.quarantine import entries
from almoner.stream.events import EventRefused, read
from county import number
from stream.taking import AT, Stream, event

WHO = number(1, dt.date(1984, 6, 1))
KEY = {"resident_no": WHO, "month": "2026-09", "employer_code": "E1"}


def attributes(type_: str = "insured_wages", **data: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "id": "1", "source": "/s", "type": type_, "data": data}


@pytest.mark.parametrize("name", ["_action", "_操作", "_ACTION"])
@pytest.mark.parametrize(
    ("type_", "said", "withdrawn"),
    [
        ("insured_wages", "withdraw", True),
        ("insured_wages", "撤销", True),
        ("insured_wages", "add", False),
        ("insured_wages", "新增", False),
        ("insured_wages", "", False),
        ("insured_wages", None, False),
        ("insured_wages.withdrawn", "withdraw", True),
        ("insured_wages.withdrawn", "", True),
    ],
)
def test_the_action_is_read(name: str, type_: str, said: object, withdrawn: bool) -> None:
    found = read(attributes(type_, **KEY, **{name: said}), AT.date())
    assert (found.feed, found.withdrawn) == ("insured_wages", withdrawn)
    assert found.data == read(attributes(**KEY), AT.date()).data


@pytest.mark.parametrize(
    ("type_", "said"),
    [
        ("insured_wages", "delete"),
        ("insured_wages", 1),
        ("insured_wages", True),
        ("insured_wages", {"a": 1}),
        ("insured_wages", ["withdraw"]),
        ("insured_wages.withdrawn", "add"),
        ("insured_wages.withdrawn", "新增"),
    ],
)
def test_any_other_is_refused(type_: str, said: object) -> None:
    with pytest.raises(EventRefused, match="_action"):
        read(attributes(type_, **KEY, _action=said), AT.date())


def test_it_withdraws(stream: Stream) -> None:
    stream.put(event("insured_wages", 1, wage=100, **KEY))
    stream.drain()
    assert stream.rows("insured_wages", "wage") == [(100,)]
    stream.put(read(attributes(**KEY, _action="withdraw"), AT.date()))
    stream.drain(AT + dt.timedelta(seconds=1))
    assert stream.rows("insured_wages", "wage") == []


def test_a_withdrawal_that_was_held_back_is_never_retried_as_a_row(stream: Stream) -> None:
    wrong = KEY | {"month": "once"}
    stream.put(event("insured_wages", 1, withdrawn=True, **wrong))
    stream.drain()
    assert [f.rule for e in entries(stream.engine) for f in e.faults] == ["type_date"]
    again = retrying.retry(
        stream.engine, stream.vault, stream.store, stream.pack.feeds, AT + dt.timedelta(hours=1)
    )
    assert again == []
    assert [f.rule for e in entries(stream.engine) for f in e.faults] == ["type_date"]
