"""OpenFisca's own reader opens every parameter file of ours and finds the same values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from openfisca_core.parameters import Parameter as TheirParameter
from openfisca_core.parameters import ParameterNode, load_parameter_file

from almoner.policy.document import read
from almoner.policy.model.pack import Parameter
from almoner.policy.reading.parameters import ParameterReader
from almoner.policy.report import Report

PACKS = Path(__file__).parents[2] / "packs"
FOLDERS = [folder for folder in sorted(PACKS.glob("*/parameters")) if any(folder.glob("*.yaml"))]
BY_AREA = """\
description: A share, by county
documentation: Why it is as it is.
metadata: {label: {en: Share, zh: 比例}, unit: "1", reference: Notice 4}
default:
  description: Elsewhere
  values:
    2024-01-01: 0.5
    2026-01-01: {value: null, reference: Notice 5}
"520100":
  metadata: {reference: Notice 6}
  values:
    2025-01-01: {value: 0.6, metadata: {reference: Notice 7}}
"""


def ours(name: str, content: bytes) -> Parameter:
    report = Report()
    document = read(name, content, report.add)
    assert document is not None
    units = ("CNY", "DEM", "USD")
    parameter = ParameterReader(name, document, ("en", "zh"), units, report).parameter()
    assert parameter is not None, [str(f) for f in report.findings]
    return parameter


def dated(parameter: Parameter, node: TheirParameter | ParameterNode) -> Iterator[tuple[object, object]]:
    """Our value and theirs on, before and after every day on which one of ours begins."""
    for area, values in parameter.areas.items():
        theirs = (
            node.children["default" if area is None else area] if isinstance(node, ParameterNode) else node
        )
        assert isinstance(theirs, TheirParameter)
        assert len(theirs.values_list) == len(values)
        for since in (v.since for v in values):
            for days in (-1, 0, 1, 400):
                day = since + dt.timedelta(days=days)
                found = parameter.at(day, area)
                yield found.value if found else None, theirs(day.isoformat())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.parent.name)
def test_openfisca_reads_every_parameter_of_a_pack_and_finds_the_same_values(folder: Path) -> None:
    tree = ParameterNode("pack", directory_path=str(folder))
    files = sorted(folder.glob("*.yaml"))
    assert set(tree.children) == {f.stem for f in files}
    for file in files:
        parameter = ours(file.stem, file.read_bytes())
        node = tree.children[file.stem]
        assert node.metadata["unit"] == parameter.unit, file.name
        pairs = list(dated(parameter, node))
        assert pairs
        for mine, theirs in pairs:
            assert (type(mine), mine) == (type(theirs), theirs), file.name


def test_areas_are_openfisca_nodes_and_an_end_is_an_end(tmp_path: Path) -> None:
    file = tmp_path / "share.yaml"
    file.write_text(BY_AREA, encoding="utf-8")
    node, parameter = load_parameter_file(str(file), "share"), ours("share", file.read_bytes())
    assert isinstance(node, ParameterNode)
    assert node("2025-06-01")["520100"] == 0.6
    assert node("2025-06-01")["default"] == 0.5
    assert [mine for mine, theirs in dated(parameter, node)] == [
        theirs for mine, theirs in dated(parameter, node)
    ]
    assert parameter.at(dt.date(2026, 2, 1)) is None
    assert node.children["default"]("2026-02-01") is None


def test_legal_references_stand_where_openfisca_keeps_them(tmp_path: Path) -> None:
    file = tmp_path / "share.yaml"
    file.write_text(BY_AREA, encoding="utf-8")
    node = load_parameter_file(str(file), "share")
    assert node.metadata["reference"] == "Notice 4"
    assert node.children["default"].values_list[0].metadata["reference"] == "Notice 5"
    assert node.children["520100"].values_list[0].metadata["reference"] == "Notice 7"
