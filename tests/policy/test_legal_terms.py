"""terms.yaml: what holds on which day, how `extends` changes it, and each fault with line and advice."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import yaml

from almoner.errors import PackError
from almoner.policy import archive, check_pack, compile_archived, compile_pack
from almoner.policy.authoring.changes import changes
from almoner.policy.authoring.references import references
from almoner.policy.findings import Finding
from almoner.policy.model.terms import Term
from policy.small_pack import DAY, FILES, check, compiled, write

TERMS = FILES["terms.yaml"]
REFERENCE = '"Setting of this pack: the 168 hours of a week over its five working days"'
LAST = f"  values:\n    2025-01-01:\n      value: 33.6\n      reference: {REFERENCE}\n"


def child(tmp_path: Path, terms: str | None) -> Path:
    """A pack in `tmp_path`/child that extends the small one and has this terms.yaml, or none."""
    write(tmp_path / "small")
    folder = tmp_path / "child"
    folder.mkdir()
    head = FILES["pack.yaml"].replace("name: small", "name: child\nextends: small")
    (folder / "pack.yaml").write_text(head, encoding="utf-8")
    if terms is not None:
        (folder / "terms.yaml").write_text(terms, encoding="utf-8")
    return folder


def dated(name: str, **values: object) -> str:
    """A terms.yaml with one term: `d2026_01_01=value`."""
    held = {
        day[1:].replace("_", "-"): {"value": value, "reference": "Notice 7"} for day, value in values.items()
    }
    return yaml.safe_dump({name: {"label": {"en": name, "zh": name}, "values": held}})


def test_a_term_answers_with_the_value_of_the_day(tmp_path: Path) -> None:
    times = {
        "d2026_03_01": {"amount": 20, "unit": "days"},
        "d2025_01_01": {"amount": 9, "unit": "hours"},
    }
    terms = compile_pack(child(tmp_path, dated("appeal", **times)), as_of=DAY).terms
    assert terms.time("appeal", dt.date(2026, 2, 28)) == Term(9, "hours")
    assert terms.time("appeal", dt.date(2026, 3, 1)) == Term(20, "days")
    assert terms.time("appeal", dt.date(2001, 1, 1)) == Term(9, "hours"), "the first value, before its day"
    assert terms["appeal"].on(dt.date(2026, 3, 1)).reference == "Notice 7"


def test_a_pack_replaces_one_term_and_inherits_all_others(tmp_path: Path) -> None:
    own = compile_pack(child(tmp_path, dated("weekend", d2020_01_01=["friday", "saturday"])), as_of=DAY)
    parent = compile_pack(tmp_path / "small", as_of=DAY)
    assert (own.terms.weekend(DAY), parent.terms.weekend(DAY)) == ({4, 5}, {5, 6})
    assert {n for n in own.terms if own.terms[n] != parent.terms[n]} == {"weekend"}
    assert own.hash != parent.hash


def test_levels_come_from_the_pack_and_signals_may_use_each(tmp_path: Path) -> None:
    rule = FILES["signals/poor.yaml"].replace("level: red", "level: urgent")
    scenario = FILES["scenarios/poor.yaml"].replace("poor: red", "poor: urgent")
    pack = compiled(tmp_path, {"signals/poor.yaml": rule, "scenarios/poor.yaml": scenario})
    assert [level.id for level in pack.signals["poor"].levels] == ["urgent", "yellow"]
    assert [level.id for level in pack.terms.levels(DAY)] == ["urgent", "red", "orange", "yellow"]
    assert pack.terms.levels(DAY)[0].label["zh"] == "紧急"
    assert pack.terms.approval_levels(DAY) == {"urgent", "red"}


def test_a_signals_levels_are_those_of_the_day(tmp_path: Path) -> None:
    grey = [{"level": "grey", "label": {"en": "Grey", "zh": "灰色"}, "colour": "grey"}]
    today = yaml.safe_load(TERMS)["levels"]["values"][dt.date(2025, 1, 1)]["value"]
    folder = child(tmp_path, dated("levels", d2020_01_01=today, d2026_12_01=grey))
    assert not check_pack(folder, dt.date(2026, 11, 30))[1]
    found = check_pack(folder, dt.date(2026, 12, 1))[1]
    assert {f.rule for f in found if f.file.startswith("../small/signals")} == {"unknown-level"}


@pytest.mark.parametrize(
    ("old", "new", "at", "rule", "says"),
    [
        ("appeal:\n", "appeals:\n", "appeals:", "unknown-key", "Write `appeal` instead?"),
        ("amount: 15", "amount: 0", "amount: 0", "wrong-type", "Write a number of at least 1."),
        ("amount: 15", "amount: many", "amount: many", "wrong-type", "Write a whole number."),
        (
            "amount: 15, unit: working_days",
            "amount: 15, unit: weeks",
            "weeks",
            "wrong-value",
            "`working_days`",
        ),
        ("    2026-07-01:\n", "    1 July 2026:\n", "1 July", "date", "Write it as 2026-01-31."),
        (LAST, "  values: {}\n", "values: {}", "wrong-type", "Write at least one."),
        (
            "value: {amount: 48, unit: hours}",
            "value: {amount: 2, unit: working_days}",
            "amount: 2",
            "wrong-value",
            "`hours` or `days`",
        ),
        ("      value: 0\n", "      value: -1\n", "value: -1", "wrong-type", "Write a number of at least 0."),
        ("value: [urgent, red]", "value: [urgent, rad]", "rad", "unknown-level", "Write `red` instead?"),
        ("level: orange", "level: Orange!", "Orange!", "name", "small letters"),
        ("level: orange", "level: red", "colour: orange", "level-order", "the most urgent first"),
        ("colour: orange", "colour: pink", "pink", "wrong-value", "`orange`"),
        (
            "label: {en: Orange, zh: 橙色}",
            "label: {en: Orange}",
            "en: Orange",
            "missing-translation",
            "Add `zh:`",
        ),
        ("[saturday, sunday]", "[saturday, sonntag]", "sonntag", "wrong-value", "`sunday`"),
        (
            "[saturday, sunday]",
            "[monday, tuesday, wednesday, thursday, friday, saturday, sunday]",
            "[monday",
            "no-working-day",
            "Leave out the days that are worked",
        ),
        ('opens: "09:00"', 'opens: "9 Uhr"', "9 Uhr", "time", 'Write it as "09:00".'),
        ('opens: "09:00"', 'opens: "19:00"', "19:00", "time", "closes before it opens"),
        ("value: 33.6", "value: long", "value: long", "wrong-type", "Write a number."),
        (
            f"33.6\n      reference: {REFERENCE}",
            "33.6",
            "2025-01-01:",
            "missing-key",
            "Add `reference:`.",
        ),
    ],
)  # fmt: skip - one fault a line
def test_a_fault_is_found_at_its_line_with_advice(
    tmp_path: Path, old: str, new: str, at: str, rule: str, says: str
) -> None:
    assert old in TERMS
    text = TERMS.replace(old, new, 1)
    pack, findings = check(tmp_path, {"terms.yaml": text})
    assert pack is None
    lines = {n for n, line in enumerate(text.splitlines(), 1) if at in line}
    found = [f for f in findings if f.rule == rule and f.file == "terms.yaml" and f.line in lines]
    assert any(says in f"{f.message} {f.advice}" for f in found), "\n".join(map(str, findings))


@pytest.mark.parametrize("name", sorted(yaml.safe_load(TERMS)))
def test_a_pack_without_one_of_the_terms_is_refused(tmp_path: Path, name: str) -> None:
    kept = {key: value for key, value in yaml.safe_load(TERMS).items() if key != name}
    pack, findings = check(tmp_path, {"terms.yaml": yaml.safe_dump(kept, allow_unicode=True)})
    assert pack is None
    wanted = f"`{name}` is missing."
    assert [(f.file, f.rule, f.message) for f in findings] == [("terms.yaml", "missing-key", wanted)]


def test_a_pack_without_terms_is_told_where_they_come_from(tmp_path: Path) -> None:
    pack, findings = check(tmp_path, {"terms.yaml": None})
    assert pack is None
    assert [str(f) for f in findings if f.rule == "missing-file"] == [
        str(
            Finding(
                "terms.yaml",
                1,
                "missing-file",
                "There is no terms.yaml: no time for an appeal, no levels, no weekend.",
                "Extend a pack that has one, such as `base`, or write one (docs/packs.md).",
            )
        )
    ]


def test_a_level_that_the_pack_has_not_is_refused_in_a_signal(tmp_path: Path) -> None:
    rule = FILES["signals/poor.yaml"].replace("level: red", "level: rad")
    _, findings = check(tmp_path, {"signals/poor.yaml": rule})
    found = next(f for f in findings if f.rule == "unknown-level" and f.file == "signals/poor.yaml")
    assert (found.message, found.advice) == ("There is no level `rad`.", "Write `red` instead?")


def test_levels_in_another_order_than_the_packs_are_refused(tmp_path: Path) -> None:
    rule = FILES["signals/poor.yaml"].replace("level: yellow", "level: urgent")
    _, findings = check(tmp_path, {"signals/poor.yaml": rule})
    found = next(f for f in findings if f.rule == "level-order")
    assert "the most urgent first: urgent, red, orange, yellow" in found.advice


def test_a_pack_that_was_archived_before_there_were_terms_is_replayed_with_those_in_use(
    tmp_path: Path,
) -> None:
    in_use = write(tmp_path / "in_use")
    kept = write(tmp_path / "kept", {"terms.yaml": None})
    with pytest.raises(PackError, match=r"no terms\.yaml"):
        compile_pack(kept, as_of=DAY)
    old = compile_archived(kept, in_use, as_of=DAY)
    new = compile_pack(in_use, as_of=DAY)
    assert (old.terms, old.signals) == (new.terms, new.signals)
    assert old.hash != new.hash
    archived = archive(in_use, tmp_path / "archive")
    assert compile_archived(archived, "no such pack", as_of=DAY).terms == new.terms


def test_a_changed_term_is_told_as_a_change_and_every_value_has_a_reference(tmp_path: Path) -> None:
    old = compiled(tmp_path / "old")
    text = TERMS.replace("amount: 15", "amount: 30")
    new = compiled(tmp_path / "new", {"terms.yaml": text})
    (change,) = (c for c in changes(old, new) if c.part == "terms")
    assert (change.item, change.path) == ("appeal", "values.2026-07-01")
    assert str(change.before).startswith("15 working_days (Setting")
    assert str(change.after).startswith("30 working_days (Setting")
    listed = [r for r in references(new) if r.part == "terms"]
    assert {r.item for r in listed} == set(new.terms)
    assert ("weekend", "from 1995-05-01", "saturday, sunday", "general knowledge") in [
        (r.item, r.where, r.value, r.standing) for r in listed
    ]
