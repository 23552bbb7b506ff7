"""What an installation on the tests' small pack holds, as rows by which two installations can be compared.

People go by their numbers, which are fictional, and households by the lowest number of theirs: ids differ
from one installation to another, and blind indexes from one key to the next.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from almoner import casework
from almoner.engines import open_engine
from almoner.home import load
from almoner.registry.vault import open_vault
from stream.burst import FEEDS, OWN, held
from stream.installation import inbox_of

CHAINS = "chains that hold"  # the name of the rows that say of each chain whether it is whole
BY_SLICES = ("events", "cleared signals")  # what depends on which events came in one slice
PROGRAM = "import sys; from benchmarks import kills_view; kills_view.write(sys.argv[1])"

_MEMBERS = """
    SELECT f.household_id, p.number_index, h.key_index
    FROM facts.people AS f
    JOIN registry.person AS p USING (person_id)
    JOIN registry.household AS h ON h.household_id = f.household_id
    WHERE f.known_to = 'infinity'
    """


def write(home: str) -> None:
    """Write the view of the installation to standard output, as JSON."""
    json.dump(view(Path(home)), sys.stdout)


def view(home: Path) -> dict[str, list[str]]:
    """The rows by their kind, each as text. The process is set up for this installation's casework."""
    place = load(home)
    casework.setup(place)
    from almoner.casework.models import Case, CaseEvent, CaseSignal, Identity, Referral

    vault = open_vault(place.vault_key)
    people = {
        row.person_id: vault.open(row.person_id, "number", bytes(row.number or b""))
        for row in Identity.objects.all()
    }
    names: dict[Any, Any] = {bytes(row.number_index): people[row.person_id] for row in Identity.objects.all()}
    lowest: dict[int, str] = {}
    with open_engine(place.facts, read_only=True) as engine:
        for household, person, key in engine.rows(_MEMBERS):
            lowest[household] = min(lowest.get(household, "Z"), names[person])
            names[key] = f"household of {lowest[household]}"
    rows: dict[str, list[Any]] = {"people": sorted(people.values(), key=str)}
    for kind, found in held(home).items():
        rows[kind] = [_named(row, names) for row in found] if isinstance(found, list) else [found]
    of = dict(Case.objects.values_list("id", "household_id"))
    rows["cases"] = [
        (lowest.get(case.household_id), case.state, case.level, case.severity) for case in Case.objects.all()
    ]
    for kind, cleared in (("signals", False), ("cleared signals", True)):
        signals = CaseSignal.objects.filter(cleared_on__isnull=not cleared)
        rows[kind] = [
            (lowest.get(of[s.case_id]), s.signal, people.get(s.person_id or 0), s.level) for s in signals
        ]
    rows["referrals"] = [
        (lowest.get(of[r.case_id]), r.programme, r.state, str(r.amount)) for r in Referral.objects.all()
    ]
    rows["events"] = [
        (lowest.get(of.get(event.case_id or 0, 0)), event.kind, _without_own(event.data))
        for event in CaseEvent.objects.order_by("number")
    ]
    rows[CHAINS] = [check.intact for check in casework.verify_chains()]
    inbox = inbox_of(home)
    rows["waiting"] = [event.data for feed in FEEDS for event in inbox.take(feed, 0, 9999, 10**9)]
    rows["accepted"] = [inbox.totals()["accepted"]]
    inbox.close()
    return {kind: [repr(row) for row in found] for kind, found in rows.items()}


def _named(row: Any, names: dict[Any, Any]) -> tuple[Any, ...]:
    return tuple(names.get(value, value) if isinstance(value, bytes) else value for value in row)


def _without_own(text: str) -> dict[str, Any]:
    kept = {k: v for k, v in json.loads(text).items() if k not in OWN and not k.endswith("_at")}
    return dict(sorted(kept.items()))
