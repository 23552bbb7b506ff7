"""The feed into which requests at the desk go: what a contract says of it, and what is refused."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent

import pytest

from almoner.policy.model.pack import Pack
from policy.small_pack import check, contract

FILE = "contracts/asked.yaml"
COLUMNS = """
    asked_no string key
    resident_no string needed role=resident_id
    asked_on date needed role=event_time
"""
CHOSEN = """\
- name: channel
  logicalType: string
  required: true
  quality:
    - {type: library, metric: invalidValues, mustBe: 0, arguments: {validValues: [phone, visit]}}
  customProperties:
    - {property: label, value: {en: Channel, zh: 渠道}}
    - {property: atDesk, value: visit}
- name: matter
  logicalType: string
  required: true
  quality:
    - {type: library, metric: invalidValues, mustBe: 0, arguments: {validValues: [work, roof]}}
  customProperties:
    - {property: label, value: {en: Matter, zh: 事项}}
    - property: words
      value:
        work: {en: Work, zh: 就业}
        roof: {en: A roof, zh: 住房}
"""


def text(chosen: str = CHOSEN, columns: str = COLUMNS) -> str:
    whole = contract("asked", columns)
    return whole.replace("slaProperties:", indent(chosen, " " * 6) + "slaProperties:")


def compiled(folder: Path, **parts: str) -> Pack:
    pack, findings = check(folder, {FILE: text(**parts)})
    assert not findings
    assert pack is not None
    return pack


def test_values_have_words_and_one_is_the_desks(tmp_path: Path) -> None:
    feed = compiled(tmp_path).feeds["asked"]
    channel, matter = feed.property_named("channel"), feed.property_named("matter")
    assert channel is not None
    assert matter is not None
    assert (channel.at_desk, dict(channel.value_labels), matter.at_desk) == ("visit", {}, None)
    assert matter.value_labels["roof"] == {"en": "A roof", "zh": "住房"}


def test_the_base_packs_requests_are_taken_at_the_desk(base: Pack) -> None:
    marked = {
        prop.name: prop.at_desk for feed in base.feeds.values() for prop in feed.properties if prop.at_desk
    }
    assert marked == {"channel": "visit"}
    channel = base.feeds["help_requests"].property_named("channel")
    assert channel is not None
    assert channel.at_desk == "visit"


@pytest.mark.parametrize(
    ("old", "new", "at", "rule", "says"),
    [
        ("value: visit}", "value: walk_in}", "walk_in", "wrong-value", "`atDesk: walk_in` is not one"),
        ("        roof: {en: A roof, zh: 住房}\n", "", "      value:", "wrong-value", "Name work, roof."),
        (
            "        roof: {en: A roof",
            "        rof: {en: A roof",
            "      value:",
            "wrong-value",
            "Name work, roof.",
        ),
        ("zh: 住房}", "zh: 住房, fr: Un toit}", "Un toit", "unknown-language", "fr"),
        (", zh: 住房}", "}", "A roof", "missing-translation", "zh"),
        (
            (
                "- property: words\n      value:\n        work: {en: Work, zh: 就业}\n        roof: {en: A"
                " roof, zh: 住房}"
            ),
            "- {property: words, value: much}",
            "much",
            "wrong-value",
            "Name work, roof.",
        ),
        (
            "    - property: words",
            "    - {property: atDesk, value: work}\n    - property: words",
            "value: work",
            "desk",
            "two columns",
        ),
    ],
)
def test_a_fault_is_found_at_its_line_with_advice(
    tmp_path: Path, old: str, new: str, at: str, rule: str, says: str
) -> None:
    broken = text(CHOSEN.replace(old, new, 1))
    assert broken != text()
    pack, findings = check(tmp_path, {FILE: broken})
    assert pack is None
    assert {f.rule for f in findings} == {rule}, findings
    line = next(n for n, one in enumerate(broken.splitlines(), 1) if at in one)
    assert (FILE, line) in [(f.file, f.line) for f in findings], findings
    assert any(says in f"{f.message} {f.advice}" for f in findings), findings


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (COLUMNS + "    officer string needed\n", "a clerk cannot know officer"),
        (COLUMNS.replace("asked_no string", "asked_no integer"), "a clerk cannot know asked_no"),
        (COLUMNS.replace("role=resident_id", "role=household"), "resident_no"),
    ],
)
def test_a_feed_that_no_request_can_be_a_row_of_is_refused(tmp_path: Path, columns: str, says: str) -> None:
    pack, findings = check(tmp_path, {FILE: text(columns=columns)})
    assert pack is None
    assert [f.rule for f in findings] == ["desk"]
    assert says in findings[0].message
    assert "`words`" in findings[0].advice


def test_what_need_not_be_there_may_stay_away(tmp_path: Path) -> None:
    assert (
        compiled(tmp_path, columns=COLUMNS + "    officer string\n").feeds["asked"].property_named("officer")
    )
