"""A past decision is computed again with the pack that made it, as the installation has kept it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import command
import county
from once import copied
from trials import effects_pack

BAR = "parameters/bar.yaml"
DAY = ("--as-of", county.AS_OF)
LATER = ("--known-at", "2099-01-01")


def almoner(*words: object, code: int = 0) -> str:
    done = command.run(*words)
    assert done.returncode == code, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stdout + done.stderr


def as_json(*words: object) -> Any:
    return json.loads(almoner(*words, "--json"))


def raise_bar(pack: Path) -> None:
    text = (pack / BAR).read_text(encoding="utf-8")
    (pack / BAR).write_text(text.replace("value: 1000", "value: 3000"), encoding="utf-8")


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`home`, in which a day was decided, and its `pack`, in which the bar was raised after that."""
    folder = tmp_path_factory.mktemp("installation")
    effects_pack.write(folder / "pack")
    almoner("init", folder / "home", "--pack", folder / "pack")
    book = county.deliveries(folder / "files", effects_pack.book())
    listed = [
        {
            "file": delivery.file.name,
            "feed": delivery.feed,
            "received_at": delivery.received_at.isoformat(),
            "complete_through": str(delivery.complete_through),
        }
        for delivery in book
    ]
    (folder / "files" / "manifest.json").write_text(json.dumps({"deliveries": listed}), encoding="utf-8")
    almoner("intake", folder / "home", folder / "files")
    almoner("run", folder / "home", *DAY)
    raise_bar(folder / "pack")
    return folder


def test_a_replay_takes_the_archived_pack_and_not_the_one_in_use(decided: Path, tmp_path: Path) -> None:
    home = copied(decided / "home", tmp_path / "home")
    then = as_json("run", home, *DAY, *LATER)
    assert then["equal"] is True
    now = as_json("run", home, *DAY)
    assert now["decided_sha256"] != then["decided_sha256"]  # the pack in use decides another thing
    assert len(list((home / "packs").iterdir())) == 2
    last = as_json("run", home, *DAY, *LATER)
    assert (last["equal"], last["decided_sha256"]) == (True, now["decided_sha256"])


def add(kept: Path) -> None:
    text = (kept / "signals" / "low_wage.yaml").read_text(encoding="utf-8")
    (kept / "signals" / "lower_wage.yaml").write_text(text, encoding="utf-8")


def take_out(kept: Path) -> None:
    (kept / "programmes" / "top_up.yaml").unlink()


def touch(kept: Path) -> None:
    """A comment that decides nothing was added: the pack differs from the archived one."""
    with (kept / BAR).open("a", encoding="utf-8") as file:
        file.write("# seen\n")


@pytest.mark.parametrize("alter", [raise_bar, add, take_out, touch])
def test_a_replay_refuses_an_archived_pack_that_was_altered(
    decided: Path, tmp_path: Path, alter: Callable[[Path], None]
) -> None:
    home = copied(decided / "home", tmp_path / "home")
    (kept,) = (home / "packs").iterdir()
    alter(kept)
    message = almoner("run", home, *DAY, *LATER, code=1)
    assert "was changed after it decided" in " ".join(message.split())


def test_a_replay_refuses_to_go_on_without_the_archived_pack(decided: Path, tmp_path: Path) -> None:
    home = copied(decided / "home", tmp_path / "home")
    (kept,) = (home / "packs").iterdir()
    shutil.rmtree(kept)
    message = almoner("run", home, *DAY, *LATER, code=1)
    assert f"The pack {kept.name[:12]} is not in" in " ".join(message.split())


def test_a_comparison_with_an_archived_pack_that_was_altered_is_refused(
    decided: Path, tmp_path: Path
) -> None:
    home = copied(decided / "home", tmp_path / "home")
    (kept,) = (home / "packs").iterdir()
    raise_bar(kept)
    message = almoner("pack", "diff", kept.name[:12], decided / "pack", "--home", home, code=1)
    assert "was changed after it decided" in " ".join(message.split())
