"""A landed file is claimed before it is read: nothing that changes is deleted unread, and no file stops a
place."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from time import time

import pytest

import command
from almoner.stream import landing as landing_module
from almoner.stream import landing_claims as claims
from almoner.stream.landing import Landing
from once import copied
from stream.installation import Workers, almoner, stop, until
from stream.taking import AT, Stream
from stream.test_landing import PERSON, ROW, put

FEED = "insured_wages"


@pytest.fixture
def landing(stream: Stream) -> Landing:
    return opened(stream)


def opened(stream: Stream, **options: float) -> Landing:
    made = Landing(
        home=stream.folder,
        engine=stream.engine,
        pack=stream.pack,
        vault=stream.vault,
        store=stream.store,
        **({"settled_seconds": 0, "again_seconds": 0} | options),  # type: ignore[arg-type]
    )
    made.make_folders()
    return made


def folder_of(landing: Landing, feed: str = FEED) -> Path:
    return landing.home / "landing" / landing.pack.feeds[feed].owner


def row(wage: int) -> bytes:
    return json.dumps(ROW | {"month": f"2026-{wage:02d}", "wage": wage}).encode() + b"\n"


def wages(stream: Stream) -> list[int]:
    return [int(wage) for (wage,) in stream.rows(FEED, "wage")]


def everything(landing: Landing) -> list[str]:
    """All files in the landing folders but receipts and reasons."""
    files = (f for f in (landing.home / "landing").rglob("*") if f.is_file())
    return sorted(
        f.name for f in files if not f.name.endswith((".receipt.json", ".reason.txt", "claim.json"))
    )


def shown(landing: Landing) -> dict[str, str]:
    return {each["file"]: each["trouble"] for each in landing.troubles.as_json()["files"]}


NAMES = {
    "not UTF-8": b"insured_wages-\xff\xfe\xe9.jsonl",
    "as long as can be": b"insured_wages-" + b"x" * 235 + b".jsonl",
    "long in Chinese": b"insured_wages-" + "工".encode() * 78 + b".jsonl",
    "with a line break": b"insured_wages-\n\t\x1b[31m.jsonl",
    "with quotes": b"insured_wages-'\";--$(x)\\.jsonl",
    "with a long ending": b"insured_wages." + b"y" * 200 + b".jsonl",
    "like a path": b"insured_wages-..\\..\\x.jsonl",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_name_may_have_any_bytes_and_any_length(landing: Landing, stream: Stream, name: bytes) -> None:
    (folder_of(landing) / os.fsdecode(name)).write_bytes(row(1))
    (folder_of(landing) / os.fsdecode(b"zz" + name[2:])).write_bytes(row(2))  # of no feed
    landed = [landing.take(AT), landing.take(AT)]
    assert sorted(bool(each and each.receipt) for each in landed) == [False, True]
    assert wages(stream) == [1]
    refused = list((folder_of(landing) / "refused").glob("*.reason.txt"))
    assert len(refused) == 1
    assert len(everything(landing)) == 1
    assert landing.troubles.as_json()["departments"] == {
        folder_of(landing).name: {"refused": 1, "waiting": 0}
    }
    json.dumps(landing.troubles.as_json()).encode()


def test_a_file_that_was_replaced_when_it_was_claimed_is_read_as_the_file_that_it_is(
    landing: Landing, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, folder = folder_of(landing) / "insured_wages.jsonl", claims._new_folder
    file.write_bytes(row(1))

    def replaced_meanwhile(private: Path) -> Path:
        new = file.with_name("new.part")
        new.write_bytes(row(2) + row(3))
        new.replace(file)
        return folder(private)

    with monkeypatch.context() as patch:
        patch.setattr(claims, "_new_folder", replaced_meanwhile)
        assert landing.take(AT) is None
    assert len(everything(landing)) == 1
    assert landing.take(AT)
    assert wages(stream) == [2, 3]
    assert everything(landing) == []


@pytest.mark.parametrize("marked", [False, True])
def test_a_file_that_somebody_still_writes_to_waits_and_is_shown(
    landing: Landing, stream: Stream, marked: bool
) -> None:
    file = folder_of(landing) / "insured_wages.jsonl"
    with file.open("wb", buffering=0) as writing:
        writing.write(row(1))
        if marked:
            file.with_name(f"{file.name}.done").touch()
        assert landing.take(AT) is None
        writing.write(row(2))
        assert landing.take(AT) is None
        assert list(landing.troubles._known) == [(folder_of(landing).name, file.name)]
    assert landing.take(AT)
    assert wages(stream) == [1, 2]


def test_a_file_that_was_opened_before_it_was_claimed_and_grows_is_read_again_whole(
    landing: Landing, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody can tell that it is being written, as on a network's file system."""
    monkeypatch.setattr(claims, "is_being_written", lambda _file: False)
    file, take_in = folder_of(landing) / "insured_wages.jsonl", landing_module.take_in
    writing = file.open("wb", buffering=0)
    writing.write(row(1))

    def growing(*arguments: object, **named: object) -> object:
        receipt = take_in(*arguments, **named)  # type: ignore[arg-type]
        writing.write(row(2))
        return receipt

    with monkeypatch.context() as patch:
        patch.setattr(landing_module, "take_in", growing)
        assert landing.take(AT) is None
    writing.close()
    assert everything(landing) == [file.name]
    assert landing.take(AT)
    assert wages(stream) == [1, 2]
    assert everything(landing) == []


