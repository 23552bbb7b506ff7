"""`almoner feeds`, `almoner delivery undo`, and what the console is told by them."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

import command
from feeds import WAGE_HEADER, number, write_csv
from once import copied, once

FEED = "insured_wages"


def almoner(*words: object, code: int = 0) -> str:
    done = command.run(*words)
    assert done.returncode == code, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stdout + done.stderr


def wages(folder: Path, month: int, bad: int = 0) -> list[object]:
    """The file of a month, of which the first `bad` rows break the contract, as arguments of `intake`."""
    rows = [[number(n), f"2026-{month:02d}", "E", -1 if n < bad else 1500 + n] for n in range(30)]
    file = write_csv(folder / f"{FEED}-2026-{month:02d}-{bad}.csv", WAGE_HEADER, rows)
    return [file, "--received-at", f"2026-{month + 1:02d}-05T08:00:00"]


def _delivered(folder: Path) -> None:
    """An installation with the wages of four months."""
    almoner("init", folder / "home", "--pack", "base")
    for month in range(6, 10):
        almoner("intake", folder / "home", *wages(folder, month))


@pytest.fixture
def home(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(once(tmp_path_factory, "feeds", _delivered), tmp_path / "made") / "home"


def shown(home: Path) -> dict[str, Any]:
    found = {one["feed"]: one for one in json.loads(almoner("feeds", home, "--json"))["feeds"]}
    return dict(found[FEED])


def in_console(home: Path) -> tuple[Any, Any]:
    with sqlite3.connect(home / "casework.sqlite3") as database:
        (row,) = database.execute(
            "SELECT complete, waiting FROM casework_feedstate WHERE id = ?", (FEED,)
        ).fetchall()
    return json.loads(row[0]), json.loads(row[1])


def test_a_delivery_that_waits_is_shown_and_released_with_a_reason(home: Path, tmp_path: Path) -> None:
    assert (shown(home)["complete_through"], in_console(home)[1]) == ("2026-09-30", [])
    almoner("intake", home, *wages(tmp_path, 10, bad=3))
    after = shown(home)
    assert after["complete_through"] == "2026-09-30"
    (waits,) = after["waiting"]
    assert (waits["through"], waits["reasons"]) == ("2026-10-31", ["3 of 30 rows are held back"])
    release = ["release", FEED, waits["delivery"]]
    assert " ".join(["almoner feeds HOME", *map(str, release)]) in " ".join(almoner("feeds", home).split())
    complete, waiting = in_console(home)
    assert [one["through"] for one in complete] == ["2026-09-30"]
    assert [one["delivery"] for one in waiting] == [waits["delivery"]]
    for words in ([], ["--reason", " "]):
        assert "reason" in almoner("feeds", home, *release, *words, code=1)
    assert "Lin answers" in almoner("feeds", home, *release, "--reason", "checked", "--by", "Lin")
    assert (shown(home)["complete_through"], shown(home)["waiting"]) == ("2026-10-31", [])
    complete, waiting = in_console(home)
    assert ([one["through"] for one in complete], waiting) == (["2026-10-31"], [])
    assert "Lin: release" in almoner("feeds", home)
    almoner("feeds", home, *release, "--reason", "again", code=1)


def test_a_last_day_is_withdrawn_and_a_delivery_undone(home: Path, tmp_path: Path) -> None:
    october = wages(tmp_path, 10)
    almoner("intake", home, *october)
    assert shown(home)["complete_through"] == "2026-10-31"
    for day in ("2026-10-31", "2062-10-31"):
        said = almoner("feeds", home, "withdraw", FEED, "--through", day, "--reason", "x", code=1)
        assert "nothing after" in " ".join(said.split())
    almoner("feeds", home, "withdraw", FEED, "--through", "2026-09-30", "--reason", "mistyped")
    assert shown(home)["complete_through"] == "2026-09-30"
    assert in_console(home)[0][-1]["through"] == "2026-09-30"
    why = f"{FEED} of {number(1)}"
    for act in (
        ("delivery", "undo", home, FEED),
        ("feeds", home, "withdraw", FEED, "--through", "2026-09-30"),
    ):
        assert "holds an identity number" in " ".join(almoner(*act, "--reason", why, code=1).split())
    said = almoner("delivery", "undo", home, FEED, "--reason", "another county", "--by", "Lin")
    assert "30 rows hold no longer" in " ".join(said.split())
    listed = almoner("feeds", home)
    assert "Lin: undo" in listed
    assert "mistyped" in listed
    taken = json.loads(almoner("intake", home, *october, "--json"))
    assert (taken["rows_new"], shown(home)["complete_through"]) == (30, "2026-10-31")


MISTAKES = [
    ["feeds", "no_such_feed"],
    ["feeds", "release"],
    ["feeds", "release", FEED],
    ["feeds", "release", FEED, 999_999, "--reason", "x"],
    ["feeds", "release", "no_such_feed", 1, "--reason", "x"],
    ["feeds", "withdraw", FEED],
    ["feeds", "withdraw", FEED, "--through", "2020-01-01"],
    ["delivery", "undo", "no_such_feed", "--reason", "x"],
    ["delivery", "undo", FEED, "--reason", " "],
    ["delivery", "undo", "pensions", "--reason", "x"],
]


def test_mistakes_are_told_and_change_nothing(home: Path) -> None:
    before = shown(home)
    for name, *words in MISTAKES:
        place = [words.pop(0), home] if name == "delivery" else [home]
        almoner(name, *place, *words, code=1)
    assert shown(home) == before
