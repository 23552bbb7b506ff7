"""Lists the references of a pack's numbers and rules, by how far each can be trusted.

The marks are words in the reference's own text, so that readers of the file see them too; see *References* in
docs/packs.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from almoner.policy.model.legal_terms import in_brief
from almoner.policy.model.pack import Pack
from almoner.policy.model.terms import Words

ReferenceStatus = Literal["general knowledge", "example value", "setting", "document"]
STANDINGS: tuple[ReferenceStatus, ...] = ("general knowledge", "example value", "setting", "document")
_MARKS: tuple[tuple[ReferenceStatus, tuple[str, ...]], ...] = (
    ("general knowledge", ("general knowledge", "一般了解")),
    ("example value", ("example value", "check the original", "read on a mirror", "示例值", "待核对原文")),
    ("setting", ("setting of this pack", "本包设定")),
)


@dataclass(frozen=True, kw_only=True)
class Reference:
    """One thing that needs a source, and the source it names. `value` is the value of a parameter
    with its unit, or of a term, else empty."""

    part: Literal["parameters", "terms", "categories", "programmes", "contracts"]
    item: str
    label: Words
    where: str  # of a parameter or a term: area and date
    value: str
    reference: str
    standing: ReferenceStatus


def standing(reference: str) -> ReferenceStatus:
    """How a reference is marked. The weakest mark counts where there are several."""
    text = reference.casefold()
    return next((kind for kind, marks in _MARKS if any(mark in text for mark in marks)), "document")


def references(pack: Pack) -> list[Reference]:
    """All of the pack's references, the weakest first, within a kind in the order of the pack."""
    found = [*_parameters(pack), *_terms(pack), *_rules(pack), *_contracts(pack)]
    return sorted(found, key=lambda r: STANDINGS.index(r.standing))


def _parameters(pack: Pack) -> Iterator[Reference]:
    for parameter in pack.parameters.values():
        for area, values in parameter.areas.items():
            for dated in values:
                where = f"{area + ', ' if area else ''}from {dated.since}"
                unit = f" {parameter.unit}" if parameter.unit and parameter.unit != "1" else ""
                value = "ended" if dated.value is None else f"{dated.value}{unit}"
                yield Reference(
                    part="parameters",
                    item=parameter.id,
                    label=parameter.label,
                    where=where,
                    value=value,
                    reference=dated.reference,
                    standing=standing(dated.reference),
                )


def _terms(pack: Pack) -> Iterator[Reference]:
    for term in pack.terms.values():
        for dated in term.values:
            where, value = f"from {dated.since}", in_brief(dated.value)
            mark = standing(dated.reference)
            yield Reference(
                part="terms",
                item=term.id,
                label=term.label,
                where=where,
                value=value,
                reference=dated.reference,
                standing=mark,
            )


def _rules(pack: Pack) -> Iterator[Reference]:
    for c in pack.categories.values():
        yield Reference(
            part="categories",
            item=c.id,
            label=c.label,
            where="",
            value="",
            reference=c.reference,
            standing=standing(c.reference),
        )
    for p in pack.programmes.values():
        yield Reference(
            part="programmes",
            item=p.id,
            label=p.label,
            where="",
            value="",
            reference=p.reference,
            standing=standing(p.reference),
        )


def _contracts(pack: Pack) -> Iterator[Reference]:
    for feed in pack.feeds.values():
        basis = feed.legal_basis
        yield Reference(
            part="contracts",
            item=feed.id,
            label=feed.label,
            where="",
            value="",
            reference=basis,
            standing=standing(basis),
        )
