"""Inheritance, hashes, archives, and where packs are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from almoner.errors import PackError
from almoner.policy import archive, check_pack, compile_pack, find_pack, pack_files
from policy.small_pack import DAY, FILES, check, compiled, write

CHILD = """\
name: child
version: 1.0.0
label: {en: Child pack, zh: 子包}
extends: ../parent
purposes:
  housing: {en: Housing, zh: 住房}
"""


def child(folder: Path, files: dict[str, str] | None = None) -> Path:
    write(folder / "parent")
    for name, text in {"pack.yaml": CHILD, **(files or {})}.items():
        (folder / "child" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "child" / name).write_text(text, encoding="utf-8")
    return folder / "child"


def test_a_child_has_its_parents_files_and_keys(tmp_path: Path) -> None:
    pack = compile_pack(child(tmp_path), as_of=DAY)
    assert (pack.id, pack.currency, set(pack.purposes)) == ("child", "CNY", {"relief", "care", "housing"})
    assert set(pack.signals) == {"poor", "ill"}


def test_a_file_of_the_same_name_replaces_the_parents(tmp_path: Path) -> None:
    own = FILES["parameters/line.yaml"].replace("770", "900")
    pack = compile_pack(child(tmp_path, {"parameters/line.yaml": own}), as_of=DAY)
    found = pack.parameters["line"].at(DAY)
    assert found is not None
    assert found.value == 900


def test_scenarios_are_a_packs_own(tmp_path: Path) -> None:
    """The parent's promise of 770 says nothing of a child that pays 900."""
    line = FILES["parameters/line.yaml"].replace("770", "900")
    promise = FILES["scenarios/poor.yaml"].replace("770", "900")
    files = {"parameters/line.yaml": line, "scenarios/own.yaml": promise}
    pack = compile_pack(child(tmp_path, files), as_of=DAY)
    assert [case.file for case in pack.scenarios] == ["scenarios/own.yaml"]


def test_departments_are_merged_one_by_one(tmp_path: Path) -> None:
    extra = "bureau:\n  label: {en: Own bureau, zh: 本局}\nschool:\n  label: {en: School, zh: 学校}\n"
    pack = compile_pack(child(tmp_path, {"departments.yaml": extra}), as_of=DAY)
    assert pack.departments["bureau"].label["en"] == "Own bureau"
    assert pack.departments["school"].opens is None  # those of terms.yaml


def test_a_fault_in_the_parent_names_the_parents_file(tmp_path: Path) -> None:
    folder = child(tmp_path)
    (tmp_path / "parent/signals/poor.yaml").write_text(
        FILES["signals/poor.yaml"].replace("relief", "releif"), encoding="utf-8"
    )
    _, findings = check_pack(folder, DAY)
    assert [(f.file, f.line) for f in findings] == [("../parent/signals/poor.yaml", 4)]


def test_extends_of_nothing_and_in_a_circle_are_told(tmp_path: Path) -> None:
    folder = child(tmp_path)
    (folder / "pack.yaml").write_text(CHILD.replace("../parent", "../paretn"), encoding="utf-8")
    _, findings = check_pack(folder, DAY)
    assert ("unknown-pack", 4) in {(f.rule, f.line) for f in findings}
    (folder / "pack.yaml").write_text(CHILD.replace("../parent", "../child"), encoding="utf-8")
    _, findings = check_pack(folder, DAY)
    assert ("extends-cycle", 4) in {(f.rule, f.line) for f in findings}


def test_the_hash_is_stable_and_changes_with_every_file_but_scenarios(tmp_path: Path) -> None:
    first = compiled(tmp_path / "a").hash
    assert compiled(tmp_path / "b").hash == first
    for n, name in enumerate(FILES):
        comment = "\n-- more\n" if name.endswith(".sql") else "\n# more\n"
        changed = compiled(tmp_path / str(n), {name: FILES[name] + comment}).hash
        assert (changed == first) == name.startswith("scenarios/"), name