def test_a_file_of_the_future_is_taken_in(stream: Stream) -> None:
    """The clock of a sender may be wrong: only whether the file still changes counts."""
    landing = opened(stream, settled_seconds=0.05)
    file = put(landing, FEED, "insured_wages.jsonl", ROW)
    os.utime(file, (time() + 10**8,) * 2)
    assert landing.take(AT) is None
    end = time() + 10
    while not landing.take(AT):
        assert time() < end
    assert everything(landing) == []


def test_a_file_of_the_same_size_in_its_place_settles_anew(stream: Stream) -> None:
    landing = opened(stream, settled_seconds=3600)
    file = put(landing, FEED, "insured_wages.jsonl", ROW)
    assert landing.take(AT) is None
    landing.settled_seconds = 0.001
    file.unlink()
    put(landing, FEED, "insured_wages.jsonl", ROW | {"wage": 200})
    assert landing.take(AT) is None
    assert file.exists()


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_folder(path: Path) -> None:
    path.mkdir()


def a_link(path: Path) -> None:
    path.symlink_to("/etc/hostname")


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        here = Path.cwd()
        os.chdir(path.parent)
        try:
            made.bind(path.name)
        finally:
            os.chdir(here)


@pytest.mark.parametrize("made", [a_pipe, a_folder, a_link, a_socket])
def test_what_is_no_file_is_shown_and_stops_nothing(
    landing: Landing, stream: Stream, made: Callable[[Path], None]
) -> None:
    made(folder_of(landing) / "insured_wages-1.jsonl")
    put(landing, FEED, "insured_wages-2.jsonl", ROW)
    assert landing.take(AT)
    assert landing.take(AT) is None
    assert wages(stream) == [100]
    assert list(shown(landing)) == ["insured_wages-1.jsonl"]
    assert landing.troubles.as_json()["departments"][folder_of(landing).name] == {"refused": 0, "waiting": 1}


@pytest.mark.parametrize("made", [a_pipe, a_folder, a_link])
def test_a_marker_that_is_no_small_text_refuses_its_file_only(
    landing: Landing, stream: Stream, made: Callable[[Path], None]
) -> None:
    made(folder_of(landing) / "insured_wages-1.jsonl.done")
    for n in (1, 2):
        put(landing, FEED, f"insured_wages-{n}.jsonl", ROW)
    landed = [landing.take(AT), landing.take(AT)]
    assert sorted(bool(each and each.receipt) for each in landed) == [False, True]
    assert wages(stream) == [100]


def test_a_folder_that_cannot_be_used_concerns_its_department_only(stream: Stream) -> None:
    landing = opened(stream)
    broken, well = folder_of(landing), folder_of(landing, "population_register")
    assert broken != well
    (broken / "done").rmdir()
    (broken / "done").symlink_to(broken / "nowhere")
    file = put(landing, FEED, "insured_wages.jsonl", ROW)
    other = put(landing, "population_register", "population_register.jsonl", PERSON)
    assert [landing.take(AT) for _ in range(6)].count(None) == 5
    assert not other.exists()
    assert "cannot be moved" in shown(landing)[file.name]
    assert landing.forget_old() == 0
    (broken / "done").unlink()
    landing = opened(stream)
    assert landing.take(AT)
    assert (wages(stream), everything(landing)) == ([100], [])


def test_a_file_in_place_of_a_departments_folder_keeps_no_worker_from_starting(stream: Stream) -> None:
    landing = opened(stream)
    broken = folder_of(landing)
    for each in (broken / "done", broken / "refused", broken):
        each.rmdir()
    broken.touch()
    landing = opened(stream)
    put(landing, "population_register", "population_register.jsonl", PERSON)
    assert landing.take(AT)


@pytest.mark.parametrize("name", ["refused", "done"])
def test_a_link_in_place_of_refused_leads_nowhere(landing: Landing, stream: Stream, name: str) -> None:
    """Else a department could put its file into the folder of another."""
    landing.kept_days = 7
    mine, other = folder_of(landing), folder_of(landing, "population_register")
    (mine / name).rmdir()
    (mine / name).symlink_to(other)
    begins = "population_register" if name == "refused" else FEED
    put(landing, FEED, f"{begins}-mine.jsonl", ROW, department=mine.name)
    for _ in range(4):
        landing.take(AT)
    assert sorted(each.name for each in other.iterdir()) == ["done", "refused"]
    assert stream.rows("population_register") == []


