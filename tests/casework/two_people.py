"""What each of several people does, in a process of its own, to the same cases of one installation: run by
`test_changing.py` as `two_people HOME NAME TASK WORDS...`. Each prints one line of JSON about how it went."""

from __future__ import annotations

import datetime as dt
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

from almoner import casework, home
from almoner.casework.core.event_kinds import EventKind
from almoner.casework.core.events import Held, MovedData

FIRST_DAY = dt.date(2030, 1, 1)
CASES = 20
WAIT = 60.0  # seconds for another process


def main() -> None:
    folder, name, task, *words = sys.argv[1:]
    casework.setup(home.load(Path(folder)))
    sys.stdout.write(json.dumps(TASKS[task](Path(folder), name, *words)))


def prepare(_folder: Path, _name: str) -> None:
    """Two people of everywhere, and cases whose keys are in the opposite order to their households'."""
    from almoner.casework.models import Department
    from casework.makers import Outbox, install_terms

    casework.migrate()
    install_terms()
    Department.objects.create(id="relief", label={"en": "Relief office"})
    for name in ("ada", "ben"):
        casework.create_user(name, None, "lead", ["*"], None, name)
    outbox = Outbox()
    for household in range(CASES, 0, -1):
        casework.apply([[outbox.signal(household)]])


def count(_folder: Path, name: str, times: str) -> Any:
    """Move one case's hold by a day, as often as `times`, each time as the page showed the case."""
    from almoner.casework.cases.changing import change_case
    from almoner.casework.core.audit import looked
    from almoner.casework.core.refusals import Stale

    done = stale = 0
    while done < int(times):
        seen = _case(1)
        looked(_user(name), seen, "case")
        try:
            with change_case(_user(name), seen.reference, seen.version) as (case, change):
                case.held_until = (case.held_until or FIRST_DAY) + dt.timedelta(days=1)
                change.record(case, held(case))
            done += 1
        except Stale:
            stale += 1
    return {"done": done, "stale": stale}


def linger(folder: Path, name: str) -> Any:
    """Change a case and stay in the middle of it until the other one has begun as well, and longer."""
    from almoner.casework.cases.changing import change_case

    seen = _case(1)
    with change_case(_user(name), seen.reference, seen.version) as (case, change):
        (folder / "lingers").touch()
        _await(folder / "begins")
        time.sleep(0.5)
        case.held_until = FIRST_DAY
        change.record(case, held(case))
        left = time.time()
    return {"left": left}


def follow(folder: Path, name: str) -> Any:
    """The same, on the page as it was before the other one has saved."""
    from almoner.casework.cases.changing import change_case
    from almoner.casework.core.refusals import Stale

    seen = _case(1)
    _await(folder / "lingers")
    (folder / "begins").touch()
    try:
        with change_case(_user(name), seen.reference, seen.version):
            return {"refused": False}
    except Stale:
        return {"refused": True, "at": time.time()}


def hand_round(folder: Path, name: str, times: str) -> Any:
    """Change each case, again and again, while a cycle goes through all of them in another order."""
    from almoner.casework.cases.changing import change_cases
    from almoner.casework.models import Case

    done = 0
    keys = list(Case.objects.order_by("pk").values_list("pk", flat=True))
    for number in range(int(times)):
        pair = {keys[number % len(keys)], keys[-1 - number % len(keys)]}
        with change_cases(pair, by=_user(name)) as change:
            for case in change.cases.values():
                change.touch(case)
                change.record(case, noted(case))
                done += 1
        (folder / f"{name}-has-begun").touch()
    return {"done": done}


def cycle(folder: Path, _name: str, times: str) -> Any:
    """Apply what cycles found to all cases, each household in a batch of its own, in one transaction."""
    from casework.makers import Outbox

    for name in ("ada", "ben"):
        _await(folder / f"{name}-has-begun")
    outbox, updated = Outbox(), 0
    outbox.seq = casework.last_seq()
    for number in range(int(times)):
        batches = [[outbox.signal(h, "changed", severity=number / 100)] for h in range(1, CASES + 1)]
        updated += casework.apply(batches).cases_updated
    return {"updated": updated}


def guess(_folder: Path, name: str, times: str) -> Any:
    """Guess at one notice's number, all at once and each from a network of its own."""
    from django.db import connection
    from django.db.models import Q

    from almoner.casework.models import Notice
    from almoner.casework.residents.code_tries import code_try, keyed

    now, together = dt.datetime.now(), Barrier(int(times))
    given = {"code_index": keyed("code"), "made_at": now, "made_by": _user(name), "answer_by": now}
    notice = Notice.objects.create(case=_case(1), **given)

    def once(number: int) -> bool:
        together.wait()
        try:
            with code_try(f"192.0.2.{number}", Q(pk=notice.pk)) as attempt:
                time.sleep(0.05)  # while it is compared
                return attempt.allowed
        finally:
            connection.close()

    with ThreadPoolExecutor(int(times)) as pool:
        allowed = sum(pool.map(once, range(int(times))))
    notice.refresh_from_db()
    return {"allowed": allowed, "locked": notice.locked_until is not None, "wrong": notice.wrong}


def state(_folder: Path, _name: str) -> Any:
    """The cases at the end."""
    from almoner.casework.models import Case, CaseEvent

    case = _case(1)
    return {
        "held_until": case.held_until.isoformat() if case.held_until else None,
        "version": case.version,
        "versions": sum(Case.objects.values_list("version", flat=True)),
        "holds": CaseEvent.objects.filter(case=case, kind="hold").count(),
        "notes": CaseEvent.objects.filter(kind="note").count(),
        "intact": all(check.intact for check in casework.verify_chains()),
    }


def held(case: Any) -> Held:
    """The event of a hold."""
    until = case.held_until.isoformat()
    return {"kind": EventKind.HOLD, "from": case.state, "to": case.state, "assignee": None, "until": until}


def noted(case: Any) -> MovedData:
    """The event of a note."""
    step = {"from": case.state, "to": case.state, "assignee": None, "note": "seen"}
    return {"kind": EventKind.NOTE, **step}  # type: ignore[typeddict-item]


def _case(household: int) -> Any:
    from almoner.casework.models import Case

    return Case.objects.get(household_id=household)


def _user(name: str) -> Any:
    from django.contrib.auth.models import User

    return User.objects.get(username=name)


def _await(file: Path) -> None:
    until = time.monotonic() + WAIT
    while not file.exists():
        assert time.monotonic() < until, f"{file.name} never came"
        time.sleep(0.01)


TASKS: dict[str, Any] = {
    "prepare": prepare,
    "count": count,
    "linger": linger,
    "follow": follow,
    "hand_round": hand_round,
    "cycle": cycle,
    "guess": guess,
    "state": state,
}
