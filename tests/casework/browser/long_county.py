"""An installation in which everything that somebody can name is very long: ``python long_county.py
FOLDER`` makes it of FOLDER/home, which is empty, and writes the code of a notice to FOLDER/code."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from almoner import casework
from almoner.home import load
from almoner.registry.vault import SealedIdentity, open_vault
from casework.browser.browsing import PASSWORD
from casework.browser.small_county import NUMBER
from casework.makers import Outbox, condition, words

NOW = dt.datetime.now()
UNBROKEN = "Pneumonoultramicroscopicsilicovolcanoconiosis"
LONG = words(f"{UNBROKEN * 3} {'and so on, ' * 20}", "极其冗长而且没有任何停顿的名称" * 12)
NAME = words((UNBROKEN * 3)[:120], ("欧阳司马上官诸葛" * 15)[:120])
NOTE = (UNBROKEN * 4)[:200] + ("没有停顿的备注" * 30)[:200]
STAFF = {"worker": ["5201"], "lead": ["52"], "auditor": [], "administrator": [], "clerk": []}


def build(folder: Path) -> None:
    home = load(folder / "home")
    casework.setup(home)
    casework.sync_areas(
        [
            ("5201", NAME, None),
            ("520101", NAME, "5201"),
            ("520102", NAME, "5201"),
            ("520101201", NAME, "520101"),
        ]
    )
    _residents(home.vault_key)
    _cases()
    users = {name: _user(name, areas) for name, areas in STAFF.items()}
    _lengthen()
    _worked(users)
    (folder / "code").write_text(_notice(users["worker"]))


def _user(name: str, areas: list[str]) -> Any:
    role = {"clerk": "department"}.get(name, name)
    user = casework.create_user(
        name, PASSWORD, role=role, areas=areas, department="relief" if name == "clerk" else None
    )
    user.first_name, user.last_name = UNBROKEN[:75] * 2, ("诸葛" * 75)[:150]
    user.save()
    return user


def _residents(key: Path) -> None:
    from almoner.casework.models import Department

    vault = open_vault(key)
    casework.identities().write(
        [
            SealedIdentity(
                person_id=person,
                number_index=vault.index(f"{person}"),
                number=vault.seal(person, "number", NUMBER),
                name=vault.seal(person, "name", NAME[language]),
                address=vault.seal(person, "address", LONG[language]),
            )
            for person, language in ((11, "en"), (12, "zh"))
        ]
    )
    casework.sync_members([(1, 11, NOW.date()), (1, 12, NOW.date())])
    for name in ("relief", "labour"):
        Department.objects.update_or_create(id=name, defaults={"label": LONG})


def _fact(**more: Any) -> dict[str, Any]:
    """A condition in which all that has a name is long."""
    evidence = condition(123_456_789_012.34, 987_654_321_098.76) | {
        "sql": f"{UNBROKEN.lower()} < :{UNBROKEN.lower()}",
        "sentence": LONG,
    }
    for operand in evidence["operands"]:
        operand |= {"label": LONG, "unit": f"{UNBROKEN}/month"}
        if operand["reference"]:
            operand["reference"] = LONG["en"]
        operand["feeds"] = [feed | {"label": LONG} for feed in operand["feeds"]]
    return evidence | more


def _cases() -> None:
    outbox = Outbox()
    layers = {
        "points": [{"id": f"group{n}", "label": LONG} for n in range(3)],
        "line": {"id": "line", "label": LONG, "department": "relief"},
    }
    common = {
        "label": LONG,
        "check": LONG,
        "why": LONG,
        "evidence": [_fact(), _fact(holds=None), _fact(holds=False)],
        "layers": layers,
    }
    changes = [
        outbox.signal(
            h, area="520101201", known_at=NOW - dt.timedelta(days=40), level=UNBROKEN[:40], **common
        )
        for h in range(1, 14)
    ]
    changes += [outbox.signal(1, signal=(UNBROKEN * 2)[:80], area="520101", known_at=NOW, **common)]
    proposal = outbox.proposal(1, known_at=NOW, area="520101201", amount=123_456_789_012.34)
    proposal.body.update(  # type: ignore[attr-defined]
        label=LONG,
        reference=LONG["en"],
        unit=f"{UNBROKEN[:30]}/month",
        eligible=[_fact()],
        exclusions=[{"label": LONG, "holds": False, "conditions": []}],
        steps=[
            {"id": f"s{n}", "label": LONG, "value": 123_456_789_012.34, "sentence": LONG} for n in range(2)
        ],
    )
    area = outbox.area("520101", known_at=NOW)
    area.body.update(
        label=LONG, alarm=LONG, level_label=LONG, theme_label=LONG, check=LONG, why=LONG, evidence=[_fact()]
    )  # type: ignore[attr-defined]
    casework.apply([[*changes, proposal, area]])


def _lengthen() -> None:
    """What the pack says of feeds and rules."""
    from almoner.casework.models import CalendarDay, FeedState, Label, Rule

    Label.objects.update(words=LONG)
    for rule in Rule.objects.all():
        for name in ("label", "check", "why"):
            if rule.body.get(name):
                rule.body[name] = LONG
        if rule.body.get("reference"):
            rule.body["reference"] = LONG["en"]
        rule.save()
    for feed in FeedState.objects.all():
        feed.label, feed.legal_basis, feed.purposes = LONG, LONG["en"], [LONG] * 3
        feed.fields = [field | {"label": LONG} for field in feed.fields]
        feed.complete_through, feed.rows_read, feed.rows_held_back = (
            NOW.date() - dt.timedelta(days=900),
            10**13,
            10**12,
        )
        feed.save()
    CalendarDay.objects.create(day=dt.date(2027, 1, 1), working=False, note=(UNBROKEN * 3)[:120])
    casework.sync_sweep(
        NOW.date(),
        10**12,
        10**12,
        [(rule.key, 10**12, 10**11, 10**11) for rule in Rule.objects.filter(kind="signal")],
    )


def _worked(users: dict[str, Any]) -> None:
    """A history with notes, a visit, referrals with the department, a map."""
    from almoner.casework.cases import workflow
    from almoner.casework.models import AreaOutline, Case, Grievance, Referral

    case = Case.objects.get(household_id=1)
    Case.objects.filter(household_id__in=range(3, 14)).update(state="confirmed", decided_at=NOW)
    day = NOW.date()
    for name, data in (
        ("take", {}),
        ("start", {}),
        ("plan", {"day": day}),
        ("seen", {"day": day, "found": "need", "note": NOTE}),
        ("note", {"note": NOTE}),
    ):
        case.refresh_from_db()
        workflow.act(users["worker"], case.reference, name, case.version, data)
    Referral.objects.update(state="sent", sent_at=NOW, due_at=NOW, note=NOTE)
    Grievance.objects.create(
        case=case,
        kind="correction",
        about="x",
        department="relief",
        person_id=11,
        asked_at=NOW,
        due_at=NOW,
        fact={
            "sentence": LONG,
            "feed": LONG,
            "values": [{"label": LONG, "value": 1.5, "unit": UNBROKEN}],
            "person": None,
        },
    )
    for place, code in enumerate(("520101", "520102")):
        AreaOutline.objects.create(
            code=code,
            path=f"M{place * 400},0h400v300h-400Z",
            west=place * 400,
            north=0,
            east=place * 400 + 400,
            south=300,
            x=place * 400 + 200,
            y=150,
        )


def _notice(worker: Any) -> str:
    from almoner.casework.models import Case
    from almoner.casework.residents import notices

    case = Case.objects.get(household_id=1)
    _notice, code = notices.make(
        worker, case.reference, case.version, list(case.signals.values_list("pk", flat=True))
    )
    return code


if __name__ == "__main__":
    build(Path(sys.argv[1]))
