"""What a department may see of a referral: the persons concerned, and the facts that its programme reads.

The lineage of the pack in use decides (`pack_tables.shown`), not the stored evidence. If the agreement of a
feed has changed since, or the programme is gone, less is shown. Whatever is not known to be allowed is
hidden.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlglot.errors import SqlglotError

from almoner.assessment.expressions import names, parse
from almoner.casework.core.vault_rows import Person, people
from almoner.casework.models import Department, Referral, Rule
from almoner.casework.models.people import needed_to_deliver

Part = Mapping[str, Any]
KEPT = (  # keys that describe the programme and its terms, and are always shown
    "programme",
    "proposes",
    "label",
    "subject",
    "kind",
    "department",
    "unit",
    "within",
    "participation",
    "reference",
    "pays_first",
    "verify_within",
    "notice",
    "lasts",
    "local_check",
    "authorises",
    "category",
    "check",
    "valid_until",
    "review_on",
)


def people_for(referral: Referral) -> list[Person]:
    """The persons that a referral concerns, with the fields that its department needs. Callers must record
    the access."""
    fields = Department.objects.filter(pk=referral.department).values_list("identity", flat=True).first()
    found = people(referral.case.household_id, needed_to_deliver() if fields is None else fields)
    return [person for person in found if referral.person_id in {None, person.person_id}]


def body_for(referral: Referral, shows: Mapping[str, frozenset[str]] | None = None) -> dict[str, Any]:
    """The part of a referral's evidence that its department may see.

    `shows` is the result of `lineages` when several referrals are shown.
    """
    programme = referral.programme.partition(":")[0]
    seen = (lineages([referral]) if shows is None else shows).get(programme, frozenset())
    return part_of(referral.body, seen)


def lineages(referrals: Iterable[Referral]) -> dict[str, frozenset[str]]:
    """The columns that a department may see, by the id of the programme or category."""
    keys = {referral.programme.partition(":")[0] for referral in referrals}
    rows = Rule.objects.filter(kind__in=["programme", "category"], key__in=keys).values_list("key", "body")
    return {key: frozenset(body.get("shows", ())) for key, body in rows}


def part_of(body: Part, seen: frozenset[str]) -> dict[str, Any]:
    """The parts of stored evidence that rest only on the columns in `seen`."""
    exclusions = [kept for part in body["exclusions"] if (kept := _named(part, seen))]
    goes_on = body.get("goes_on")
    return {name: body[name] for name in KEPT if name in body} | {
        "steps": _steps(body["steps"], seen),
        "eligible": _conditions(body["eligible"], seen),
        "exclusions": exclusions,
        "causes": [kept for part in body.get("causes") or () if (kept := _named(part, seen))],
        "guards": [kept for part in body.get("guards") or () if (kept := _named(part, seen))],
        "goes_on": _named(goes_on, seen) if goes_on else None,
    }


def _conditions(conditions: Sequence[Part], seen: frozenset[str]) -> list[Part]:
    return [condition for condition in conditions if _is_seen(condition, seen)]


def _is_seen(condition: Part, seen: frozenset[str]) -> bool:
    """Whether a condition reads only columns in `seen`.

    Its SQL is checked too, because amounts of earlier programmes are not listed among the operands.
    """
    listed = {operand["name"] for operand in condition["operands"] if operand["kind"] == "indicator"}
    return seen.issuperset(listed) and seen.issuperset(_read_by(condition["sql"]))


@lru_cache(maxsize=1_000)
def _read_by(sql: str) -> frozenset[str]:
    try:
        columns, _parameters = names(parse(sql))
    except SqlglotError:
        return frozenset({sql})  # no column has this name, so the condition is hidden
    return frozenset(columns)


def _named(part: Part, seen: frozenset[str]) -> Part | None:
    """The part when all its conditions may be shown, else None."""
    whole = all(_is_seen(condition, seen) for condition in part["conditions"])
    return part if whole and seen.issuperset(part.get("columns", ())) else None


def _steps(steps: Sequence[Part], seen: frozenset[str]) -> list[Part]:
    """Steps that rest only on visible columns and visible earlier steps. A step without known columns is
    hidden."""
    known, found = set(seen), list[Part]()
    for step in steps:
        if "columns" in step and known.issuperset(step["columns"]):
            known.add(step["id"])
            found.append({**step, "is_amount": step is steps[-1]})
    return found
