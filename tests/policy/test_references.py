"""`almoner pack check --references`: what a policy officer must replace stands first, marked in the
reference's own words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from almoner.cli import app
from almoner.policy.authoring.references import STANDINGS, references, standing
from policy.small_pack import FILES, compiled, write

ROOT = Path(__file__).parents[2]
MARKED = {
    "parameters/line.yaml": (
        FILES["parameters/line.yaml"].replace("Notice 1", "'Example value, Notice 1 of a neighbour'")
    ),
    "parameters/share.yaml": FILES["parameters/share.yaml"].replace("Notice 3", "Setting of this pack"),
    "programmes/grant.yaml": FILES["programmes/grant.yaml"].replace("Notice 4", "general knowledge"),
}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("民发〔2024〕57号", "document"),
        ("A general and well-known rule", "document"),
        ("GENERAL KNOWLEDGE: some counties", "general knowledge"),
        ("国发〔2014〕47号（一般了解）", "general knowledge"),
        ("Example value, general knowledge", "general knowledge"),
        ("Notice 6 (read on a mirror; check the original)", "example value"),
        ("Example value, setting of this pack", "example value"),
        ("示例值：某县2025年", "example value"),
        ("渝民规〔2025〕6号，待核对原文", "example value"),
        ("Setting of this pack: half of the usual", "setting"),
        ("本包设定", "setting"),
    ],
)
def test_the_weakest_mark_counts(text: str, kind: str) -> None:
    assert standing(text) == kind


def test_every_value_programme_and_contract_is_listed_the_weakest_first(tmp_path: Path) -> None:
    pack = compiled(tmp_path, MARKED)
    found = references(pack)
    values = sum(len(dated) for p in pack.parameters.values() for dated in p.areas.values())
    values += sum(len(term.values) for term in pack.terms.values())
    assert len(found) == values + len(pack.categories) + len(pack.programmes) + len(pack.feeds)
    assert [STANDINGS.index(r.standing) for r in found] == sorted(STANDINGS.index(r.standing) for r in found)
    rules = [r for r in found if r.part != "terms"]
    assert [(r.part, r.item, r.where, r.value, r.standing) for r in rules[:3]] == [
        ("programmes", "grant", "", "", "general knowledge"),
        ("parameters", "line", "from 2024-01-01", "700 CNY/person/month", "example value"),
        ("parameters", "share", "from 2024-01-01", "0.5", "setting"),
    ]
    assert ("5201, from 2025-01-01", "County notice") in [(r.where, r.reference) for r in found]


def test_the_command_prints_them_by_kind(tmp_path: Path) -> None:
    folder = write(tmp_path, MARKED)
    words = ["pack", "check", str(folder), "--as-of", "2026-11-01", "--references"]
    shown = CliRunner().invoke(app, words).stdout
    assert shown.index("General knowledge") < shown.index("Example values") < shown.index("Documents")
    assert "parameters/share: 5201, from 2025-01-01, 0.6" in shown
    whole = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    known = [r["item"] for r in whole["references"] if r["standing"] == "general knowledge"]
    assert sorted(known) == ["correction", "grant", "weekend"]
    assert whole["reference_counts"]["general knowledge"] == len(known)
    assert len(whole["references"]) == sum(whole["reference_counts"].values())
    plain = json.loads(CliRunner().invoke(app, [*words[:-1], "--json"]).stdout)
    assert "references" not in plain


def test_the_marks_stand_in_the_documentation() -> None:
    page = (ROOT / "docs/packs.md").read_text(encoding="utf-8")
    table = page.split("## References")[1].split("\n## ")[0]
    for mark in (
        "general knowledge",
        "example value",
        "check the original",
        "read on a mirror",
        "setting of this pack",
    ):
        assert standing(mark) != "document"
        assert mark in table.casefold()
    for mark in ("一般了解", "示例值", "待核对原文", "本包设定"):
        assert standing(mark) != "document"
        assert mark in table
