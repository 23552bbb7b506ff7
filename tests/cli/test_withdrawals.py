"""`almoner withdrawals`, negative amounts and `_action` in a file: what a whole list takes back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import command
from feeds import number, write_csv
from once import copied, once

FEED = "minimum_living_recipients"
HEADER = ["resident_no", "month", "amount"]
PEOPLE = 60


def almoner(*words: object, code: int = 0) -> str:
    done = command.run(*words)
    assert done.returncode == code, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stdout + done.stderr


def take(home: Path, name: str, header: list[str], rows: list[list[object]]) -> dict[str, Any]:
    file = write_csv(home.parent / f"{FEED}-{name}.csv", header, rows)
    return dict(json.loads(almoner("intake", home, file, "--received-at", "2026-11-05T08:00:00", "--json")))


def _with_a_list(folder: Path) -> None:
    """An installation with October's list, and a second one that names half of the people."""
    home = folder / "home"
    almoner("init", home, "--pack", "base")
    october = [[number(n), "2026-10", 600] for n in range(PEOPLE)]
    assert take(home, "whole", HEADER, october)["rows_new"] == PEOPLE
    take(home, "half", HEADER, october[: PEOPLE // 2])


@pytest.fixture
def home(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(once(tmp_path_factory, "withdrawals", _with_a_list), tmp_path / "made") / "home"


def waiting(home: Path) -> list[dict[str, Any]]:
    return list(json.loads(almoner("withdrawals", "list", home, "--json"))["waiting"])


def test_what_a_list_no_longer_names_is_taken_back_by_a_person(home: Path) -> None:
    (waits,) = waiting(home)
    assert (waits["feed"], waits["rows"]) == (FEED, PEOPLE // 2)
    assert "almoner withdrawals release" in " ".join(almoner("withdrawals", "list", home).split())
    assert "30 rows taken back" in almoner("withdrawals", "release", home, waits["delivery_id"])
    assert waiting(home) == []
    again = almoner("withdrawals", "release", home, waits["delivery_id"], code=1)
    assert "waits" in " ".join(again.split())


def test_what_a_list_no_longer_names_may_hold(home: Path) -> None:
    (waits,) = waiting(home)
    assert "30 rows hold" in almoner("withdrawals", "keep", home, waits["delivery_id"])
    assert waiting(home) == []
    almoner("withdrawals", "release", home, 999_999, code=1)


def test_a_row_is_withdrawn_by_its_action_and_paid_back_by_a_negative_amount(home: Path) -> None:
    """The contract says `negative: reverses`: a negative amount is taken off, not held back."""
    back = take(home, "back", [*HEADER, "_action"], [[number(0), "2026-10", "", "withdraw"]])
    assert (back["rows_withdrawn"], back["rows_quarantined"]) == (1, 0)
    odd = take(home, "odd", [*HEADER, "_action"], [[number(1), "2026-10", 600, "destroy"]])
    assert odd["rows_quarantined"] == 1
    refund = take(home, "refund", HEADER, [[number(2), "2026-10", -100]])
    assert refund["rows_quarantined"] == 0
