"""`almoner pack new`: what it writes compiles and passes as it stands, on any pack, and nothing is
overwritten."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from almoner.cli import app
from almoner.errors import PackError
from almoner.policy import check_pack, compile_pack
from almoner.policy.authoring import new_pack
from almoner.policy.authoring.references import references
from almoner.trials import scenarios
from policy.small_pack import DAY, write

PACKS = Path(__file__).parents[2] / "packs"
EXAMPLE = "example_arrears"


def made(tmp_path: Path, parent: Path | str, day: dt.date) -> Path:
    folder = tmp_path / "mine"
    extends = new_pack.named_from(folder, str(parent))
    new_pack.create("mine", compile_pack(parent, as_of=day), extends, folder, day)
    return folder


@pytest.mark.parametrize("parent", ["base", "gsoep"])
def test_on_a_pack_that_comes_with_almoner_it_compiles_and_passes(tmp_path: Path, parent: str) -> None:
    day = dt.date(2026, 11, 9)
    pack, findings = check_pack(made(tmp_path, parent, day), as_of=day)
    assert findings == ()
    assert pack is not None
    assert {EXAMPLE} <= pack.feeds.keys() & pack.signals.keys() & pack.indicators.keys()
    mine = [case for case in pack.scenarios if EXAMPLE in case.file]
    assert len(mine) == 4
    assert [v.wrong for v in scenarios.run(pack, mine)] == [()] * 4


@pytest.mark.parametrize("day", [dt.date(2026, 1, 1), dt.date(2026, 3, 31), dt.date(2028, 2, 29)])
def test_on_a_pack_of_ones_own_on_any_day(tmp_path: Path, day: dt.date) -> None:
    parent = write(tmp_path / "parent")
    folder = made(tmp_path, parent, day)
    assert yaml.safe_load((folder / "pack.yaml").read_text("utf-8"))["extends"] == "../parent"
    pack = compile_pack(folder, as_of=day)
    mine = [case for case in pack.scenarios if EXAMPLE in case.file]
    assert all(v.passed for v in scenarios.run(pack, mine))


def test_its_values_are_marked_as_examples(tmp_path: Path) -> None:
    pack = compile_pack(made(tmp_path, write(tmp_path / "parent"), DAY), as_of=DAY)
    mine = {r.standing for r in references(pack) if r.item.startswith("example")}
    assert mine == {"example value"}


def test_labels_come_in_every_language_of_the_parent(tmp_path: Path) -> None:
    pack = compile_pack(made(tmp_path, write(tmp_path / "parent"), DAY), as_of=DAY)
    assert set(pack.signals[EXAMPLE].label) == {"en", "zh"}
    assert pack.signals[EXAMPLE].label["zh"] == "连续多月欠缴供暖费"


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    folder = made(tmp_path, write(tmp_path / "parent"), DAY)
    kept = (folder / "pack.yaml").read_bytes()
    with pytest.raises(PackError, match="is not empty"):
        made(tmp_path, tmp_path / "parent", DAY)
    assert (folder / "pack.yaml").read_bytes() == kept
    (tmp_path / "file").write_text("mine", "utf-8")
    with pytest.raises(PackError, match="is not empty"):
        new_pack.create(
            "mine", compile_pack(tmp_path / "parent", as_of=DAY), "parent", tmp_path / "file", DAY
        )


def test_the_command_writes_and_says_what_comes_next(tmp_path: Path) -> None:
    words = ["pack", "new", "mine", "--extends", "gsoep", "--to", str(tmp_path / "mine")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0
    assert "README.md" in result.stdout.splitlines()[-1]
    assert (tmp_path / "mine" / "README.md").read_text("utf-8").startswith("# mine")
    again = CliRunner().invoke(app, words)
    assert again.exit_code == 1


def test_a_name_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="small letters"):
        new_pack.create("My pack", compile_pack("gsoep"), "gsoep", tmp_path / "x", DAY)
    assert not (tmp_path / "x").exists()


def test_scenarios_can_be_chosen_by_file_or_sentence(tmp_path: Path) -> None:
    folder = str(made(tmp_path, "gsoep", dt.date.today()))
    result = CliRunner().invoke(app, ["pack", "test", folder, "--only", EXAMPLE]).stdout
    assert result == "4 of 4 scenarios pass.\n"
    result = CliRunner().invoke(app, ["pack", "test", folder, "--only", "at the bar"]).stdout
    assert result == "1 of 1 scenarios pass.\n"
    assert CliRunner().invoke(app, ["pack", "test", folder, "--only", "no such"]).exit_code == 1
