"""The differences between two packs: one line for each thing that changed, by its place."""

from __future__ import annotations

from pathlib import Path

from almoner.cli.comparing import _around
from almoner.policy.authoring.changes import PackChange, changes
from policy.small_pack import FILES, compiled


def differ(tmp_path: Path, name: str, before: str, after: str) -> list[PackChange]:
    assert before in FILES[name]
    new = {name: FILES[name].replace(before, after)}
    return changes(compiled(tmp_path / "old"), compiled(tmp_path / "new", new))


def test_a_pack_does_not_differ_from_itself(tmp_path: Path) -> None:
    assert changes(compiled(tmp_path / "old"), compiled(tmp_path / "new")) == []


def test_a_value_is_named_by_its_area_and_day(tmp_path: Path) -> None:
    (change,) = differ(tmp_path, "parameters/share.yaml", "{value: 0.6, reference: County notice}", "0.7")
    assert change == PackChange(
        "parameters", "share", "areas.5201.2025-01-01", "0.6 (County notice)", "0.7 (Notice 3)"
    )


def test_a_condition_is_given_in_its_own_words(tmp_path: Path) -> None:
    (change,) = differ(tmp_path, "signals/ill.yaml", "cost_year > 1000", "cost_year > 2000")
    assert (change.path, change.before, change.after) == ("when", "cost_year > 1000", "cost_year > 2000")


def test_levels_and_steps_are_named_and_their_order_counts(tmp_path: Path) -> None:
    (change,) = differ(tmp_path, "signals/poor.yaml", "amount: 2, unit: days", "amount: 3, unit: days")
    assert change.path == "levels.red.within.amount"
    (change,) = differ(tmp_path / "again", "programmes/grant.yaml", "greatest(gap, 0)", "greatest(gap, 1)")
    assert change.path == "steps.total.value"


def test_what_comes_and_goes_is_one_line_each(tmp_path: Path) -> None:
    old = compiled(tmp_path / "old")
    new = compiled(
        tmp_path / "new",
        {
            "signals/ill.yaml": None,
            "signals/sick.yaml": FILES["signals/ill.yaml"],
            "scenarios/poor.yaml": None,
        },
    )
    assert changes(old, new) == [
        PackChange("signals", "ill", "", "Ill / 生病", None),
        PackChange("signals", "sick", "", None, "Ill / 生病"),
    ]


def test_rules_come_before_names(tmp_path: Path) -> None:
    old = compiled(tmp_path / "old")
    files = {
        "pack.yaml": FILES["pack.yaml"].replace("Small pack", "Little pack"),
        "signals/ill.yaml": FILES["signals/ill.yaml"].replace("> 1000", "> 900"),
    }
    found = changes(old, compiled(tmp_path / "new", files))
    assert [c.part for c in found] == ["signals", "label"]


def test_scenarios_decide_nothing_and_are_not_compared(tmp_path: Path) -> None:
    assert differ(tmp_path, "scenarios/poor.yaml", "One earner", "One single earner") == []


def test_of_long_texts_the_part_that_differs_is_shown() -> None:
    before, after = _around("a" * 300 + "old" + "b" * 300, "a" * 300 + "newer" + "b" * 300)
    assert before == "…" + "a" * 50 + "old" + "b" * 50 + "…"
    assert after == "…" + "a" * 50 + "newer" + "b" * 50 + "…"
    assert _around("x" * 300, "x" * 200) == ("…" + "x" * 150, "…" + "x" * 50)
    assert _around("short", None) == ("short", None)