def test_departments_take_turns(landing: Landing, stream: Stream) -> None:
    for n in range(1, 6):
        file = put(landing, FEED, f"insured_wages-{n}.jsonl", ROW | {"month": f"2026-0{n}"})
        os.utime(file, (n, n))
    put(landing, "population_register", "population_register.jsonl", PERSON)
    feeds = [landed.feed for _ in range(6) if (landed := landing.take(AT))]
    assert len(feeds) == 6
    assert feeds.index("population_register") == 1


def test_a_claim_of_a_worker_that_was_killed_is_taken_up_by_the_next(
    landing: Landing, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = put(landing, FEED, "insured_wages.jsonl", ROW)
    file.with_name(f"{file.name}.done").write_text("2026-10-31")
    for module, name in ((claims.ClaimedFile, "remove_marker"), (landing_module, "take_in")):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, killed)
            with pytest.raises(KeyboardInterrupt):
                landing.take(AT)
    assert not file.exists()
    landed = opened(stream).take(AT)
    assert landed
    assert landed.receipt
    assert landed.receipt.complete_through is not None
    assert [f for f in folder_of(landing).iterdir() if f.is_file()] == []
    assert everything(landing) == []


def killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_department_may_lie_on_another_file_system(stream: Stream, tmp_path: Path) -> None:
    elsewhere = Path("/dev/shm") / f"almoner-test-{os.getpid()}"  # noqa: S108 - made by this test only
    if not elsewhere.parent.is_dir() or elsewhere.parent.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no other file system")
    landing = opened(stream)
    folder = folder_of(landing)
    for each in (folder / "done", folder / "refused", folder):
        each.rmdir()
    elsewhere.mkdir()
    try:
        folder.symlink_to(elsewhere)
        landing = opened(stream)
        for name in ("insured_wages.jsonl", "nothing.jsonl"):
            put(landing, FEED, name, ROW)
        assert [bool(landed and landed.receipt) for landed in (landing.take(AT), landing.take(AT))] == [
            True,
            False,
        ]
        assert wages(stream) == [100]
        assert sorted(f.name for f in elsewhere.rglob("*") if f.is_file()) == [
            "insured_wages.jsonl.receipt.json",
            "nothing.jsonl",
            "nothing.jsonl.reason.txt",
        ]
    finally:
        for each in sorted(elsewhere.rglob("*"), reverse=True):
            each.rmdir() if each.is_dir() else each.unlink()
        elsewhere.rmdir()


def test_old_receipts_go_though_something_else_lies_among_them(landing: Landing) -> None:
    done = folder_of(landing) / "done"
    old = done / "x.receipt.json"
    for each in (old, folder_of(landing, "population_register") / "done" / "y.receipt.json"):
        each.touch()
        os.utime(each, (0, 0))
    (done / "a folder").mkdir()
    os.utime(done / "a folder", (0, 0))
    assert landing.forget_old() == 2
    assert not old.exists()


def test_status_health_metrics_and_today_show_it(
    small_home: Path, tmp_path: Path, worker: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = copied(small_home, tmp_path / "home")
    process = worker(home)
    until(lambda: (home / "landing").is_dir() and (home / "worker.json").exists())
    department = next(each for each in (home / "landing").iterdir() if not each.name.startswith("."))
    (department / "nothing.csv").write_text("a\n1\n", encoding="utf-8")
    (department / "a folder").mkdir()
    wanted = {department.name: {"waiting": 1, "refused": 1}}
    until(lambda: _landing(home).get("departments") == wanted)
    said = almoner("status", home)
    assert "a folder" in said
    assert "Put the file itself there" in said
    assert "refused" in said
    assert json.loads(almoner("status", home, "--json"))["landing"]["departments"] == wanted
    answers = json.loads(command.run(home, program=_ASKS).stdout)
    assert answers["health"] == {"waiting": 1, "refused": 1}
    assert f'almoner_landing_refused{{department="{department.name}"}} 1.0' in answers["metrics"]
    assert "1个文件正在等待，1个文件已被退回" in answers["today"]
    assert "1 file waits, 1 file was refused" in answers["today_in_english"]
    stop(process)


def _landing(home: Path) -> dict[str, object]:
    found: dict[str, dict[str, object]] = json.loads((home / "worker.json").read_text(encoding="utf-8"))
    return found.get("landing", {})


_ASKS = """
import json, sys
from pathlib import Path
from almoner import casework, home
casework.setup(home.load(Path(sys.argv[1])))
from django.test import Client
from django.utils import translation
from almoner.casework.figures.landed_files import in_trouble
client = Client(SERVER_NAME="127.0.0.1")
def said(language):
    with translation.override(language):
        return " ".join(in_trouble())
print(json.dumps({
    "health": client.get("/health").json()["worker"]["files"],
    "metrics": client.get("/metrics").content.decode(),
    "today": said("zh-hans"),
    "today_in_english": said("en"),
}))
"""
