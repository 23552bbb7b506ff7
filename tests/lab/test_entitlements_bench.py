"""Our amounts and OpenFisca's for the same rules on real tax units agree to the cent, and a difference is
found.

`data/cps_sample.csv` is every 140th tax unit, with the columns that the pack reads, of `cps.csv.gz` in the
Python package taxcalc 6.8 (CC0 1.0, public domain).
"""

from __future__ import annotations

import datetime as dt
import gzip
import json
import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from almoner.errors import AlmonerError
from almoner.lab import panels
from almoner.policy import compile_pack
from almoner.policy.model.pack import Pack
from benchmarks import entitlements_bench
from benchmarks.cli.benchmark import app
from benchmarks.entitlements_bench import Comparison

CPS = Path(__file__).parents[2] / "packs" / "cps"
SAMPLE = Path(__file__).parent / "data" / "cps_sample.csv"
DAY = dt.date(2014, 12, 31)


@pytest.fixture(scope="module")
def cps() -> Pack:
    return compile_pack(CPS, as_of=DAY)


@pytest.fixture(scope="module")
def rows(cps: Pack) -> pa.Table:
    assert cps.panel is not None
    return panels.read(cps.panel, SAMPLE)


@pytest.fixture(scope="module")
def compared(cps: Pack, rows: pa.Table) -> Comparison:
    return entitlements_bench.compare(cps, CPS, rows)


def test_every_amount_of_every_unit_is_the_same(compared: Comparison) -> None:
    assert compared.units == 2000
    assert compared.differences == 0
    assert compared.largest_difference < entitlements_bench.CENT


def test_every_programme_pays_some_and_not_all(compared: Comparison) -> None:
    assert all(100 < paid < 1500 for paid in compared.paid.values())


def test_both_are_timed_from_the_facts_to_the_amounts(compared: Comparison) -> None:
    assert {"indicators", "entitlements", "amounts"} <= compared.ours.seconds.keys()
    assert compared.theirs.seconds.keys() == {"arrays", "inputs", "calculation"}
    assert compared.ours.total > 0 < compared.theirs.total


def test_another_rule_on_one_side_is_seen(rows: pa.Table, tmp_path: Path) -> None:
    shutil.copytree(CPS, tmp_path / "cps")
    file = tmp_path / "cps" / "parameters" / "child_amount.yaml"
    file.write_text(file.read_text("utf-8").replace("110", "111"), "utf-8")
    changed = compile_pack(tmp_path / "cps", as_of=DAY)
    found = entitlements_bench.compare(changed, CPS, rows)
    assert found.differences > 100
    assert found.largest_difference >= 1


def test_the_command_prints_the_promised_keys() -> None:
    printed = json.loads(CliRunner().invoke(app, ["entitlements", "--json", "--file", str(SAMPLE)]).stdout)
    assert {
        "units",
        "seconds",
        "openfisca_seconds",
        "rows_per_second",
        "largest_difference",
    } <= printed.keys()
    assert printed["differences"] == 0


def test_without_the_package_that_ships_the_file_it_is_said_how_to_get_it(
    cps: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cps.panel is not None
    monkeypatch.setattr(panels, "find_spec", lambda _: None)
    with pytest.raises(AlmonerError, match="pip install --no-deps taxcalc"):
        panels.read(cps.panel)


def test_the_file_is_found_in_its_package_which_is_not_imported(
    cps: Pack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "taxcalc").mkdir()
    (tmp_path / "taxcalc" / "__init__.py").write_text("raise RuntimeError('imported')", "utf-8")
    (tmp_path / "taxcalc" / "cps.csv.gz").write_bytes(gzip.compress(SAMPLE.read_bytes()))
    monkeypatch.syspath_prepend(tmp_path)
    assert cps.panel is not None
    rows = panels.read(cps.panel)
    assert rows["row_no"].to_pylist() == list(range(1, 2001))


def test_a_file_that_is_no_table_is_refused(cps: Pack, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"a,b\n1\n")
    assert cps.panel is not None
    with pytest.raises(AlmonerError, match=r"x\.csv cannot be read"):
        panels.read(cps.panel, tmp_path / "x.csv")


def test_a_pack_without_rules_for_openfisca_is_refused(cps: Pack, tmp_path: Path) -> None:
    with pytest.raises(AlmonerError, match="openfisca_rules"):
        entitlements_bench.compare(cps, tmp_path)


def test_a_panel_that_orders_nobody_cannot_be_evaluated(cps: Pack) -> None:
    with pytest.raises(AlmonerError, match="orders nobody"):
        panels.evaluate(cps)
