"""docs/packs.md is held by the code: every rule and every key stands in it, and its examples parse."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path

from almoner.policy.document import read
from almoner.policy.model.feeds import Role
from almoner.policy.reading import legal_terms, shapes, watch_shapes
from almoner.policy.reading.conditions import parse

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/packs.md").read_text(encoding="utf-8")
SHAPES = (
    shapes.PackShape,
    shapes.IdentifierShape,
    shapes.BirthDateShape,
    shapes.DepartmentShape,
    shapes.IndicatorShape,
    shapes.TimelineShape,
    shapes.SignalShape,
    shapes.ProgrammeShape,
    watch_shapes.WatchShape,
    watch_shapes.GroupShape,
    watch_shapes.PointsShape,
    watch_shapes.LineShape,
    watch_shapes.LinesShape,
    watch_shapes.AlarmShape,
    watch_shapes.AreasShape,
    shapes.OnceShape,
    shapes.CauseShape,
    shapes.AddonShape,
    shapes.GradualExitShape,
    shapes.LocalCheckShape,
    shapes.CategoryShape,
    shapes.ExitShape,
    shapes.ReviewShape,
    legal_terms.TermsShape,
    legal_terms.EntryShape,
    legal_terms.DatedShape,
    legal_terms.LevelNameShape,
    legal_terms.OfficeHoursShape,
)


def test_every_rule_of_the_compiler_is_documented() -> None:
    source = "".join(
        f.read_text(encoding="utf-8") for f in sorted((ROOT / "src/almoner/policy").rglob("*.py"))
    )
    rules = set(
        re.findall(
            r"(?:_fault|fault|\.at|\.add|near)\(\s*"
            r"(?:[^\"()]|\([^()]*\)|\"[^\"]*\"\]?)*?\"([a-z]+(?:-[a-z]+)+)\"",
            source,
        )
    )
    table = set(re.findall(r"`([a-z*-]+)`", PAGE.split("What `almoner pack check` refuses")[1]))
    assert len(rules) > 40
    assert {r for r in rules if not any(fnmatch(r, known) for known in table)} == set()


def test_every_key_of_the_files_is_documented() -> None:
    keys = {key for shape in SHAPES for key in shape.model_fields}
    assert {key for key in keys if not re.search(rf"\b{key}\b", PAGE)} == set()


def test_every_role_is_documented() -> None:
    assert {role for role in Role if f"`{role}`" not in PAGE} == set()


def test_every_example_is_yaml_that_a_pack_would_read() -> None:
    examples = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    faults: list[object] = []
    for example in examples:
        document = read("docs/packs.md", example.encode(), lambda *fault: faults.append(fault))
        assert document is not None
        for key in ("when", "eligible", "severity"):
            if document.get(key):
                parse(document.get(key))
    assert len(examples) > 7
    assert faults == []