def test_files_that_are_no_policy_do_not_change_the_hash(tmp_path: Path) -> None:
    assert compiled(tmp_path / "a").hash == compiled(tmp_path / "b", {"README.md": "Hello"}).hash


def test_an_archived_pack_stands_alone_with_the_same_hash(tmp_path: Path) -> None:
    folder = child(tmp_path)
    pack = compile_pack(folder, as_of=DAY)
    place = archive(folder, tmp_path / "kept")
    assert place == tmp_path / "kept" / pack.hash
    assert archive(folder, tmp_path / "kept") == place
    for file in sorted((tmp_path / "parent").rglob("*.yaml")):
        file.unlink()
    again = compile_pack(place, as_of=DAY)
    assert (again.hash, again.signals, again.holidays) == (pack.hash, pack.signals, pack.holidays)


def test_pack_files_are_sorted_and_whole(tmp_path: Path) -> None:
    files = pack_files(write(tmp_path))
    assert list(files) == sorted(FILES)
    assert files["pack.yaml"].decode() == FILES["pack.yaml"]


def test_a_pack_is_found_by_folder_or_by_name(tmp_path: Path) -> None:
    assert find_pack(write(tmp_path)) == tmp_path
    assert (find_pack("base") / "pack.yaml").is_file()
    with pytest.raises(PackError, match="Write `base` instead"):
        find_pack("bace")


def test_a_folder_without_pack_yaml_is_told_so(tmp_path: Path) -> None:
    _, findings = check_pack(tmp_path, DAY)
    assert ("missing-file", "pack.yaml") in {(f.rule, f.file) for f in findings}


def test_compiling_a_broken_pack_raises_with_all_findings(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "signals/poor.yaml": FILES["signals/poor.yaml"].replace("relief", "releif"),
            "signals/ill.yaml": "theme: x\n",
        },
    )
    with pytest.raises(PackError) as caught:
        compile_pack(tmp_path, as_of=DAY)
    assert len(caught.value.findings) > 5
    assert "signals/poor.yaml:4" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "rule", "line"),
    [
        ("signals/poor.yml", b"theme: x\n", "unknown-file", 1),
        ("signal/poor.yaml", b"theme: x\n", "unknown-file", 1),
        ("signals/poor.yaml", b"", "yaml-empty", 1),
        ("signals/poor.yaml", b"label: x\ntheme: \xff\xfe\n", "yaml-encoding", 2),
        ("signals/poor.yaml", b"[" * 5000, "yaml-syntax", 1),
        ("signals/Poor People.yaml", FILES["signals/ill.yaml"].encode(), "file-name", 1),
        ("indicators/more.sql", b"SELECT 1", "missing-file", 1),
        ("indicators/more.yaml", FILES["indicators/size.yaml"].encode(), "missing-file", 1),
        ("indicators/size.sql", b"SELECT '\xff'", "sql-encoding", 1),
        ("pack.yaml", b"a: [1", "yaml-syntax", 1),
        ("departments.yaml", None, "missing-file", 1),
    ],
)
def test_files_that_cannot_be_read_are_told(
    name: str, content: bytes | None, rule: str, line: int, tmp_path: Path
) -> None:
    pack, findings = check(tmp_path, {name: content})
    assert pack is None
    assert (name, line, rule) in {(f.file, f.line, f.rule) for f in findings}


def test_words_that_yaml_would_turn_into_other_things_stay_words(tmp_path: Path) -> None:
    text = (
        FILES["signals/ill.yaml"]
        .replace("{en: Ask, zh: 询问}", "{en: no, zh: yes}")
        .replace("theme: health", "theme: on")
    )
    signal = compiled(tmp_path, {"signals/ill.yaml": text}).signals["ill"]
    assert (dict(signal.check), signal.theme) == ({"en": "no", "zh": "yes"}, "on")
