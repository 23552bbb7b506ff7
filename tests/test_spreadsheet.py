"""No CSV file that Almoner writes for people holds a cell that a spreadsheet would compute."""

from __future__ import annotations

import csv
import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest

from almoner.cli import comparing
from almoner.engines import open_engine
from almoner.spreadsheet import harmless
from almoner.trials.pack_effects import MOVED

SOURCES = Path(__file__).parents[1] / "src"


@pytest.mark.parametrize(
    "cell", ["=1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", " =1", "＝1", "＋1", "－1", "＠x"]
)
def test_text_that_would_be_computed_gets_an_apostrophe(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"


@pytest.mark.parametrize(
    "cell", [-1, -0.5, Decimal("-2"), None, True, dt.date(2026, 11, 6), "", " ", "a=1", "'=1"]
)
def test_all_else_stays_as_it_is(cell: object) -> None:
    assert harmless(cell) is cell


def test_a_list_of_what_another_pack_changes_holds_no_formula(tmp_path: Path) -> None:
    """A department's file names the areas."""
    with open_engine() as engine:
        engine.materialize(
            MOVED,
            """SELECT 'proposal' AS kind, 'grant' AS item, 'came' AS change, 1 AS household_id,
                 NULL::BIGINT AS person_id, '=cmd()' AS area, '@old' AS old_level, '+new' AS new_level,
                 -5.0 AS old_amount, 7.0 AS new_amount""",
        )
        comparing._write_list(engine, tmp_path / "moved.csv")
    with (tmp_path / "moved.csv").open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["area"], row["level_before"], row["level_after"]) == ("'=cmd()", "'@old", "'+new")
    assert (row["amount_before"], row["household_id"]) == ("-5.0", "1")


def test_every_module_that_writes_csv_does_so() -> None:
    texts = {f.relative_to(SOURCES).as_posix(): f.read_text(encoding="utf-8") for f in SOURCES.rglob("*.py")}
    writing = {name for name, text in texts.items() if "csv.writer(" in text or "csv.DictWriter(" in text}
    assert "almoner/registry/quarantine.py" in writing
    assert {
        name for name in writing if "harmless(" not in texts[name] and "map(harmless" not in texts[name]
    } == set()
