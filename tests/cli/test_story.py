"""The commands in the order a user needs them: a county, an installation, deliveries, a cycle, reasons."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import command
from benching import bench
from once import copied


def almoner(*words: object, code: int = 0, **environment: str) -> str:
    """Run the command in a process of its own; gives its standard output."""
    done = command.run(*words, env={**os.environ, **environment})
    assert done.returncode == code, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stdout + done.stderr


def as_json(*words: object) -> Any:
    return json.loads(almoner(*words, "--json"))


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("county")
    almoner("lab", "place", folder, "--residents", 1000)
    return folder


@pytest.fixture(scope="module")
def taken(county: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """An installation, and what was said of its deliveries."""
    folder = tmp_path_factory.mktemp("installation") / "home"
    almoner("init", folder, "--pack", "base")
    return folder, as_json("intake", folder, county / "deliveries")


@pytest.fixture(scope="module")
def home(taken: tuple[Path, dict[str, Any]]) -> Path:
    folder, said = taken
    assert said["refused"] == []
    assert said["rows_read"] == sum(
        said[f"rows_{x}"] for x in ("new", "corrected", "unchanged", "duplicate", "quarantined")
    )
    as_json("run", folder, "--as-of", "2026-11-09")
    return folder


def references(home: Path) -> list[str]:
    import sqlite3

    with sqlite3.connect(home / "casework.sqlite3") as database:
        return [r for (r,) in database.execute("SELECT reference FROM casework_case ORDER BY reference")]


def test_a_second_run_opens_nothing(home: Path) -> None:
    before = references(home)
    again = as_json("run", home, "--as-of", "2026-11-09")
    assert len(before) > 10
    assert again["cases_opened"] == 0
    assert references(home) == before


def test_the_same_deliveries_again_change_nothing(home: Path, county: Path) -> None:
    again = as_json("intake", home, county / "deliveries")
    assert again["rows_read"] == 0
    assert again["already_taken_in"] == again["deliveries"]


def test_explain_gives_each_reason_in_both_languages(home: Path) -> None:
    case = references(home)[0]
    english, chinese = almoner("explain", home, case), almoner("explain", home, case, "--language", "zh")
    assert " is " in english
    assert any("\u4e00" <= letter <= "\u9fff" for letter in chinese)
    for text in (english, chinese):
        assert any(digit.isdigit() for digit in text)
        assert "2026-" in text or "2026" in text


def test_explain_of_an_unknown_case_is_one_clear_line(home: Path) -> None:
    printed = almoner("explain", home, "NOSUCHCASE", code=1)
    assert len(printed.strip().splitlines()) == 1


def test_known_at_replays_what_was_decided(home: Path) -> None:
    replayed = as_json("run", home, "--as-of", "2026-11-09", "--known-at", "2099-01-01")
    assert replayed["equal"] is True
    assert replayed["recorded_sha256"] == replayed["decided_sha256"]


def test_before_anything_was_known_nothing_is_decided(home: Path) -> None:
    empty = as_json("run", home, "--as-of", "2026-11-09", "--known-at", "2020-01-01")
    assert empty["recorded_sha256"] is None
    assert all(s["holds"] == 0 for s in empty["signals"].values())


def test_quarantine_lists_exports_and_takes_back_nothing_wrong(home: Path, tmp_path: Path) -> None:
    rows = as_json("quarantine", "list", home)["rows"]
    assert rows
    almoner("quarantine", "export", home, tmp_path / "faults.csv")
    assert (tmp_path / "faults.csv").read_text(encoding="utf-8-sig").startswith("id,feed,file,line,column")
    assert as_json("quarantine", "retry", home)["rows_taken_in"] == 0
    first = rows[0]["quarantine_id"]
    almoner("quarantine", "dismiss", home, first, "--reason", "The department says it was a test row")
    assert first not in [r["quarantine_id"] for r in as_json("quarantine", "list", home)["rows"]]


def test_quality_against_the_truth_is_printed_with_naive_rules_beside(home: Path, county: Path) -> None:
    quality = as_json("evaluate", county, "--home", home)
    assert {"raised", "right", "precision", "needs", "found", "recall"} <= set(
        quality["signals"]["income_shock"]
    )
    assert quality["naive_rules"]


def test_no_personal_data_in_what_commands_print(home: Path, county: Path) -> None:
    import pyarrow.parquet as pq

    numbers = pq.read_table(county / "truth" / "persons.parquet").column("resident_no").to_pylist()
    printed = almoner("quarantine", "list", home) + almoner("explain", home, references(home)[0])
    assert not [n for n in numbers if n in printed]


def test_no_file_but_the_vault_knows_a_number(home: Path, county: Path) -> None:
    """Not even sealed files hold one in clear: the numbers of 200 residents are in no byte of the
    installation."""
    import pyarrow.parquet as pq

    numbers = pq.read_table(county / "truth" / "persons.parquet").column("resident_no").to_pylist()[:200]
    for file in home.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert not [n for n in numbers if n.encode() in content], file.name


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "{tmp}/nowhere"), "is not an installation"),
        (("pack", "check", "nosuchpack"), "nosuchpack"),
        (("intake", "{home}", "{tmp}/unknown_feed.csv"), "begins with no feed"),
        (("intake", "{home}", "{tmp}"), "manifest.json"),
        (("evaluate", "base"), "names no panel"),
        (("init", "{home}"), "is an installation already"),
        (("lab", "place", "{tmp}/p", "--residents", "5"), "resident"),
        (("user", "{home}", "x", "--role", "king"), "role"),
    ],
)
def test_what_cannot_be_done_is_said_in_words(
    home: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    (tmp_path / "unknown_feed.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    filled = [w.format(home=home, tmp=tmp_path) for w in words]
    assert said in almoner(*filled, code=1, ALMONER_PASSWORD="a long fictional password")


def test_two_processes_cannot_write_at_once(home: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from almoner.engines import open_engine;"
        "e = open_engine(Path(sys.argv[1])); print('open', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(home / "facts.duckdb")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    try:
        assert "in use by another process" in almoner("run", home, code=1)
    finally:
        holder.communicate("")


def test_demo_prints_the_promised_keys_and_what_the_commands_come_to_one_by_one(
    demo: Path, home: Path, taken: tuple[Path, dict[str, Any]]
) -> None:
    printed = json.loads((demo / "printed.json").read_text(encoding="utf-8"))
    assert {"residents", "households", "signals", "cases", "proposed_cny_per_month", "seconds"} <= set(
        printed
    )
    assert all({"raised", "precision", "recall"} <= set(s) for s in printed["signals"].values())
    by_hand, by_demo = (
        {k: v for k, v in said.items() if "second" not in k} for said in (taken[1], printed["intake"])
    )
    assert by_demo == by_hand
    again = as_json("run", home, "--as-of", printed["as_of"])
    assert printed["cases"] == len(references(home))
    assert (printed["households"], printed["proposals"]) == (again["households"], again["proposals"])


def test_demo_takes_the_place_of_a_former_demo(demo: Path, tmp_path: Path) -> None:
    folder = copied(demo / "demo", tmp_path / "demo")
    assert "at least" in almoner("demo", "--no-serve", "--residents", 5, "--folder", folder, code=1)
    assert [file.name for file in folder.rglob("*")] == [".almoner-demo"]


def test_demo_does_not_clear_a_folder_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    assert "not a former demo" in almoner("demo", "--no-serve", "--folder", tmp_path, code=1)
    assert (tmp_path / "mine.txt").exists()


def test_bench_prints_the_promised_keys() -> None:
    printed = json.loads(bench("sweep", "--residents", 1000, "--json"))
    assert set(printed) >= {
        "residents",
        "facts_rows",
        "place_seconds",
        "intake_seconds",
        "intake_rows_per_second",
        "assessment_seconds",
        "cycle_seconds",
        "lower_bound_seconds",
        "pandas_seconds",
        "peak_memory_mib",
    }


def test_evaluate_on_the_real_panel_prints_both_orderings() -> None:
    printed = as_json("evaluate", "gsoep")
    assert printed["persons"] == 6127
    assert printed["assessment_now"]["auc"] > printed["last_known_list"]["auc"]


def test_pack_check_and_test_pass_for_what_comes_with_almoner() -> None:
    """Of one; every pack's scenarios run in tests/lab/test_scenarios.py and in `make check-packs`."""
    assert as_json("pack", "check", "gsoep")["findings"] == []
    assert as_json("pack", "test", "gsoep")["failed"] == []


def test_logs_and_progress_go_to_standard_error() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "almoner", "pack", "check", "base", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    json.loads(done.stdout)
