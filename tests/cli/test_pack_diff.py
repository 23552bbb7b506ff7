"""`almoner pack diff` prints and lists differences, and leaves every file of the installation as it was."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

import command
import county
from trials import effects_pack

NEW_BAR = effects_pack.FILES["parameters/bar.yaml"].replace("1000", "3000")


def almoner(*words: object, code: int = 0) -> str:
    done = command.run(*words)
    assert done.returncode == code, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stdout + done.stderr


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("packs")
    return effects_pack.write(folder / "old"), effects_pack.write(folder / "new", parameters__bar=NEW_BAR)


@pytest.fixture(scope="module")
def home(packs: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installation")
    almoner("init", folder / "home", "--pack", packs[0])
    listed = [
        {
            "file": d.file.name,
            "feed": d.feed,
            "received_at": d.received_at.isoformat(),
            "complete_through": str(d.complete_through),
        }
        for d in county.deliveries(folder / "files", effects_pack.book())
    ]
    (folder / "files" / "manifest.json").write_text(json.dumps({"deliveries": listed}), encoding="utf-8")
    almoner("intake", folder / "home", folder / "files")
    almoner("run", folder / "home", "--as-of", county.AS_OF)
    return folder / "home"


def contents(home: Path) -> dict[str, str]:
    return {
        str(f.relative_to(home)): hashlib.sha256(f.read_bytes()).hexdigest()
        for f in sorted(home.rglob("*"))
        if f.is_file()
    }


def diff(home: Path, old: object, new: object, *more: object) -> Any:
    return json.loads(almoner("pack", "diff", old, new, "--home", home, "--json", *more))


def test_it_counts_and_leaves_every_file_of_the_installation_as_it_was(
    home: Path, packs: tuple[Path, Path], tmp_path: Path
) -> None:
    before = contents(home)
    shown = diff(home, *packs, "--list", tmp_path / "moved.csv")
    assert contents(home) == before
    wages = effects_pack.october(effects_pack.book()).values()
    (signal,) = shown["signals"]
    assert shown["as_of"] == county.AS_OF.isoformat()
    assert signal["newly"] == sum(1000 <= w < 3000 for w in wages)
    (programme,) = shown["programmes"]
    assert programme["difference"]["total"] == pytest.approx(
        sum(3000 - w for w in wages if w < 3000) - sum(1000 - w for w in wages if w < 1000)
    )
    with (tmp_path / "moved.csv").open(encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    assert [r["household_id"] for r in rows if (r["kind"], r["change"]) == ("signal", "came")]
    text = (tmp_path / "moved.csv").read_text("utf-8-sig")
    assert "Person" not in text
    assert not [r for r in effects_pack.book().rows["population_register", 0] if r["resident_no"] in text]


def test_the_pack_that_decided_is_found_by_its_hash(home: Path, packs: tuple[Path, Path]) -> None:
    (kept,) = [p.name for p in (home / "packs").iterdir()]
    shown = diff(home, kept[:12], packs[0])
    assert shown["old"]["hash"] == shown["new"]["hash"] == kept
    assert shown["text"] == shown["groups"] == []


def test_the_words_say_what_changes_for_whom(home: Path, packs: tuple[Path, Path]) -> None:
    shown = almoner("pack", "diff", *packs, "--home", home)
    for said in (
        "Nothing was written",
        "Who would be noticed",
        "Low wage",
        "Top-up",
        "Money by area (township)",
        "Area 710000101",
        "Groups most affected",
        "parameters bar areas.default.2024-01-01",
        "- 1000 (Notice 1)",
        "+ 3000 (Notice 1)",
    ):
        assert said in shown


def test_the_words_come_in_the_language_of_the_installation(home: Path, packs: tuple[Path, Path]) -> None:
    settings = (home / "almoner.json").read_text("utf-8")
    (home / "almoner.json").write_text(settings.replace('"en"', '"zh"'), "utf-8")
    try:
        assert "低工资" in almoner("pack", "diff", *packs, "--home", home)
    finally:
        (home / "almoner.json").write_text(settings, "utf-8")


def test_the_same_pack_twice_says_that_nothing_changes(home: Path, packs: tuple[Path, Path]) -> None:
    shown = almoner("pack", "diff", packs[0], packs[0], "--home", home)
    for said in ("the same people would be noticed", "no amount would change", "decide by the same text"):
        assert said in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nosuchpack", "{old}", "--home", "{home}"), "There is no pack `nosuchpack`"),
        (("{old}", "{old}", "--home", "{home}", "--level", "street"), "no level `street`"),
        (("{old}", "{old}", "--home", "{old}"), "is not an installation"),
    ],
)
def test_what_cannot_be_compared_is_said_in_words(
    home: Path, packs: tuple[Path, Path], words: tuple[str, ...], said: str
) -> None:
    filled = [w.format(home=home, old=packs[0]) for w in words]
    assert said in almoner("pack", "diff", *filled, code=1)
